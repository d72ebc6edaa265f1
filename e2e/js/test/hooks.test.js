// Hooks in an unmodified cloud engine, and what their answers do to an unmodified SDK.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HOOK_KEY, startEngine } from '../engine/engine.js';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V4_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

let engine;
let server;
before(async () => {
  engine = await startEngine();
  server = await startServer({ app: { hooks: { engine: engine.url, hook_key: HOOK_KEY } } });
});
after(async () => {
  await logOutAll();
  await server?.dispose();
  await engine?.dispose();
});

async function company(sdk) {
  const alice = await logIn(sdk, server, unique('alice'));
  const bob = await logIn(sdk, server, unique('bob'));
  const room = await alice.createRoom();
  return { alice, bob, room, bobRoom: await bob.join(room.id) };
}

/** The engine's own words reach the app. Of a refused message this SDK hands on the code alone. */
function saysNo(error) {
  assert.equal(error.appCode, 4711, error.message);
  if (error.code !== 4402) assert.equal(error.detail, 'the engine says no');
}

const IS_ADDRESS = /^127\.0\.0\.1$/;

for (const sdk of [V4_TEXT, V5]) {
  describe(`leancloud-realtime ${sdk.name} and leanengine`, () => {
    it('a room from its start to its end is told', async () => {
      const { alice, bob, room, bobRoom } = await company(sdk);
      const online = await engine.called('onIMClientOnline', { peerId: bob.id });
      assert.match(online.sourceIP, IS_ADDRESS);
      assert.equal(online.reconnect, 0);

      const started = await engine.called('onIMConversationStart', { initBy: alice.id });
      assert.deepEqual(started.members, [alice.id]);
      assert.equal(started.attr.name, room.name);
      await engine.called('onIMConversationStarted', { convId: room.id });
      for (const hook of ['onIMConversationAdd', 'onIMConversationAdded']) {
        const { convId, members } = await engine.called(hook, { initBy: bob.id });
        assert.deepEqual([convId, members], [room.id, [bob.id]]);
      }

      const sent = await alice.say(room, 'kick-off');
      const before = await engine.called('onIMMessageReceived', { fromPeer: alice.id });
      assert.deepEqual(
        { convId: before.convId, toPeers: before.toPeers, transient: before.transient, bin: before.bin },
        { convId: room.id, toPeers: [bob.id], transient: false, bin: false },
      );
      assert.equal(JSON.parse(before.content)._lctext, 'kick-off');
      assert.match(before.sourceIP, IS_ADDRESS);
      const after = await engine.called('onIMMessageSent', { msgId: sent.id });
      assert.equal(after.timestamp, Number(sent.timestamp));
      assert.deepEqual([after.fromPeer, after.onlinePeers, after.offlinePeers], [alice.id, [bob.id], []]);

      await alice.client.getConversation(room.id).then((own) => own.recall(sent));
      const recall = await engine.called('onIMMessageUpdate', { msgId: sent.id });
      assert.equal(recall.recall, true);

      await bobRoom.quit();
      const left = await engine.called('onIMConversationRemoved', { initBy: bob.id });
      assert.deepEqual([left.convId, left.members], [room.id, [bob.id]]);
      assert.deepEqual(engine.of('onIMConversationRemove'), [], 'nobody was taken out by somebody else');

      const next = await alice.createRoom();
      const moved = await engine.called('onIMConversationRemoved', { initBy: alice.id });
      assert.equal(moved.convId, room.id, 'who goes to another room leaves the first');
      await alice.logOut();
      await engine.called('onIMConversationRemoved', { convId: next.id });
      const offline = await engine.called('onIMClientOffline', { peerId: alice.id });
      assert.equal(offline.closeCode, 1);
    });

    it('a lost connection and an automatic return are told as such', async () => {
      const alice = await logIn(sdk, server, unique('alice'));
      await engine.called('onIMClientOnline', { peerId: alice.id, reconnect: 0 });
      const back = alice.back();
      await alice.loseSocket();
      const lost = await engine.called('onIMClientOffline', { peerId: alice.id });
      assert.equal(lost.closeCode, 2);
      assert.equal(lost.sourceIP, undefined);
      await back;
      const online = await engine.called('onIMClientOnline', { peerId: alice.id, reconnect: 1 });
      assert.match(online.sourceIP, IS_ADDRESS);
    });

    it('a refusal reaches the sender with the words of the engine', async () => {
      const { alice, room } = await company(sdk);
      saysNo(await refused(alice.say(room, 'refuse me'), 4402));
      const sent = await alice.say(room, 'fine');
      const edit = new alice.module.TextMessage('refuse me');
      saysNo(await refused(room.update(sent, edit), 4405));
    });

    it('rooms that the engine does not want are not made, joined or renamed', async () => {
      const { alice, room } = await company(sdk);
      saysNo(await refused(alice.createRoom({ name: 'refuse me' }), 4305));
      const unwanted = await logIn(sdk, server, unique('unwanted'));
      saysNo(await refused(unwanted.join(room.id), 4305));
      room.name = 'refuse me';
      saysNo(await refused(room.save(), 4305));
    });

    it('what the engine puts in its place is what everybody sees', async () => {
      const { alice, bob, room } = await company(sdk);
      const sent = await alice.say(room, 'a bad word');
      await bob.hears('a ***');
      await room.update(sent, new alice.module.TextMessage('another bad word'));
      await bob.edits.find((message) => message.text === 'another ***', 'the edited text');
      room.name = 'theirs';
      await room.save();
      const update = await bob.updates.find((one) => one.roomId === room.id, 'the new name');
      assert.equal(update.attributes.name, 'ours');
    });

    it('a message for some reaches nobody else', async () => {
      const { alice, bob, room } = await company(sdk);
      const carol = await logIn(sdk, server, unique('carol'));
      await carol.join(room.id);
      await alice.say(room, `only for ${carol.id}`);
      await alice.say(room, 'for all');
      await bob.hears('for all');
      await carol.hears('for all');
      assert.deepEqual(carol.heardTexts(), [`only for ${carol.id}`, 'for all']);
      assert.deepEqual(bob.heardTexts(), ['for all']);
    });

    it('a function that throws stops nobody, and is asked the next time', async () => {
      const { alice, bob, room } = await company(sdk);
      await alice.say(room, 'throw');
      await bob.hears('throw');
      // More often than the breaker allows: whoever finds such a message cannot switch the hooks off.
      for (let count = 0; count < 6; count += 1) await alice.say(room, 'crash');
      saysNo(await refused(alice.say(room, 'refuse me'), 4402));
    });
  });
}
