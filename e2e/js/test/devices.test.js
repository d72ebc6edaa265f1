// One client id on two devices: copies, counts, one room for both, and tags that admit only one.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logInBeside, logOutAll } from '../sdk/client.js';
import { V4, V4_TEXT, V5, V5_TEXT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const [first, second] of [[V4, V5_TEXT], [V5, V4_TEXT]]) {
  describe(`one client id on ${first.name} and ${second.name}`, () => {
    it('gives the other device a copy and the sending one none', async () => {
      const id = unique('twice');
      const phone = await logIn(first, server, id);
      const tablet = await logIn(second, server, id);
      const room = await phone.createRoom();
      const onTablet = await tablet.join(room.id);
      assert.equal(await room.count(), 1, 'two sessions of one client id count once');

      await phone.say(room, 'from the phone');
      const copy = await tablet.hears('from the phone');
      assert.equal(copy.from, id);
      await tablet.say(onTablet, 'from the tablet');
      await phone.hears('from the tablet');
      assert.deepEqual(phone.heardTexts(), ['from the tablet']);
      assert.deepEqual(tablet.heardTexts(), ['from the phone']);

      const edited = await phone.say(room, 'tpyo');
      await tablet.hears('tpyo');
      await room.update(edited, new phone.module.TextMessage('typo'));
      await tablet.edits.find((edit) => edit.text === 'typo', 'the edit on the other device');
    });

    it('does not tell a device that never joined', async () => {
      const id = unique('half');
      const inside = await logIn(first, server, id);
      const outside = await logIn(second, server, id);
      const speaker = await logIn(first, server);
      const room = await inside.createRoom();
      const speakersRoom = await speaker.join(room.id);
      await speaker.high(speakersRoom, 'members only');
      await inside.hears('members only');
      await outside.join(room.id);
      await speaker.say(speakersRoom, 'both now');
      await outside.hears('both now');
      assert.deepEqual(outside.heardTexts(), ['both now']);
    });

    it('takes both devices out of a room when one joins another', async () => {
      const id = unique('moves');
      const phone = await logIn(first, server, id);
      const tablet = await logIn(second, server, id);
      const host = await logIn(first, server);
      const old = await host.createRoom();
      await phone.join(old.id);
      await tablet.join(old.id);
      assert.equal(await old.count(), 2);

      const next = await tablet.createRoom();
      assert.equal(await old.count(), 1);
      await host.high(old, 'to an empty stand');
      await phone.join(next.id);
      await tablet.say(next, 'in the new one');
      await phone.hears('in the new one');
      assert.deepEqual(phone.heardTexts(), ['in the new one']);
    });

    it('ends the older session of a tag with a conflict, for good', async () => {
      const id = unique('tagged');
      const older = await logIn(first, server, id, { tag: 'mobile' });
      const newer = await logIn(second, server, id, { tag: 'mobile' });
      await older.conflicts.find(() => true, 'the conflict');
      const room = await newer.createRoom();
      assert.equal(await room.count(), 1);
      assert.deepEqual(await newer.client.ping([id]), [id]);
      older.abandon();
    });

    it('lets different tags, and no tags, live side by side', async () => {
      const id = unique('many');
      const users = [];
      for (const tag of ['mobile', 'web', undefined, 'default']) {
        users.push(await logIn(users.length % 2 ? second : first, server, id, { tag }));
      }
      const room = await users[0].createRoom();
      for (const user of users.slice(1)) await user.join(room.id);
      await users[0].say(room, 'to all of me');
      await Promise.all(users.slice(1).map((user) => user.hears('to all of me')));
      assert.ok(users.every((user) => user.conflicts.items.length === 0));
    });
  });
}

for (const sdk of [V4, V4_TEXT, V5, V5_TEXT]) {
  it(`carries three clients on one socket with ${sdk.name}`, async () => {
    const first = await logIn(sdk, server);
    const second = await logInBeside(first);
    const third = await logInBeside(first);
    assert.equal(first.socket, third.socket);
    const room = await first.createRoom();
    const seconds = await second.join(room.id);
    await third.join(room.id);
    assert.equal(await room.count(), 3);

    await second.say(seconds, 'one frame each');
    await Promise.all([first.hears('one frame each'), third.hears('one frame each')]);
    await first.say(room, 'and from the first');
    await Promise.all([second.hears('and from the first'), third.hears('and from the first')]);
    assert.deepEqual(second.heardTexts(), ['and from the first']);

    await third.logOut();
    assert.equal(await room.count(), 2);
    const back = [first.back(), second.back()];
    await first.loseSocket();
    await Promise.all(back);
    await second.say(seconds, 'both are back');
    await first.hears('both are back');
  });

  it(`hears the room after a log-out and a log-in as somebody else with ${sdk.name}`, async () => {
    const host = await logIn(sdk, server);
    const room = await host.createRoom();
    const before = await logIn(sdk, server);
    await before.join(room.id);
    await before.logOut();
    const after = await logInBeside(before);
    await after.join(room.id);
    await host.say(room, 'for whoever is there now');
    await after.hears('for whoever is there now');
  });

  it(`gets a client id from the server with ${sdk.name}`, async () => {
    const nameless = await logIn(sdk, server, null);
    assert.match(nameless.id, /^[\w-]{24,64}$/);
    const room = await nameless.createRoom();
    assert.equal(room.creator, nameless.id);
    const host = await logIn(sdk, server);
    const hosts = await host.join(room.id);
    await host.say(hosts, 'hello, stranger');
    await nameless.hears('hello, stranger');
  });
}
