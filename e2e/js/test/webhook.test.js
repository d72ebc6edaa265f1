// The receiver of docs/hooks.md, as it stands there, under Node.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V5 } from '../sdk/versions.js';
import { makeCertificate } from '../server/certificate.js';
import { startServer } from '../server/grandstand.js';
import { exampleOf, freePort } from '../support/document.js';
import { eventually } from '../support/wait.js';

const SECRET = 'e2eWebhookSecret0123456789';

describe('the receiver of the documents', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'grandstand-receiver-'));
  let receiver;
  let server;
  let url;
  before(async () => {
    const file = path.join(folder, 'receiver.mjs');
    writeFileSync(file, exampleOf('hooks.md', 'receiver'));
    const port = await freePort();
    receiver = spawn(process.execPath, [file], { env: { ...process.env, SECRET, PORT: port }, stdio: 'inherit' });
    url = `http://127.0.0.1:${port}/`;
    await eventually(() => fetch(url).then(() => true, () => false), 'the receiver listens');
    server = await startServer({ app: { webhook: { url, secret: SECRET } } });
  });
  after(async () => {
    await logOutAll();
    await server?.dispose();
    receiver?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('is the same in both languages', () => {
    assert.equal(exampleOf('hooks.md', 'receiver'), exampleOf('hooks.zh-CN.md', 'receiver'));
  });

  it('refuses spam and lets the rest pass', async () => {
    const alice = await logIn(V5, server);
    const bob = await logIn(V5, server);
    const room = await alice.createRoom();
    await bob.join(room.id);
    await refused(alice.say(room, 'buy spam'), 4402);
    await alice.say(room, 'hello');
    await bob.hears('hello');
    assert.deepEqual(bob.heardTexts(), ['hello']);
  });

  it('believes only what is signed, and only for a while', async () => {
    const body = JSON.stringify({ event: 'messageReceived', content: 'spam' });
    const now = Math.floor(Date.now() / 1000);
    const sign = (time, secret = SECRET) =>
      `sha256=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
    const ask = async (time, signature) => {
      const headers = { 'x-grandstand-timestamp': `${time}`, 'x-grandstand-signature': signature };
      return (await fetch(url, { method: 'POST', headers, body })).status;
    };
    assert.equal(await ask(now, sign(now)), 200);
    assert.equal(await ask(now, sign(now, 'another secret')), 401);
    assert.equal(await ask(now - 1, sign(now)), 401, 'the time is signed, too');
    assert.equal(await ask(now - 3600, sign(now - 3600)), 401, 'an old one is nobody’s');
    assert.equal(await ask(now, ''), 401);
  });
});

describe('a webhook behind TLS', () => {
  const tls = makeCertificate({ authority: false });
  const events = [];
  let receiver;
  let config;
  before(async () => {
    const files = { cert: readFileSync(tls.certificate), key: readFileSync(tls.privateKey) };
    receiver = createSecureServer(files, async (request, response) => {
      events.push(JSON.parse(Buffer.concat(await request.toArray())).event);
      response.end('{"drop":true}');
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const url = `https://127.0.0.1:${receiver.address().port}/`;
    const hooks = { on_failure: { message_received: 'refuse' } };
    config = { webhook: { url, secret: SECRET, events: ['messageReceived'] }, hooks };
  });
  after(async () => {
    await logOutAll();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(tls.folder, { recursive: true, force: true });
  });

  /** Tries to send a message through a server of its own; tells the code of the refusal. */
  async function send() {
    const server = await startServer({ app: config });
    try {
      const alice = await logIn(V5, server);
      return (await refused(alice.say(await alice.createRoom(), 'hello'), [4402, 4200])).code;
    } finally {
      await server.dispose();
    }
  }

  it('is not believed without a certificate that the machine trusts', async () => {
    assert.equal(await send(), 4200);
    assert.deepEqual(events, []);
  });

  it('is asked when the machine trusts its certificate', async () => {
    process.env.SSL_CERT_FILE = tls.certificate;
    try {
      assert.equal(await send(), 4402);
      assert.deepEqual(events, ['messageReceived']);
    } finally {
      delete process.env.SSL_CERT_FILE;
    }
  });
});
