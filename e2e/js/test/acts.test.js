// Acts of an app's back end through the unmodified SDKs: kick from a room, purge, broadcast.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V3, V4, V5, V5_TEXT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventually, Inbox } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

/** A call of the app's back end. */
async function backEnd(method, path, body) {
  const headers = {
    'X-LC-Id': server.appId,
    'X-LC-Key': `${server.app.master_key},master`,
    'Content-Type': 'application/json',
  };
  const answer = await fetch(`${server.url}/1.2/rtm${path}`, { method, headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

/** A host with a room, and a member in it. */
async function hostAndMember(sdk) {
  const host = await logIn(V5, server);
  const member = await logIn(sdk, server);
  const room = await host.createRoom();
  const view = await member.join(room.id);
  return { host, member, room, view };
}

for (const sdk of [V3, V4, V5, V5_TEXT]) {
  describe(`acts of the back end with ${sdk.name}`, () => {
    it('takes a member out of a room, who is told and may come back', async () => {
      const { host, member, room, view } = await hostAndMember(sdk);
      const kicks = new Inbox(`kicks of ${member.id}`);
      member.client.on('kicked', (payload, conversation) => kicks.push({ ...payload, room: conversation.id }));
      view.on('kicked', () => kicks.push({ room: 'by the room itself' }));
      const { removed } = await backEnd('DELETE', `/chatrooms/${room.id}/members`, { client_ids: [member.id] });
      assert.deepEqual(removed, [member.id]);
      await kicks.find((kick) => kick.room === room.id, 'kicked');
      await kicks.find((kick) => kick.room === 'by the room itself', 'kicked of the room');
      assert.equal(await room.count(), 1);
      await host.say(room, 'without the member');
      await view.join();
      await host.say(room, 'welcome back');
      await member.hears('welcome back');
      assert.ok(!member.heardTexts().includes('without the member'));
    });

    it('keeps a member out for a time', async () => {
      const { member, room, view } = await hostAndMember(sdk);
      const kicked = new Promise((resolve) => member.client.once('kicked', resolve));
      const body = { client_ids: [member.id], block_seconds: 3600 };
      await backEnd('DELETE', `/chatrooms/${room.id}/members`, body);
      await kicked;
      await refused(view.join(), 4548);
      await backEnd('DELETE', `/chatrooms/${room.id}/blacklists`, { client_ids: [member.id] });
      await view.join();
    });

    it('does not bring back who was taken out while its connection was lost', async () => {
      const { host, member, room } = await hostAndMember(sdk);
      await member.goAway();
      await eventually(async () => (await room.count()) === 1, 'the member is gone');
      await backEnd('DELETE', `/chatrooms/${room.id}/members`, { client_ids: [member.id] });
      await member.comeBack();
      assert.equal(await room.count(), 1);
      await host.say(room, 'nobody hears this');
      assert.deepEqual(member.heardTexts(), []);
    });

    it('shows a purge as recalls, and leaves the rest', async () => {
      const { host, member, room, view } = await hostAndMember(sdk);
      const spammer = await logIn(V5, server);
      const spamView = await spammer.join(room.id);
      const sent = [];
      for (const text of ['buy', 'this', 'now']) sent.push(await spammer.say(spamView, text));
      await host.say(room, 'let us see');
      await member.hears('let us see');
      const purged = await backEnd('POST', `/chatrooms/${room.id}/purge`, { client_id: spammer.id });
      assert.deepEqual(purged, { recalled: 3, more: false });
      const recalls = await member.recalls.collect(3, () => true, 'recalls');
      assert.deepEqual(recalls.map((recall) => recall.id).sort(), sent.map((message) => message.id).sort());
      const history = await view.queryMessages({ limit: 10 });
      const left = history.filter((message) => message.type !== -127).map((message) => message.getText());
      assert.deepEqual([history.length, left], [4, ['let us see']]);
    });

    it('hears a broadcast in every room', async () => {
      const first = await hostAndMember(sdk);
      const second = await hostAndMember(sdk);
      const text = `to all of ${first.room.id}`;
      const message = JSON.stringify({ _lctype: -1, _lctext: text });
      const where = { objectId: { $in: [first.room.id, second.room.id] } };
      const sent = await backEnd('POST', '/chatrooms/broadcast', { from_client: 'back-end', message, where });
      assert.deepEqual([sent.rooms, sent.failed, sent.more], [2, 0, false]);
      for (const { host, member, view } of [first, second]) {
        await Promise.all([host.hears(text), member.hears(text)]);
        const [stored] = await view.queryMessages({ limit: 1 });
        assert.equal(stored.getText(), text);
      }
    });
  });
}
