// What an app is told when an operation is refused; the socket stays throughout.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { CURRENT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

const NO_ROOM = '0123456789abcdef01234567';
const NO_MESSAGE = 'AAAAAAAAAAAAAAAAAAAAAA';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const sdk of CURRENT) {
  describe(`refusals with ${sdk.name}`, () => {
    let alice;
    let bob;
    let room;
    let sent;
    let disconnected = false;
    before(async () => {
      alice = await logIn(sdk, server);
      bob = await logIn(sdk, server);
      room = await alice.createRoom();
      sent = await alice.say(room, 'mine');
      alice.realtime.on('disconnect', () => { disconnected = true; });
    });
    after(() => assert.equal(disconnected, false, 'the socket stayed'));

    const unknownRoom = () => alice.client.parseConversation({ id: NO_ROOM, transient: true });

    it('4103 for a client id of 65 characters, none for 64', async () => {
      await refused(alice.realtime.createIMClient('x'.repeat(65)), 4103);
      const longest = await logIn(sdk, server, unique('x').padEnd(64, '席'));
      assert.equal(longest.id.length, 64);
    });

    it('4109 for a message over 5 KB, and the next one goes through', async () => {
      const error = await refused(alice.say(room, 'x'.repeat(5 * 1024 + 1)), 4109);
      assert.equal(error.name, 'FRAME_TOO_LONG');
      const options = { pushData: { alert: 'y'.repeat(5000) } };
      await refused(alice.say(room, 'z'.repeat(1000), options), 4109, 'push data counts');
      await alice.say(room, 'short');
    });

    it('4303 for joining a room that is not there', async () => {
      await refused((await unknownRoom()).join(), 4303);
    });

    it('4401 for sending to a room that is not there', async () => {
      const error = await refused(alice.say(await unknownRoom(), 'hello?'), 4401);
      assert.equal(error.message, 'INVALID_MESSAGING_TARGET');
    });

    it('4403 for editing or recalling a message of somebody else', async () => {
      const bobRoom = await bob.join(room.id);
      const { id, timestamp } = sent;
      await refused(bobRoom.recall({ id, timestamp }), 4403);
      await refused(bobRoom.update({ id, timestamp }, new bob.module.TextMessage('yours')), 4403);
    });

    it('4404 for recalling a message that is not there', async () => {
      const error = await refused(room.recall({ id: NO_MESSAGE, timestamp: sent.timestamp }), 4404);
      assert.match(`${error.name} ${error.message}`, /MESSAGE_NOT_FOUND/);
    });

    it('4309 for updating a room one is not in', async () => {
      const host = await logIn(sdk, server);
      const { id } = await host.createRoom();
      const outside = await alice.client.getConversation(id);
      outside.set('colour', 'red');
      await refused(outside.save(), 4309);
    });

    it('4306 for reserved keys and for attributes beyond 16 KB', async () => {
      for (const key of ['tr', 'c', 'm', 'objectId', 'createdAt']) {
        const handle = await alice.client.getConversation(room.id, true);
        handle.set(key, 'x');
        await refused(handle.save(), 4306, `update of ${key}`);
      }
      const handle = await alice.client.getConversation(room.id, true);
      handle.set('attr.large', 'x'.repeat(17 * 1024));
      await refused(handle.save(), 4306, 'large attributes');
    });

    it('4310 for a query by place, and for one that is no query', async () => {
      const query = (key, operator, value) => alice.client.getChatRoomQuery()._addCondition(key, operator, value).find();
      await refused(query('attr.place', '$nearSphere', { __type: 'GeoPoint', latitude: 39.9, longitude: 116.4 }), 4310);
      await refused(query('name', '$where', 'true'), 4310);
      await refused(query('name', '$regex', '('), 4310);
    });

    it('4314 for taking somebody else along', async () => {
      const { failures } = await room.add([bob.id]).catch((error) => ({ failures: [error] }));
      assert.equal(failures[0]?.code, 4314);
    });

    it('4316 for conversations that are no chat rooms', async () => {
      await refused(alice.client.createConversation({ members: [bob.id], name: 'a group' }), 4316);
      await refused(alice.client.createTemporaryConversation({ members: [bob.id] }), 4316);
      await refused(alice.client.getConversation('_tmp:0123456789abcdef'), 4316);
    });
  });
}
