// The afternoon of the guide: what one server has is exported, imported into another, and the viewers go over, and back.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V4, V5_TEXT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { startRelay, stopRelays } from '../server/relay.js';
import { eventually, withDeadline } from '../support/wait.js';

const folder = mkdtempSync(path.join(tmpdir(), 'grandstand-e2e-moving-'));
const servers = [];
after(async () => {
  stopRelays();
  await logOutAll();
  await Promise.all(servers.map((server) => server.dispose()));
  rmSync(folder, { recursive: true, force: true });
});

async function started() {
  const server = await startServer();
  servers.push(server);
  return server;
}

const soon = (user) => withDeadline(user.back(), `${user.id} back`, 30_000);

for (const sdk of [V4, V5_TEXT]) {
  describe(`a move with leancloud-realtime ${sdk.name}`, () => {
    it('takes rooms and history along, the rest in a second export, and viewers who join again; and goes back', async () => {
      const [former, next] = [await started(), await started()];
      const relay = await startRelay(former);
      const [host, careless, careful] = [await logIn(sdk, relay), await logIn(sdk, relay), await logIn(sdk, relay)];
      const room = await host.createRoom();
      const rooms = [room, await careless.join(room.id), await careful.join(room.id)];
      const first = await host.say(room, 'first half');

      const archives = ['first', 'rest'].map((name) => path.join(folder, `${name}-${former.port}`));
      const { report } = await former.export(archives[0], '--rate', '6000');
      await next.stop();
      await next.import(archives[0]);

      // The switch: what was said meanwhile, then the name leads elsewhere, and lines drop sooner or later.
      const late = await host.say(room, 'just before the switch');
      await former.export(archives[1], '--rate', '6000', '--since', report.nextSince);
      const second = await next.import(archives[1]);
      assert.equal(second.messages.imported, 1);
      await next.start();
      careful.client.on('reconnect', () => rooms[2].join());
      host.client.on('reconnect', () => room.join());
      let returned = [host, careless, careful].map(soon);
      relay.leadTo(next);
      relay.cut();
      await Promise.all(returned);
      await eventually(async () => (await room.count()) === 2, 'those who join again in the room of the new server');
      await host.say(room, 'second half');
      await careful.hears('second half');
      assert.deepEqual(careless.heardTexts(), ['first half', 'just before the switch'], 'it does not know where they were');
      const history = await room.queryMessages();
      assert.deepEqual(history.map((message) => message.text), ['first half', 'just before the switch', 'second half']);
      assert.deepEqual(history.slice(0, 2).map((message) => message.id), [first.id, late.id]);

      // Back: the name leads to the former server again, and a server that stops tells everybody to ask anew.
      returned = [host, careless, careful].map(soon);
      relay.leadTo(former);
      await next.stop();
      await Promise.all(returned);
      // The former server knows where all three were: nobody has been away for half an hour.
      await eventually(async () => (await room.count()) === 3, 'everybody in the room of the former server');
      await host.say(room, 'after all');
      await Promise.all([careful.hears('after all'), careless.hears('after all')]);
    });
  });
}
