// More HIGH messages than may wait for one reader: the server closes with 1001, and everybody comes back for them.
//
// What each SDK does with that code, and why it is not another one (protocol.md 2.3, C.3):
// - JavaScript: only 4100, 4103 and 4110 are final. With any other it tries again after 1 s, 2 s, 4 s …
// - Java: no code is final. The next connect is its push service's on Android, the app's on a plain JVM (e2e/java).
// - Objective-C: hands codes from 4000 on to the app as errors; with 1001 it pauses, and connects again at once.
// - Swift: takes 1004 to 1006 and 1014 to 2999 for a breach of protocol; 1001 it understands, and connects at once.
// - C#: connects again every 10 s, old .NET and JavaScript 2.x every 5 s, whatever the code.
import assert from 'node:assert/strict';
import { after, afterEach, before, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V3, V4, V4_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { startRelay, stopRelays } from '../server/relay.js';
import { unique, withDeadline } from '../support/wait.js';
import { CSharp } from '../wire/csharp.js';
import { DotNet } from '../wire/dotnet.js';
import { JavaScript2 } from '../wire/js2.js';
import { OldObjectiveC } from '../wire/objc-old.js';
import { ObjectiveC } from '../wire/objc.js';
import { cutAll } from '../wire/scripted.js';
import { Swift } from '../wire/swift.js';

const COME_BACK = { code: 1001, reason: 'COME_BACK' };
const FILLING = 'x'.repeat(4000);

let server;
let relay;
let host;
let awake;
let room;
const disturbed = [];
before(async () => {
  server = await startServer({ config: { limits: { high_backlog: '64KiB' } } });
  host = await logIn(V5, server);
  room = await host.createRoom();
  awake = await logIn(V4, server);
  await awake.join(room.id);
  for (const user of [host, awake]) user.realtime.on('disconnect', () => disturbed.push(user.id));
});
afterEach(async () => {
  cutAll();
  stopRelays();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

/** The reader reads nothing until the server has given its connection up; resolves with the texts it should have. */
async function overflow() {
  const texts = [];
  relay.hold();
  do {
    const wave = Array.from({ length: 10 }, () => `${unique('gift')} ${FILLING}`);
    texts.push(...wave);
    await Promise.all(wave.map((text) => host.high(room, text)));
    await awake.hears(wave.at(-1));
  } while (await room.count() > 2);
  assert.ok(relay.heldBytes > 0);
  assert.deepEqual(disturbed, [], 'only who does not read is sent away');
  return texts;
}

/** Each message, in order; one that comes twice has the same id. */
function checkHeard(messages, texts) {
  const heard = new Map(messages.map(({ id, text }) => [id, text]));
  assert.deepEqual([...heard.values()], texts);
}

for (const sdk of [V3, V4, V4_TEXT, V5]) {
  it(`brings back ${sdk.name}`, async () => {
    relay = await startRelay(server);
    const reader = await logIn(sdk, relay);
    await reader.join(room.id);
    await host.high(room, 'before');
    await reader.hears('before');
    const closed = new Promise((resolve) => {
      reader.socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });

    const texts = await overflow();
    const back = withDeadline(reader.back(), 'reader back');
    relay.release();
    assert.deepEqual(await withDeadline(closed, 'close'), COME_BACK);
    await back;
    await host.high(room, 'after');
    await reader.hears('after');
    checkHeard(reader.messages.items, ['before', ...texts, 'after']);
    await reader.logOut();
  });
}

for (const Family of [ObjectiveC, OldObjectiveC, Swift, CSharp, DotNet, JavaScript2]) {
  it(`brings back ${Family.name}`, async () => {
    relay = await startRelay(server);
    const reader = await Family.logIn(relay);
    await reader.join(room.id);
    await host.high(room, 'before');
    await reader.hears('before');

    const texts = await overflow();
    relay.release();
    assert.deepEqual(await reader.line.end(), COME_BACK);
    await reader.reopen();
    await host.high(room, 'after');
    await reader.hears('after');
    checkHeard(reader.messages.items, ['before', ...texts, 'after']);
    await reader.leave();
  });
}
