// Over TLS with a certificate made for the test: 4.3.1 by its own `server` option, 5.0.0-rc.8 and 3.5.7 likewise.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeCertificate } from '../server/certificate.js';
import { startServer } from '../server/grandstand.js';

const CHILD = fileURLToPath(new URL('../sdk/flow-child.js', import.meta.url));

let tls;
let server;
before(async () => {
  tls = makeCertificate();
  const { certificate, privateKey } = tls;
  server = await startServer({ config: { tls: { certificate, private_key: privateKey } } });
});
after(async () => {
  await server?.dispose();
  if (tls) rmSync(tls.folder, { recursive: true, force: true });
});

for (const name of ['V4_TLS', 'V4_TLS_TEXT', 'V5', 'V3_TLS']) {
  it(`runs the whole flow over TLS with ${name}`, async () => {
    assert.match(server.url, /^https:/);
    assert.match(server.wsUrl, /^wss:/);
    const { url, wsUrl, host, appId, app } = server;
    const argument = JSON.stringify({ name, server: { url, wsUrl, host, appId, app } });
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: tls.certificate };
    await promisify(execFile)(process.execPath, [CHILD, argument], { env, timeout: 60_000 });
  });
}

it('is not trusted without the certificate', async () => {
  await assert.rejects(fetch(`${server.url}/v1/route?appId=${server.appId}`), /fetch failed/);
});
