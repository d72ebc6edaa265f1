// A lost socket: the SDK reopens its session, and the server puts it back where it was.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT, V4, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventually, unique, withDeadline } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const sdk of CURRENT) {
  describe(`after a lost socket, ${sdk.name}`, () => {
    it('is back in its room by itself, and gets the HIGH messages of the gap', async () => {
      const alice = await logIn(sdk, server);
      const bob = await logIn(sdk, server);
      const room = await alice.createRoom();
      const bobRoom = await bob.join(room.id);
      await alice.normal(room, 'before');
      await bob.hears('before');

      await bob.goAway();
      await eventually(async () => (await room.count()) === 1, 'Bob is not counted');
      assert.deepEqual(await alice.client.ping([bob.id]), []);
      const first = await alice.high(room, 'gap: first gift');
      await alice.normal(room, 'gap: comment');
      await alice.low(room, 'gap: like');
      await alice.say(room, 'gap: transient', { transient: true });
      const recalled = await alice.high(room, 'gap: recalled gift');
      await room.recall(recalled);
      const edited = await alice.high(room, 'gap: gfit');
      await room.update(edited, new alice.module.TextMessage('gap: edited gift'));
      const last = await alice.high(room, 'gap: last gift');

      await bob.comeBack();
      await alice.normal(room, 'after');
      await bob.hears('after');
      await bob.hears('gap: last gift');
      assert.equal(await room.count(), 2);
      const gap = bob.messages.items.filter(({ text }) => text?.startsWith('gap: '));
      const ids = [...new Set(gap.map(({ id }) => id))];
      assert.deepEqual(ids, [first.id, edited.id, last.id], JSON.stringify(bob.heardTexts()));
      assert.equal(gap.find(({ id }) => id === edited.id).text, 'gap: edited gift');
      await bob.say(bobRoom, 'I can speak');
      await alice.hears('I can speak');
    });

    it('returns without help from the app', async () => {
      const alice = await logIn(sdk, server);
      const bob = await logIn(sdk, server);
      const room = await alice.createRoom();
      await bob.join(room.id);
      const back = withDeadline(bob.back(), 'Bob back');
      await bob.loseSocket();
      await back;
      await alice.say(room, 'welcome back');
      await bob.hears('welcome back');
    });

    it('is not put back into a room it left on purpose', async () => {
      const alice = await logIn(sdk, server);
      const bob = await logIn(sdk, server);
      const room = await alice.createRoom();
      const bobRoom = await bob.join(room.id);
      await bobRoom.quit();
      await bob.goAway();
      await bob.comeBack();
      assert.equal(await room.count(), 1);
    });
  });
}

it('puts a fresh login of the client id back, too, unless it had logged out', async () => {
  const id = unique('reload');
  const alice = await logIn(V5, server);
  const room = await alice.createRoom();
  const page = await logIn(V5, server, id);
  await page.join(room.id);
  await page.goAway();
  await eventually(async () => (await room.count()) === 1, 'the page is gone');
  await alice.high(room, 'while the page reloaded');

  const reloaded = await logIn(V4, server, id);
  assert.equal(await room.count(), 2);
  await reloaded.hears('while the page reloaded');
  await reloaded.logOut();
  page.abandon();

  const later = await logIn(V4, server, id);
  assert.equal(await room.count(), 1);
  await later.logOut();
});

it('sends edits of the gap for messages that were heard before it', async () => {
  const alice = await logIn(V4, server);
  const bob = await logIn(V5, server);
  const room = await alice.createRoom();
  await bob.join(room.id);
  const sent = await alice.normal(room, 'will change');
  await bob.hears('will change');
  await bob.goAway();
  await eventually(async () => (await room.count()) === 1, 'Bob is gone');
  await room.update(sent, new alice.module.TextMessage('has changed'));
  await bob.comeBack();
  await bob.edits.find((edit) => edit.text === 'has changed', 'the edit made in the gap');
});
