// The guide's flow, step by step, with each current release in each format.
import { after, before, describe, it } from 'node:test';
import { logOutAll } from '../sdk/client.js';
import { begin, STEPS } from '../sdk/room-flow.js';
import { CURRENT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const sdk of CURRENT) {
  describe(`leancloud-realtime ${sdk.name}`, () => {
    let scene;
    before(async () => {
      scene = await begin(sdk, server);
    });
    for (const [name, step] of Object.entries(STEPS)) it(name, () => step(scene));
  });
}
