// What was imported, seen through the SDK: a million messages by random pages, and rooms of LeanCloud's own export in
// every form, written by MongoDB's package.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EJSON, ObjectId, serialize } from 'bson';
import { logIn, logOutAll } from '../sdk/client.js';
import { V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { writeArchive } from '../support/archive.js';

const folder = mkdtempSync(path.join(tmpdir(), 'grandstand-e2e-import-'));
const servers = [];
const OLD = 1;
const NEW = 2;
after(async () => {
  await logOutAll();
  await Promise.all(servers.map((server) => server.dispose()));
  rmSync(folder, { recursive: true, force: true });
});

/** A server's data folder is there once it has run. */
async function importing(...paths) {
  const server = await startServer();
  servers.push(server);
  await server.stop();
  const report = await server.import(...paths);
  await server.start();
  return { server, report };
}

describe('a million messages', () => {
  const ROOMS = 20;
  const EACH = 50_000;
  const PAGES = 300;
  const BEGIN = Date.UTC(2023, 0, 1);

  const roomId = (room) => String(room).padStart(24, 'a');
  // Three at a time share a millisecond.
  const timeOf = (place) => BEGIN + Math.floor(place / 3) * 1000;
  const idOf = (room, place) => createHash('md5').update(`${room}/${place}`).digest('base64url');
  const textOf = (room, place) => `message ${place} of room ${room}`;

  function* rooms() {
    for (let room = 0; room < ROOMS; room += 1) {
      yield { id: roomId(room), name: `room ${room}`, creator: 'anna', createdAt: BEGIN, updatedAt: BEGIN + room };
    }
  }

  function* messages() {
    for (let room = 0; room < ROOMS; room += 1) {
      for (let place = 0; place < EACH; place += 1) {
        const text = JSON.stringify({ _lctype: -1, _lctext: textOf(room, place) });
        yield { id: idOf(room, place), room: roomId(room), from: `user${place % 1000}`, timestamp: timeOf(place), text };
      }
    }
  }

  // A fixed sequence, so that a failure comes again.
  let state = 12345;
  const random = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % below;
  };

  it('are there in their order, older than what is said now', async () => {
    const archive = path.join(folder, 'archive');
    writeArchive(archive, { app: 'theirs', rooms: rooms(), messages: messages() });
    const { server, report } = await importing(archive);
    assert.deepEqual([report.rooms.imported, report.messages.imported], [ROOMS, ROOMS * EACH]);
    assert.deepEqual(report.reasons, {});

    const reader = await logIn(V5, server);
    const conversations = await Promise.all(
      Array.from({ length: ROOMS }, (_, room) => reader.client.getConversation(roomId(room))),
    );
    for (let page = 0; page < PAGES; page += 1) {
      const room = random(ROOMS);
      const start = random(EACH);
      const forwards = random(2) === 1;
      const startClosed = random(2) === 1;
      const limit = 1 + random(100);
      const found = await conversations[room].queryMessages({
        startTime: new Date(timeOf(start)),
        startMessageId: idOf(room, start),
        startClosed,
        direction: forwards ? NEW : OLD,
        limit,
      });
      const first = forwards ? start + (startClosed ? 0 : 1) : Math.max(0, start + (startClosed ? 1 : 0) - limit);
      const end = forwards ? Math.min(EACH, first + limit) : start + (startClosed ? 1 : 0);
      const expected = [];
      for (let place = first; place < end; place += 1) {
        expected.push([idOf(room, place), timeOf(place), `user${place % 1000}`, textOf(room, place)]);
      }
      assert.deepEqual(
        found.map((message) => [message.id, Number(message.timestamp), message.from, message.getText()]),
        expected,
        `room ${room}, from ${start}, ${forwards ? 'on' : 'back'}, ${limit}`,
      );
    }

    const [room] = conversations;
    await room.join();
    const said = await reader.say(room, 'now');
    const newest = await room.queryMessages({ limit: 3 });
    assert.deepEqual(newest.map(({ id }) => id), [idOf(0, EACH - 2), idOf(0, EACH - 1), said.id]);
    const named = await reader.client.getQuery().equalTo('name', 'room 7').equalTo('tr', true).find();
    assert.deepEqual(named.map(({ id }) => id), [roomId(7)]);
  });
});

describe("LeanCloud's export of _Conversation", () => {
  const created = new Date('2020-05-06T07:08:09.123Z');
  const updated = new Date('2021-05-06T07:08:09.123Z');
  const ids = Array.from({ length: 3 }, () => new ObjectId());
  const rows = [
    {
      _id: ids[0], name: '决赛 🏆', c: 'anna', tr: true, m: [], mu: [], createdAt: created, updatedAt: updated,
      ACL: { '*': { read: true, write: true } }, attr: { stage: 'final', rank: 1 }, vip: true,
    },
    { _id: ids[1], name: 'friends', m: ['a', 'b'], createdAt: created, updatedAt: updated },
    { _id: ids[2], name: 'second', c: 'bob', tr: true, createdAt: created, updatedAt: updated },
    { _id: 'final-room', name: 'not 24 digits', tr: true, createdAt: created, updatedAt: updated },
    { _id: '_tmp:abc', m: ['a'], createdAt: created, updatedAt: updated },
    { _id: new ObjectId(), name: 'news', sys: true, createdAt: created, updatedAt: updated },
  ];
  const asRest = (row) => {
    const { _id, ...columns } = row;
    const iso = (date) => date.toISOString();
    return { ...columns, objectId: String(_id), createdAt: iso(row.createdAt), updatedAt: iso(row.updatedAt) };
  };
  const header = '#filetype:JSON-streaming {"type":"Class","class":"_Conversation"}\n';
  const lines = (write) => rows.map((row) => `${write(row)}\n`).join('');
  const forms = {
    'BSON of mongodump': Buffer.concat(rows.map((row) => serialize(row))),
    'BSON, gzipped': gzipSync(Buffer.concat(rows.map((row) => serialize(row)))),
    'canonical Extended JSON, one a line': lines((row) => EJSON.stringify(row, { relaxed: false })),
    'relaxed Extended JSON in an array': EJSON.stringify(rows, null, 2),
    'JSON lines with their header': header + lines((row) => JSON.stringify(asRest(row))),
    'a JSON array, gzipped': gzipSync(JSON.stringify(rows.map(asRest))),
  };

  for (const [form, content] of Object.entries(forms)) {
    it(`is taken from ${form}`, async () => {
      const file = path.join(folder, `rows of ${form.replaceAll(/\W/g, '-')}`);
      writeFileSync(file, content);
      const { server, report } = await importing(file);
      assert.equal(report.rooms.imported, 3);
      assert.deepEqual(report.conversations, { ordinary: 1, service: 1, temporary: 1 });
      assert.deepEqual(report.reasons, {});
      const reader = await logIn(V5, server);
      const room = await reader.join(String(ids[0]));
      assert.deepEqual(
        [room.name, room.creator, room.get('attr'), room.get('vip')],
        ['决赛 🏆', 'anna', { stage: 'final', rank: 1 }, true],
      );
      assert.deepEqual([room.createdAt, room.updatedAt], [created, updated]);
      const other = await reader.join('final-room');
      assert.equal(other.name, 'not 24 digits');
      assert.ok((await reader.say(other, 'hello')).id);
    });
  }
});
