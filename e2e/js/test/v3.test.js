// Release 3.5.7, which has no class for rooms, no device-wide goaway, and asks for no partial failures.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { begin, STEPS } from '../sdk/room-flow.js';
import { V3, V3_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventually } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const sdk of [V3, V3_TEXT]) {
  describe(`leancloud-realtime ${sdk.name}`, () => {
    let scene;
    before(async () => {
      scene = await begin(sdk, server);
    });
    for (const [name, step] of Object.entries(STEPS)) it(name, () => step(scene));
  });

  it(`is back in its room after a lost socket with ${sdk.name}`, async () => {
    const alice = await logIn(V5, server);
    const bob = await logIn(sdk, server);
    const room = await alice.createRoom();
    await bob.join(room.id);
    await bob.goAway();
    await eventually(async () => (await room.count()) === 1, 'Bob is gone');
    await alice.high(room, 'gift in the gap');
    await alice.low(room, 'like in the gap');
    await bob.comeBack();
    await alice.say(room, 'after');
    await Promise.all([bob.hears('after'), bob.hears('gift in the gap')]);
    assert.deepEqual(bob.heardTexts().sort(), ['after', 'gift in the gap']);
    assert.equal(await room.count(), 2);
  });

  it(`sends transient messages with ${sdk.name}`, async () => {
    const alice = await logIn(sdk, server);
    const bob = await logIn(V5, server);
    const room = await alice.createRoom();
    const bobRoom = await bob.join(room.id);
    await alice.say(room, 'for now', { transient: true });
    await bob.hears('for now');
    assert.deepEqual(await bobRoom.queryMessages(), []);
  });
}
