// Origins an app allows: web pages from elsewhere are closed 4110; native SDKs are not web pages.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';
import { dial } from '../wire/line.js';
import { ObjectiveC } from '../wire/objc.js';
import { encode } from '../wire/schema.js';
import { cutAll } from '../wire/scripted.js';
import { Swift } from '../wire/swift.js';

let server;
before(async () => {
  server = await startServer({ app: { allowed_origins: ['https://good.example'] } });
});
after(async () => {
  cutAll();
  await server?.dispose();
});

async function openFrom(origin) {
  const line = await dial(server.wsUrl, { protocol: 'lc.protobuf2.3', origin });
  const answered = new Promise((resolve) => { line.onFrame = () => resolve('answered'); });
  line.send(encode({ cmd: 'session', op: 'open', appId: server.appId, peerId: unique('page'), i: 1, body: { ua: 'js/5' } }));
  const outcome = await Promise.race([line.end(), answered]);
  line.cut();
  return outcome;
}

it('closes 4110 on a page from elsewhere', async () => {
  assert.deepEqual(await openFrom('https://evil.example'), { code: 4110, reason: 'INVALID_ORIGIN' });
});

it('admits the allowed page', async () => {
  assert.equal(await openFrom('https://good.example'), 'answered');
});

it('admits SDKs that send no origin, or the origin of the socket itself', async () => {
  for (const Family of [Swift, ObjectiveC]) {
    const user = await Family.logIn(server);
    await user.leave();
  }
});
