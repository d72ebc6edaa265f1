// Three hundred clients of both releases and formats in one room.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventually } from '../support/wait.js';

const CROWD = 300;
const SPEAKERS = 5;

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

it(`delivers to each of ${CROWD}`, async () => {
  const host = await logIn(CURRENT[0], server);
  const room = await host.createRoom();
  const others = await Promise.all(Array.from({ length: CROWD - 1 }, async (_, n) => {
    const user = await logIn(CURRENT[n % CURRENT.length], server);
    user.room = await user.join(room.id);
    return user;
  }));
  assert.equal(await room.count(), CROWD);

  const speakers = others.slice(0, SPEAKERS);
  await Promise.all(speakers.flatMap((user, n) => [
    user.high(user.room, `gift ${n}`),
    user.normal(user.room, `comment ${n}`),
  ]));
  const texts = speakers.flatMap((_, n) => [`gift ${n}`, `comment ${n}`]);
  for (const user of [host, ...others]) {
    const own = speakers.indexOf(user);
    const due = texts.filter((text) => !text.endsWith(` ${own}`)).sort();
    await user.messages.collect(due.length, () => true, `${due.length} messages`);
    assert.deepEqual(user.messages.items.map((message) => message.text).sort(), due);
  }

  const leaving = others.slice(0, 100);
  await Promise.all(leaving.map((user) => user.logOut()));
  await eventually(async () => (await room.count()) === CROWD - 100, 'a hundred have left');
});
