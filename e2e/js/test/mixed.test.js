// All releases and formats, and the JSON protocol, in one room: everybody hears everybody.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT, V3, V3_TEXT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { DotNet } from '../wire/dotnet.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

it('lets everybody hear everybody, whatever they speak', async () => {
  const users = [];
  for (const sdk of [...CURRENT, V3, V3_TEXT]) users.push(await logIn(sdk, server));
  const room = await users[0].createRoom();
  const rooms = [room];
  for (const user of users.slice(1)) rooms.push(await user.join(room.id));
  const player = await DotNet.logIn(server);
  await player.join(room.id);
  assert.equal(await room.count(), users.length + 1);

  for (const [n, user] of users.entries()) await user.say(rooms[n], `from ${user.sdk.name}`);
  await player.send(room.id, { _lctype: -1, _lctext: 'from .NET' });
  const texts = [...users.map((user) => `from ${user.sdk.name}`), 'from .NET'];
  for (const [n, user] of users.entries()) {
    await user.hears('from .NET');
    assert.deepEqual(user.heardTexts(), texts.filter((_, m) => m !== n), user.sdk.name);
  }
  await player.hears(texts.at(-2));
  assert.deepEqual(player.heardTexts(), texts.slice(0, -1));

  const recalled = await users[1].say(rooms[1], 'never mind');
  await player.hears('never mind');
  await rooms[1].recall(recalled);
  await Promise.all(users.filter((_, n) => n !== 1).map((user) => (
    user.recalls.find((item) => item.id === recalled.id, 'the recall'))));
  await player.patches.find((item) => item.mid === recalled.id, 'the recall');
  await player.leave();
});
