// Finding rooms: every operator the SDK can express, sorting, paging, and the last message.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V4, V5_TEXT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const sdk of [V4, V5_TEXT]) {
  describe(`queries with ${sdk.name}`, () => {
    const series = unique('series');
    let reader;
    const rooms = new Map();

    before(async () => {
      const author = await logIn(sdk, server);
      reader = await logIn(sdk, server);
      const rows = {
        red: { rank: 1, tags: ['cup', 'home'], attr: { sport: 'football', seats: 100 } },
        green: { rank: 2, tags: ['cup'], attr: { sport: 'tennis', seats: 50 } },
        blue: { rank: 3, attr: { sport: 'foosball (table)' }, closed: true },
      };
      for (const [colour, row] of Object.entries(rows)) {
        rooms.set((await author.createRoom({ name: `${colour} room`, series, ...row })).id, colour);
      }
    });

    const find = async (build) => {
      const query = reader.client.getChatRoomQuery().equalTo('series', series).ascending('rank');
      return (await build(query).find()).map((room) => rooms.get(room.id));
    };

    const cases = {
      'equality at top level': [(q) => q.equalTo('rank', 2), ['green']],
      'equality inside attr': [(q) => q.equalTo('attr.sport', 'tennis'), ['green']],
      'equality with an element of a list': [(q) => q.equalTo('tags', 'cup'), ['red', 'green']],
      $ne: [(q) => q.notEqualTo('rank', 2), ['red', 'blue']],
      $lt: [(q) => q.lessThan('rank', 2), ['red']],
      $lte: [(q) => q.lessThanOrEqualTo('rank', 2), ['red', 'green']],
      '$gt inside attr': [(q) => q.greaterThan('attr.seats', 60), ['red']],
      $gte: [(q) => q.greaterThanOrEqualTo('rank', 2), ['green', 'blue']],
      'two conditions on one key': [(q) => q.greaterThan('rank', 1).lessThan('rank', 3), ['green']],
      $in: [(q) => q.containedIn('rank', [1, 3, 9]), ['red', 'blue']],
      $nin: [(q) => q.notContainsIn('rank', [1, 3]), ['green']],
      $all: [(q) => q.containsAll('tags', ['home', 'cup']), ['red']],
      '$exists true': [(q) => q.exists('closed'), ['blue']],
      '$exists false': [(q) => q.doesNotExist('tags'), ['blue']],
      $size: [(q) => q.sizeEqualTo('tags', 1), ['green']],
      'starts with': [(q) => q.startsWith('attr.sport', 'foo'), ['red', 'blue']],
      'ends with': [(q) => q.endsWith('name', 'n room'), ['green']],
      'contains, with characters of patterns': [(q) => q.contains('attr.sport', '(table)'), ['blue']],
      'pattern with option i': [(q) => q.matches('name', /^RED/i), ['red']],
      'a date': [(q) => q.greaterThan('createdAt', new Date(Date.now() + 600_000)), []],
      'a date the other way': [(q) => q.lessThan('createdAt', new Date(Date.now() + 600_000)), ['red', 'green', 'blue']],
      'descending order': [(q) => q.descending('rank'), ['blue', 'green', 'red']],
      'limit and skip': [(q) => q.limit(1).skip(1), ['green']],
      'compact rows': [(q) => q.compact().limit(1), ['red']],
    };
    for (const [name, [build, expected]] of Object.entries(cases)) {
      it(name, async () => assert.deepEqual(await find(build), expected));
    }

    if (sdk.module.ConversationQuery) {
      it('$or and $and', async () => {
        const Query = reader.module.ConversationQuery;
        const of = (rank) => reader.client.getQuery().equalTo('rank', rank);
        const inSeries = reader.client.getQuery().equalTo('series', series);
        const found = await Query.and(Query.or(of(1), of(3)), inSeries).ascending('rank').find();
        assert.deepEqual(found.map((room) => rooms.get(room.id)), ['red', 'blue']);
      });
    }

    it('many ids at once', async () => {
      const other = await logIn(sdk, server);
      const ids = [...rooms.keys()];
      const strangers = Array.from({ length: 996 }, (_, n) => n.toString(16).padStart(24, '0'));
      const found = await other.client.getConversations([...ids, ...strangers], true);
      assert.deepEqual(found.slice(0, 3).map((room) => room.id), ids);
    });

    it('the last message when it is asked for', async () => {
      const author = await logIn(sdk, server);
      const room = await author.createRoom({ series: `${series} with messages` });
      const sent = await author.say(room, 'the last word');
      const query = reader.client.getChatRoomQuery().equalTo('objectId', room.id);
      const [found] = await query.withLastMessagesRefreshed().find();
      assert.equal(found.lastMessage.id, sent.id);
      assert.equal(found.lastMessage.getText(), 'the last word');
      assert.equal(found.lastMessage.from, author.id);
      assert.equal(Number(found.lastMessage.timestamp), Number(sent.timestamp));
    });
  });
}
