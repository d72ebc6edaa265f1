// What an app's back end does over REST, as the SDKs see it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT, V3, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventOf, unique } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

/** Asks with the master key; resolves with the answer's JSON. */
async function rest(method, path, body) {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      'X-LC-Id': server.appId,
      'X-LC-Key': `${server.app.master_key},master`,
      ...(body && { 'Content-Type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  });
  const json = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(json));
  return json;
}

const typed = (text) => JSON.stringify({ _lctype: -1, _lctext: text });

async function company(sdk) {
  const alice = await logIn(sdk, server, unique('alice'));
  const bob = await logIn(sdk, server, unique('bob'));
  const room = await alice.createRoom();
  const bobRoom = await bob.join(room.id);
  return { alice, bob, room, bobRoom, messages: `/1.2/rtm/chatrooms/${room.id}/messages` };
}

for (const sdk of [...CURRENT, V3]) {
  describe(`REST and ${sdk.name}`, () => {
    it('a message in a name reaches all but that client', async () => {
      const { alice, bob, messages } = await company(sdk);
      const send = (from, text) => rest('POST', messages, { from_client: from, message: typed(text), priority: 'high' });
      const sent = await send(alice.id, 'in the name of Alice');
      await send(bob.id, 'in the name of Bob');
      const heard = await bob.hears('in the name of Alice');
      assert.deepEqual([heard.id, heard.from, heard.timestamp], [sent['msg-id'], alice.id, sent.timestamp]);
      await alice.hears('in the name of Bob');
      assert.deepEqual(alice.heardTexts(), ['in the name of Bob']);
    });

    it('an old call sends to those who are there', async () => {
      const { bob, room, bobRoom } = await company(sdk);
      const message = { from_peer: 'host', conv_id: room.id, message: typed('now') };
      await rest('POST', '/1.1/rtm/messages', message);
      await bob.hears('now');
      assert.deepEqual(await bobRoom.queryMessages(), []);
    });

    it('an edit and a recall reach everybody', async () => {
      const { alice, bob, room, bobRoom, messages } = await company(sdk);
      const sent = await alice.say(room, 'hullo');
      await bob.hears('hullo');
      const named = { from_client: alice.id, timestamp: Number(sent.timestamp) };
      await rest('PUT', `${messages}/${sent.id}`, { ...named, message: typed('hello') });
      for (const user of [alice, bob]) {
        const edit = await user.edits.find((item) => item.id === sent.id, 'the edit');
        assert.equal(edit.text, 'hello');
      }
      await rest('PUT', `${messages}/${sent.id}/recall`, named);
      for (const user of [alice, bob]) await user.recalls.find((item) => item.id === sent.id, 'the recall');
      const [stub] = await bobRoom.queryMessages();
      assert.equal(stub.type, -127);
    });

    it('history over REST is what the SDK sent', async () => {
      const { alice, bobRoom, room, messages } = await company(sdk);
      const first = await alice.say(room, 'first');
      await alice.say(room, 'second');
      const items = await rest('GET', `${messages}?limit=10`);
      assert.deepEqual(items.map((item) => JSON.parse(item.data)._lctext), ['second', 'first']);
      assert.equal(items[1]['msg-id'], first.id);
      assert.equal(items[1]['from-ip'], '127.0.0.1');
      await rest('DELETE', `${messages}/${first.id}?from_client=${alice.id}&timestamp=${Number(first.timestamp)}`);
      const left = await bobRoom.queryMessages();
      assert.deepEqual(left.map((message) => message.getText()), ['second']);
    });
  });
}

for (const sdk of [...CURRENT, V3]) {
  it(`a kick ends a session of ${sdk.name} and tells it why`, async () => {
    const { alice, bob, room } = await company(sdk);
    const closed = eventOf(bob.client, 'close');
    await rest('POST', `/1.2/rtm/clients/${bob.id}/kick`, { reason: '发布广告' });
    const { code, reason } = await closed;
    assert.deepEqual([code, reason], [4115, '发布广告']);
    const { results } = await rest('POST', '/1.2/rtm/clients/check-online', { client_ids: [bob.id, alice.id] });
    assert.deepEqual(results, [alice.id]);
    assert.equal(await room.count(), 1);
    bob.abandon();
    // It may come again, and is in no room then.
    const again = await logIn(sdk, server, bob.id);
    assert.equal(await room.count(), 1);
    await again.join(room.id);
    await alice.say(room, 'welcome back');
    await again.hears('welcome back');
  });
}

it('figures count those who are here', async () => {
  const alice = await logIn(V5, server, unique('alice'));
  const { result } = await rest('GET', '/1.2/rtm/stats');
  assert.ok(result.online_user_count >= 1 && result.user_count_today >= result.online_user_count, JSON.stringify(result));
  await alice.logOut();
});
