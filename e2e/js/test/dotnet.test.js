// The JSON protocol beyond the common flow: old .NET and JavaScript 2.x.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventually } from '../support/wait.js';
import { DotNet, DotNetCore } from '../wire/dotnet.js';
import { JavaScript2 } from '../wire/js2.js';
import { cutAll } from '../wire/scripted.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  cutAll();
  await logOutAll();
  await server?.dispose();
});

const text = (body) => ({ _lctype: -1, _lctext: body });

async function guestAndHost(Family) {
  const guest = await Family.logIn(server);
  const host = await logIn(V5, server);
  const room = await host.createRoom();
  await guest.join(room.id);
  return { guest, host, room };
}

describe('levels', () => {
  it('takes a missing level of old .NET for HIGH', async () => {
    const { guest, host, room } = await guestAndHost(DotNet);
    await host.goAway();
    await eventually(async () => (await guest.count(room.id)) === 1, 'the host is gone');
    await guest.send(room.id, text('HIGH by default'));
    await guest.send(room.id, text('NORMAL'), { priority: 2 });
    await guest.send(room.id, text('LOW'), { priority: 3 });
    await host.comeBack();
    await guest.send(room.id, text('after'));
    await Promise.all([host.hears('after'), host.hears('HIGH by default')]);
    assert.deepEqual(host.heardTexts().sort(), ['HIGH by default', 'after']);
  });

  it('takes a missing level of JavaScript 2.x for NORMAL', async () => {
    const { guest, host, room } = await guestAndHost(JavaScript2);
    await host.goAway();
    await eventually(async () => (await guest.count(room.id)) === 1, 'the host is gone');
    await guest.send(room.id, text('NORMAL by default'));
    await host.comeBack();
    await guest.send(room.id, text('after'));
    await host.hears('after');
    assert.deepEqual(host.heardTexts(), ['after']);
  });
});

for (const Family of [DotNet, DotNetCore]) {
  it(`answers every ack of ${Family.name}`, async () => {
    const { guest, host, room } = await guestAndHost(Family);
    const sent = [];
    for (let n = 0; n < 5; n += 1) sent.push(await host.say(room, `message ${n}`));
    for (const { id } of sent) {
      await guest.signals.find((signal) => signal.mid === id, `answer to the ack of ${id}`);
    }
    guest.checkUnbroken();
  });

  it(`reopens with and without a token with ${Family.name}`, async () => {
    const { guest, host, room } = await guestAndHost(Family);
    // It keeps the first token for as long as that was announced, whatever it has been given since.
    for (const [n, st] of [guest.token, undefined, guest.token].entries()) {
      await guest.line.cut();
      await guest.connect();
      await guest.open({ ...guest.laterOpen(), st });
      assert.equal(await room.count(), 2);
      await host.say(room, `reopened ${n}`);
      await guest.hears(`reopened ${n}`);
    }
    await guest.line.cut();
    await guest.connect();
    await refused(guest.open({ ...guest.laterOpen(), st: 'forged' }), 4112);
  });

  it(`answers a read with its serial to ${Family.name}`, async () => {
    const { guest, room } = await guestAndHost(Family);
    const reply = await guest.readAll(room.id);
    assert.equal(reply.cmd, 'read');
  });

  it(`answers unknown commands and objects without cmd to ${Family.name}`, async () => {
    const { guest } = await guestAndHost(Family);
    await refused(guest.request({ cmd: 'conv', op: 'dance', body: {} }), 4300);
    const before = guest.heartbeats;
    guest.line.send('{"note":"no command"}');
    await eventually(() => guest.heartbeats > before, '{}');
    guest.checkUnbroken();
  });

  it(`gives ${Family.name} a binary message as text that says so`, async () => {
    const { guest, host, room } = await guestAndHost(Family);
    const sent = await room.send(new host.module.BinaryMessage(new Uint8Array([1, 2, 255]).buffer));
    const heard = await guest.messages.find((item) => item.id === sent.id, 'the binary message');
    assert.deepEqual(Buffer.from(heard.text, 'base64'), Buffer.from([1, 2, 255]));
    const [item] = await guest.history(room.id, { limit: 1 });
    assert.equal(item.bin, true);
    assert.deepEqual(Buffer.from(item.data, 'base64'), Buffer.from([1, 2, 255]));
    await room.update(sent, new host.module.BinaryMessage(new Uint8Array([3, 254]).buffer));
    await guest.patches.find((patch) => patch.mid === sent.id, 'the binary edit, with data as text');
  });
}

it('takes the plain open of JavaScript 2.x for a resume', async () => {
  const { guest, host, room } = await guestAndHost(JavaScript2);
  const { guest: neighbour } = await guestAndHost(JavaScript2);
  assert.notEqual(neighbour.id, guest.id);
  await guest.line.cut();
  await guest.reopen();
  assert.equal(await room.count(), 2);
  await host.say(room, 'still in the room');
  await guest.hears('still in the room');
});

it('counts members by REST with the application key only', async () => {
  const { guest, room } = await guestAndHost(DotNet);
  assert.equal(await guest.count(room.id), 2);
  const address = `${server.url}/1.1/rtm/transient_group/onlines?gid=${room.id}`;
  const answer = await fetch(address, { headers: { 'X-LC-Id': server.appId, 'X-LC-Key': 'wrong' } });
  assert.equal(answer.status, 401);
  assert.deepEqual(await answer.json(), { code: 401, error: 'Unauthorized.' });
});
