// A reader that is slower than its room: LOW is left out first, then NORMAL, HIGH never, and nobody else notices.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V3, V4, V4_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { deliveries } from '../server/metrics.js';
import { startRelay, stopRelays } from '../server/relay.js';
import { eventually } from '../support/wait.js';

const SDKS = [V3, V4, V4_TEXT, V5];

/** One wave of a busy room: so many of each level. */
const MIX = { high: 1, normal: 3, low: 6 };
const FILLING = 'x'.repeat(3000);

let server;
before(async () => {
  // What is left out here is left out for readers that are behind: no message grows old, and a machine that is slow
  // for a moment thins nothing out.
  const limits = { backlog: '64KiB', high_backlog: '4MiB', replay: 40000, backlog_age: '10m' };
  server = await startServer({ config: { limits, fanout: { lag: '1m' } } });
});
after(async () => {
  await logOutAll();
  stopRelays();
  await server?.dispose();
});

/** Sends wave after wave of all levels, no faster than the witness reads, and knows what went out in which order. */
class Flood {
  sent = [];

  constructor(host, room, witness) {
    Object.assign(this, { host, room, witness });
  }

  async wave() {
    const sending = [];
    for (const [level, count] of Object.entries(MIX)) {
      for (let n = 0; n < count; n += 1) {
        const text = `${level} ${this.sent.length} ${FILLING}`;
        this.sent.push({ level, text });
        sending.push(this.host[level](this.room, text));
      }
    }
    await Promise.all(sending);
    await this.witness.messages.collect(this.sent.length, () => true, 'the whole wave');
  }

  async until(isEnough) {
    do await this.wave(); while (!await isEnough());
  }

  texts(level) {
    return this.sent.filter((message) => message.level === level).map((message) => message.text);
  }
}

/** A host, a member that reads, and slow readers of all releases; all have heard the first wave. */
async function begin(relay) {
  const host = await logIn(V5, server);
  const witness = await logIn(V4, server);
  const room = await host.createRoom();
  await witness.join(room.id);
  const slow = [];
  for (const sdk of SDKS) slow.push(await logIn(sdk, relay));
  const flood = new Flood(host, room, witness);
  for (const user of slow) await user.join(room.id);
  await flood.wave();
  for (const user of slow) await user.messages.collect(flood.sent.length, () => true, 'the first wave');
  return { flood, witness, slow };
}

/** All that a slow reader heard but the last message, and what it did not hear of each level. */
function judge(user, flood) {
  const heard = user.messages.items.slice(0, -1).map(({ text }) => text);
  const wasHeard = new Set(heard);
  const lost = { high: [], normal: [], low: [] };
  flood.sent.forEach(({ level, text }, at) => wasHeard.has(text) || lost[level].push(at));
  for (const level of Object.keys(MIX)) {
    const due = flood.texts(level).filter((text) => wasHeard.has(text));
    const got = heard.filter((text) => text.startsWith(`${level} `));
    assert.deepEqual(got.map(brief), due.map(brief), `${user.sdk.name}: ${level} in order, each once`);
  }
  return lost;
}

const brief = (text) => text.slice(0, 12);

it('reads on with every HIGH message; LOW is left out first', async () => {
  const relay = await startRelay(server);
  const { flood, witness, slow } = await begin(relay);
  const disconnected = [];
  for (const user of slow) user.realtime.on('disconnect', () => disconnected.push(user.sdk.name));

  relay.hold();
  await flood.until(async () => await deliveries(server, 'low', 'behind') > 0);
  assert.equal(await deliveries(server, 'normal', 'behind'), 0, 'no NORMAL while there is LOW to leave out');
  await flood.until(async () => await deliveries(server, 'normal', 'behind') >= 50 * SDKS.length);
  assert.ok(relay.heldBytes > 0);

  // While they sleep, nobody else lacks anything.
  assert.deepEqual(witness.messages.items.map(({ text }) => brief(text)), flood.sent.map(({ text }) => brief(text)));
  for (const user of slow) assert.ok(user.messages.items.length < flood.sent.length / 2, `${user.sdk.name} sleeps`);

  relay.release();
  await flood.host.normal(flood.room, 'the end');
  const lost = { high: 0, normal: 0, low: 0 };
  for (const user of slow) {
    await user.hears('the end');
    const { high, normal, low } = judge(user, flood);
    assert.deepEqual(high, [], `${user.sdk.name}: every HIGH message`);
    assert.ok(normal.length > 0, `${user.sdk.name} lost NORMAL`);
    // Where NORMAL had to go, all LOW had gone.
    const survivors = flood.sent.flatMap(({ level }, at) => (
      level === 'low' && at > normal[0] && at < normal.at(-1) && !low.includes(at) ? [at] : []));
    assert.deepEqual(survivors, [], `${user.sdk.name}: no LOW where NORMAL is missing`);
    lost.normal += normal.length;
    lost.low += low.length;
  }
  assert.deepEqual(disconnected, []);

  // What the readers miss is what the account says.
  for (const level of Object.keys(MIX)) {
    await eventually(async () => await deliveries(server, level, 'behind') === lost[level], `${lost[level]} ${level} lost`);
    for (const outcome of ['late', 'thinned', 'left']) assert.equal(await deliveries(server, level, outcome), 0);
  }
});
