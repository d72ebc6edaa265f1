// A server that is stopped in good order tells its clients, and they come to the next one.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { logIn, logInBeside, logOutAll } from '../sdk/client.js';
import { CURRENT, V3 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventOf, withDeadline } from '../support/wait.js';
import { CSharp } from '../wire/csharp.js';
import { DotNet } from '../wire/dotnet.js';
import { OldObjectiveC } from '../wire/objc-old.js';
import { ObjectiveC } from '../wire/objc.js';
import { cutAll } from '../wire/scripted.js';
import { Swift } from '../wire/swift.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  cutAll();
  await logOutAll();
  await server?.dispose();
});

it('brings everybody into the room of the restarted server', async () => {
  const users = [];
  for (const sdk of [...CURRENT, V3]) users.push(await logIn(sdk, server));
  // Two clients on one socket: an SDK that is told twice throws.
  for (const user of users.slice(0, CURRENT.length)) users.push(await logInBeside(user));
  const room = await users[0].createRoom();
  const rooms = [room];
  for (const user of users.slice(1)) rooms.push(await user.join(room.id));
  const sent = await users[0].say(room, 'before the restart');

  const told = users.map((user) => eventOf(user.realtime, 'disconnect', `${user.sdk.name} disconnects`));
  const back = users.map((user) => withDeadline(user.back(), `${user.sdk.name} back`, 30_000));
  const code = await server.stop();
  assert.equal(code, 0, `exit code ${code}`);
  await Promise.all(told);
  await server.start();
  await Promise.all(back);

  assert.equal(await room.count(), users.length);
  for (const [n, user] of users.entries()) await user.say(rooms[n], `back: ${user.sdk.name}`);
  for (const user of users) {
    const others = users.filter((other) => other !== user);
    await Promise.all(others.map((other) => user.hears(`back: ${other.sdk.name}`)));
  }
  const history = await room.queryMessages();
  assert.equal(history[0].id, sent.id);
  assert.equal(history.length, 1 + users.length);
});

it('tells the SDKs that cannot run here, each so that it listens', async () => {
  const families = [ObjectiveC, OldObjectiveC, Swift, CSharp, DotNet];
  const guests = [];
  for (const Family of families) guests.push(await Family.logIn(server));
  const host = await logIn(CURRENT[0], server);
  const room = await host.createRoom();
  for (const guest of guests) await guest.join(room.id);
  const hostBack = withDeadline(host.back(), 'host back', 30_000);

  assert.equal(await server.stop(), 0);
  for (const guest of guests) {
    await guest.signals.find((signal) => signal.cmd === 'goaway', 'goaway');
    await guest.line.end();
  }
  await server.start();
  await hostBack;
  for (const guest of guests) await guest.reopen();
  assert.equal(await room.count(), guests.length + 1);
  await host.say(room, 'all here');
  for (const guest of guests) await guest.hears('all here');
});
