// Kinds of messages: transient, mentions, binary bodies, and wills.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT, V4, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';

let server;
before(async () => {
  server = await startServer({ config: { limits: { will_grace: '4s' } } });
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

async function pair(sdk) {
  const alice = await logIn(sdk, server);
  const bob = await logIn(sdk, server);
  const room = await alice.createRoom();
  const bobRoom = await bob.join(room.id);
  return { alice, bob, room, bobRoom };
}

for (const sdk of CURRENT) {
  describe(`messages with ${sdk.name}`, () => {
    it('delivers a transient one and keeps it out of history', async () => {
      const { alice, bob, room, bobRoom } = await pair(sdk);
      const sent = await alice.say(room, 'typing …', { transient: true });
      assert.match(sent.id, /^[\w-]{20,}$/);
      const heard = await bob.hears('typing …');
      assert.equal(heard.id, sent.id);
      await alice.say(room, 'done');
      const history = await bobRoom.queryMessages();
      assert.deepEqual(history.map((message) => message.getText()), ['done']);
    });

    it('carries mentions to receivers and into history', async () => {
      const { alice, bob, room, bobRoom } = await pair(sdk);
      const toBob = new alice.module.TextMessage('to Bob').setMentionList([bob.id, 'somebody']);
      const toAll = new alice.module.TextMessage('to all').mentionAll();
      const toOther = new alice.module.TextMessage('to another').setMentionList(['somebody']);
      for (const message of [toBob, toAll, toOther]) await room.send(message);
      await bob.hears('to another');
      assert.deepEqual(bob.messages.items.map((item) => item.mentioned), [true, true, false]);
      assert.deepEqual(bob.messages.items[0].message.mentionList, [bob.id, 'somebody']);
      const history = await bobRoom.queryMessages();
      assert.deepEqual(history.map((message) => message.mentioned), [true, true, false]);
      assert.deepEqual(history.map((message) => message.mentionedAll === true), [false, true, false]);
    });

    it('carries binary bodies, edits of them too', async () => {
      const { alice, bob, room, bobRoom } = await pair(sdk);
      const bytes = (...values) => new Uint8Array(values).buffer;
      const { BinaryMessage } = alice.module;
      const sent = await room.send(new BinaryMessage(bytes(0, 255, 128, 10)));
      const heard = await bob.messages.find((item) => item.id === sent.id, 'the binary message');
      assert.deepEqual(new Uint8Array(heard.message.buffer), new Uint8Array([0, 255, 128, 10]));
      await room.update(sent, new BinaryMessage(bytes(1, 254)));
      const edit = await bob.edits.find((item) => item.id === sent.id, 'the binary edit');
      // Both releases hand the body of a binary edit out as the byte buffer of their protobuf library.
      assert.deepEqual(new Uint8Array(edit.message.content.toArrayBuffer()), new Uint8Array([1, 254]));
      const [stored] = await bobRoom.queryMessages();
      assert.deepEqual(new Uint8Array(stored.buffer), new Uint8Array([1, 254]));
    });

    it('carries any text as it is', async () => {
      const { alice, bob, room } = await pair(sdk);
      const texts = [' ', '弹幕 🎉 \u0000 "quoted" \\', '{"_lctype":', 'x'.repeat(4096)];
      for (const text of texts) await room.send(new alice.module.Message(text));
      await bob.hears(texts.at(-1));
      assert.deepEqual(bob.heardTexts(), texts);
    });
  });
}

it('sends a will when its sender is gone, once, with the id of its ack', async () => {
  const { alice, bob, room } = await pair(V5);
  const will = await alice.say(room, 'Alice has left', { will: true });
  await alice.say(room, 'before');
  await bob.hears('before');
  assert.deepEqual(bob.heardTexts(), ['before'], 'held while its sender is here');
  await alice.goAway();
  const heard = await bob.hears('Alice has left');
  assert.equal(heard.id, will.id);
  assert.equal(heard.from, alice.id);
  alice.abandon();
});

it('holds a will through a short loss of the socket', async () => {
  const { alice, bob, room } = await pair(V4);
  const will = await alice.say(room, 'gone for good', { will: true });
  await alice.goAway();
  await alice.comeBack();
  await alice.say(room, 'still here');
  await bob.hears('still here');
  await alice.goAway();
  const heard = await bob.hears('gone for good');
  assert.equal(heard.id, will.id);
  assert.deepEqual(bob.heardTexts(), ['still here', 'gone for good']);
  alice.abandon();
});

it('forgets a will at logout', async () => {
  const { alice, bob, room } = await pair(V5);
  const carol = await logIn(V5, server);
  const carols = await carol.join(room.id);
  await alice.say(room, 'never to be heard', { will: true });
  await alice.logOut();
  // Carol's will is made and triggered later: by the time it is heard, Alice's would have been, too.
  await carol.say(carols, 'a later will', { will: true });
  await carol.goAway();
  await bob.hears('a later will');
  assert.deepEqual(bob.heardTexts(), ['a later will']);
  carol.abandon();
});
