// Signatures by a server of the app, through the SDKs' own factories: demanded, made, refused, taken back.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { CURRENT, V3, V4, V5 } from '../sdk/versions.js';
import { APP, startServer } from '../server/grandstand.js';
import { eventOf, unique, withDeadline } from '../support/wait.js';

const SIGNED = { login: true, rooms: true, blocks: true };

let server;
before(async () => {
  server = await startServer({ app: { signatures: SIGNED } });
});
after(async () => {
  await logOutAll();
  await server.dispose();
});

/** What 3.x and 4.x call actions, in the words of the texts. */
const ACTIONS = { add: 'invite', remove: 'kick' };

/** The signing side of an app, as its own server would have it. */
function signer({ key = APP.master_key, now = () => Date.now() } = {}) {
  const sign = (parts) => {
    const [timestamp, nonce] = [now(), unique('nonce')];
    const text = parts(timestamp, nonce).join(':');
    return { signature: createHmac('sha1', key).update(text).digest('hex'), timestamp, nonce };
  };
  const inRoom = (room, client, clients, action) =>
    sign((time, nonce) => [APP.id, client, room, ...[...clients].sort(), time, nonce, ACTIONS[action] ?? action]);
  return {
    signatureFactory: (client) => sign((time, nonce) => [APP.id, client, '', time, nonce]),
    conversationSignatureFactory: (room, client, members, action) =>
      action === 'create'
        ? sign((time, nonce) => [APP.id, client, ...[...members].sort(), time, nonce])
        : inRoom(room, client, members, action),
    blacklistSignatureFactory: (room, client, clients, action) => inRoom(room, client, clients, action),
  };
}

for (const sdk of [...CURRENT, V3]) {
  describe(`signatures with ${sdk.name}`, () => {
    it('let a client log in, make a room, join, leave, and come back', async () => {
      const alice = await logIn(sdk, server, unique('alice'), signer());
      const bob = await logIn(sdk, server, unique('bob'), signer());
      const room = await alice.createRoom();
      const view = await bob.join(room.id);
      await alice.say(room, 'signed');
      await bob.hears('signed');
      await bob.goAway();
      await bob.comeBack();
      await alice.say(room, 'still here');
      await bob.hears('still here');
      await view.quit();
    });

    it('are demanded for each of these', async () => {
      await refused(logIn(sdk, server), 4102);
      const unsigned = { signatureFactory: signer().signatureFactory };
      const alice = await logIn(sdk, server, unique('alice'), signer());
      const room = await alice.createRoom();
      const bob = await logIn(sdk, server, unique('bob'), unsigned);
      await refused(bob.createRoom(), 4302);
      await refused(bob.join(room.id), 4302);
    });

    it('have to be made with the master key, for now', async () => {
      const late = () => Date.now() - 7 * 3600 * 1000;
      const early = () => Date.now() + 3600 * 1000;
      for (const wrong of [{ key: APP.key }, { now: late }, { now: early }]) {
        await refused(logIn(sdk, server, unique('mallory'), signer(wrong)), 4102);
      }
      const seconds = () => Math.floor(Date.now() / 1000);
      await logIn(sdk, server, unique('alice'), signer({ now: seconds }));
    });
  });
}

describe('blocks', () => {
  it('are signed for these clients and this room', async () => {
    const { blacklistSignatureFactory: sign, ...withoutBlocks } = signer();
    for (const sdk of CURRENT) {
      // 4.x names the client first.
      const named = (first, second, ...rest) =>
        sdk.module === V4.module ? sign(second, first, ...rest) : sign(first, second, ...rest);
      const signing = { ...withoutBlocks, blacklistSignatureFactory: named };
      const owner = await logIn(sdk, server, unique('owner'), signing);
      const room = await owner.createRoom();
      const { successfulClientIds } = await room.blockMembers(['zoe', 'ann']);
      assert.deepEqual(successfulClientIds.sort(), ['ann', 'zoe']);
      await room.unblockMembers(['ann', 'zoe']);
      const another = await logIn(sdk, server, unique('owner'), withoutBlocks);
      const anotherRoom = await another.createRoom();
      await refused(anotherRoom.blockMembers(['zoe']), 4546);
      await anotherRoom.muteMembers(['zoe']);
    }
  });
});

describe('a kick', () => {
  it('takes back what was signed before it', async () => {
    const id = unique('guest');
    const stolen = signer().signatureFactory(id);
    const guest = await logIn(V5, server, id, signer());
    const ended = eventOf(guest.client, 'close', 'the end of the session');
    const answer = await fetch(`${server.url}/1.2/rtm/clients/${id}/kick`, {
      method: 'POST',
      headers: {
        'X-LC-Id': APP.id,
        'X-LC-Key': `${APP.master_key},master`,
        'Content-Type': 'application/json',
      },
      body: '{}',
    });
    assert.equal(answer.status, 200);
    await withDeadline(ended, 'the kick');
    await refused(logIn(V5, server, id, { signatureFactory: () => stolen }), 4102);
    await logIn(V5, server, id, signer());
  });
});
