// Single-device login by tags, tokens and kicks, as the native SDKs use and read them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';
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

for (const Family of [ObjectiveC, OldObjectiveC, Swift, CSharp]) {
  describe(`tags with ${Family.name}`, () => {
    const login = (id, device, force) => Family.logIn(server, id, { tag: 'mobile', device, force });

    it('kicks the older device, which does not come back by itself', async () => {
      const id = unique('kicked');
      const older = await login(id, 'phone A', true);
      const newer = await login(id, 'phone B', true);
      const kick = await older.kicks.find(() => true, 'the kick');
      assert.equal(kick.code, 4111);
      assert.equal(kick.reason, 'SESSION_CONFLICT');
      await older.line.cut();
      await refused(older.reopen(), [4111, 4112], 'the kicked device reopens');
      assert.deepEqual(await newer.online([id]), [id]);
      assert.equal(newer.kicks.items.length, 0);
      await newer.leave();
    });

    it('refuses a reopening by another device and keeps the one that is there', async () => {
      const id = unique('holder');
      const holder = await login(id, 'phone A', true);
      await refused(login(id, 'phone B', false), 4111);
      assert.equal(holder.kicks.items.length, 0);
      const room = await holder.createRoom(unique('room'), {});
      assert.equal(await holder.count(room), 1);
      await holder.leave();
    });

    it('lets the same device replace its own stale session', async () => {
      const id = unique('wifi');
      const first = await login(id, 'phone A', true);
      const host = await logIn(V5, server);
      const room = await host.createRoom();
      await first.join(room.id);
      const second = await login(id, 'phone A', false);
      assert.equal(await room.count(), 2, 'the room moved to the new socket');
      await host.say(room, 'to the new socket');
      await second.hears('to the new socket');
      assert.deepEqual(first.heardTexts(), []);
      await second.leave();
    });

    it('takes its session over from a socket that looks alive', async () => {
      const id = unique('mobile');
      const user = await Family.logIn(server, id, { device: 'phone A' });
      const host = await logIn(V5, server);
      const room = await host.createRoom();
      await user.join(room.id);
      const stale = user.line;
      await user.reopen();
      await stale.end();
      assert.equal(await room.count(), 2);
      await host.say(room, 'over the mobile network');
      await user.hears('over the mobile network');
      assert.equal(user.messages.items.length, 1);
      assert.equal(user.kicks.items.length, 0);
      await user.leave();
    });
  });
}

for (const Family of [ObjectiveC, OldObjectiveC, Swift]) {
  it(`tells ${Family.name} of a token that is not good, and opens without it`, async () => {
    const user = await Family.logIn(server);
    const room = await user.createRoom(unique('room'), {});
    await user.line.cut();
    await user.connect();
    const forged = `${user.token.slice(0, -4)}AAAA`;
    const error = await refused(user.open({ ...user.laterOpen(), st: forged }), 4112);
    assert.equal(error.reason, 'SESSION_TOKEN_EXPIRED');
    await user.open({ ...user.laterOpen(), st: undefined });
    assert.equal(await user.count(room), 1);
    await user.leave();
  });
}

for (const Family of [ObjectiveC, Swift, CSharp]) {
  it(`refreshes the token of ${Family.name}`, async () => {
    const user = await Family.logIn(server, undefined, { device: 'phone A' });
    const room = await user.createRoom(unique('room'), {});
    await user.refresh();
    await user.line.cut();
    await user.reopen();
    assert.equal(await user.count(room), 1, 'the fresh token leads back into the room');
    await user.leave();
  });
}

it('does not take a token for another client id', async () => {
  const owner = await Swift.logIn(server);
  const thief = await Swift.logIn(server);
  await thief.line.cut();
  await thief.connect();
  await refused(thief.open({ ...thief.laterOpen(), st: owner.token }), 4112);
  await owner.leave();
});

it('does not take the token of a session that logged out', async () => {
  const user = await Swift.logIn(server);
  await user.close();
  await refused(user.open(user.laterOpen()), 4112);
});

it('kicks an old .NET client with code and reason at top level', async () => {
  const id = unique('net');
  const older = await DotNet.logIn(server, id, { tag: 'console', device: 'A' });
  await DotNet.logIn(server, id, { tag: 'console', device: 'B' });
  const kick = await older.kicks.find(() => true, 'the kick');
  assert.deepEqual([kick.code, kick.reason], [4111, 'SESSION_CONFLICT']);
});
