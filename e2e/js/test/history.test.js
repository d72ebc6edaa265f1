// History through the SDK against a model of its rules: direction, both bounds, with and without ids, open and closed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT, V4_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';

const OLD = 1;
const NEW = 2;
const COUNT = 12;

let server;
let roomId;
let stored;
before(async () => {
  server = await startServer();
  const alice = await logIn(V5, server);
  const room = await alice.createRoom();
  roomId = room.id;
  const sends = Array.from({ length: COUNT }, (_, n) => alice.say(room, `message ${n}`));
  stored = (await Promise.all(sends)).map((message) => ({ id: message.id, timestamp: Number(message.timestamp) }));
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

/** A message's place; a bound without id stands for its time alone. */
function compare(place, bound) {
  const byTime = stored[place].timestamp - bound.timestamp;
  if (byTime !== 0 || bound.place === undefined) return byTime;
  return place - bound.place;
}

function expected({ start, end, startClosed, endClosed, direction, limit }) {
  const forwards = direction === NEW;
  const [low, lowClosed, high, highClosed] = forwards
    ? [start, startClosed, end, endClosed]
    : [end, endClosed, start, startClosed];
  const inside = stored.map((_, place) => place).filter((place) => {
    if (low && !(compare(place, low) > 0 || (lowClosed && compare(place, low) === 0))) return false;
    return !high || compare(place, high) < 0 || (highClosed && compare(place, high) === 0);
  });
  return forwards ? inside.slice(0, limit) : inside.slice(Math.max(0, inside.length - limit));
}

function options({ start, end, startClosed, endClosed, direction, limit }) {
  return {
    startTime: start && new Date(start.timestamp),
    startMessageId: start?.place === undefined ? undefined : stored[start.place].id,
    startClosed,
    endTime: end && new Date(end.timestamp),
    endMessageId: end?.place === undefined ? undefined : stored[end.place].id,
    endClosed,
    direction,
    limit,
  };
}

function* bounds() {
  yield undefined;
  for (const place of [0, 5, COUNT - 1]) {
    yield { place, timestamp: stored[place].timestamp };
    yield { timestamp: stored[place].timestamp };
  }
}

function* questions() {
  for (const direction of [OLD, NEW]) {
    for (const start of bounds()) {
      for (const end of bounds()) {
        for (const closed of [0, 1, 2, 3]) {
          if ((closed & 1 && !start) || (closed & 2 && !end)) continue;
          for (const limit of [3, 100]) {
            yield { direction, start, end, startClosed: Boolean(closed & 1), endClosed: Boolean(closed & 2), limit };
          }
        }
      }
    }
  }
}

for (const sdk of [V4_TEXT, V5]) {
  describe(`history with ${sdk.name}`, () => {
    let room;
    before(async () => {
      const reader = await logIn(sdk, server);
      room = await reader.client.getConversation(roomId);
    });

    it('answers every combination of bounds as the model does', async () => {
      const place = new Map(stored.map(({ id }, n) => [id, n]));
      for (const question of questions()) {
        const page = await room.queryMessages(options(question));
        assert.deepEqual(
          page.map((message) => place.get(message.id)),
          expected(question),
          `asked ${JSON.stringify(question)} of times ${stored.map(({ timestamp }) => timestamp % 100_000)}`,
        );
      }
    });

    it('goes forwards by itself when the end is later than the start', async () => {
      const start = new Date(stored[0].timestamp - 1);
      const page = await room.queryMessages({ startTime: start, endTime: new Date(Date.now() + 60_000), limit: 1 });
      assert.deepEqual(page.map((message) => message.id), [stored[0].id]);
    });

    it('gives nothing for limit 0 and ignores an unknown id in a bound', async () => {
      assert.deepEqual(await room.queryMessages({ limit: 0 }), []);
      const last = stored[COUNT - 1];
      const page = await room.queryMessages({
        startTime: new Date(last.timestamp),
        startMessageId: 'AAAAAAAAAAAAAAAAAAAAAA',
        startClosed: true,
        limit: 100,
      });
      assert.equal(page.length, COUNT);
    });
  });
}

for (const sdk of CURRENT) {
  it(`finds messages of one type with ${sdk.name}`, async () => {
    const alice = await logIn(sdk, server);
    const room = await alice.createRoom();
    await alice.say(room, 'text');
    await room.send(new alice.module.Message('no type'));
    await room.send(new alice.module.Message(JSON.stringify({ _lctype: 7, cup: 'gold' })));
    const texts = await room.queryMessages({ type: -1 });
    assert.deepEqual(texts.map((message) => message.getText()), ['text']);
    const own = await room.queryMessages({ type: 7 });
    assert.deepEqual(own.map((message) => message.content.cup), ['gold']);
    assert.equal((await room.queryMessages()).length, 3);
  });
}
