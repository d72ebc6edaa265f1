// The address of accounts in the documents, run as it stands, and a login with what is signed for its user.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V5 } from '../sdk/versions.js';
import { APP, startServer } from '../server/grandstand.js';
import { exampleOf, freePort } from '../support/document.js';
import { eventually } from '../support/wait.js';

describe('the accounts of the documents', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'grandstand-accounts-'));
  let accounts;
  let server;
  before(async () => {
    const file = path.join(folder, 'accounts.mjs');
    writeFileSync(file, exampleOf('signatures.md', 'accounts'));
    const port = await freePort();
    accounts = spawn(process.execPath, [file], { env: { ...process.env, PORT: port }, stdio: 'inherit' });
    const url = `http://127.0.0.1:${port}/`;
    await eventually(() => fetch(url).then(() => true, () => false), 'the accounts listen');
    server = await startServer({ app: { accounts: { url }, signatures: { login: true } } });
  });
  after(async () => {
    await logOutAll();
    await server?.dispose();
    accounts?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const sign = (token) =>
    fetch(`${server.url}/1.1/rtm/sign`, {
      method: 'POST',
      headers: { 'X-LC-Id': APP.id, 'X-LC-Key': APP.key, 'Content-Type': 'application/json' },
      body: JSON.stringify({ session_token: token }),
    });

  it('are the same in both languages', () => {
    assert.equal(exampleOf('signatures.md', 'accounts'), exampleOf('signatures.zh-CN.md', 'accounts'));
  });

  it('let a client in that has a session there, and nobody else', async () => {
    const answer = await sign('token-of-tom');
    assert.equal(answer.status, 200);
    const signed = await answer.json();
    assert.ok(Number.isInteger(signed.timestamp), 'Swift and C# want a whole number');
    await logIn(V5, server, 'tom', { signatureFactory: () => signed });
    await refused(logIn(V5, server, 'ann', { signatureFactory: () => signed }), 4102);
    const other = await sign('another');
    assert.deepEqual([other.status, (await other.json()).code], [400, 211]);
  });
});
