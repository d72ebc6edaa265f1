// LeanCloud's storage SDK against the class _Conversation: rooms as objects, found, saved and removed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import AV from 'leancloud-storage';
import { logIn, logOutAll } from '../sdk/client.js';
import { V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

const byMaster = { useMasterKey: true };
let server;

before(async () => {
  server = await startServer();
  AV.init({
    appId: server.app.id, appKey: server.app.key, masterKey: server.app.master_key, serverURL: server.url,
  });
});
after(async () => {
  await logOutAll();
  await server.dispose();
});

async function saved(fields, options) {
  const room = new AV.Conversation(fields.name, { isTransient: true });
  room.set(fields);
  return room.save(null, options);
}

describe('leancloud-storage', () => {
  it('saves a room that the realtime SDK joins', async () => {
    const acl = new AV.ACL();
    acl.setPublicReadAccess(true);
    const room = new AV.Conversation(unique('saved'), { isTransient: true });
    room.set({ attr: { topic: 'football' }, since: new Date(0) });
    room.addMember('nobody in particular');
    room.setACL(acl);
    await room.save();
    assert.match(room.id, /^[0-9a-f]{24}$/);
    assert.ok(room.createdAt instanceof Date);

    const alice = await logIn(V5, server);
    const joined = await alice.join(room.id);
    assert.equal(joined.name, room.getName());
    await room.send('host', 'welcome', {}, byMaster);
    await alice.hears('welcome');
    assert.equal(joined.get('attr.topic'), 'football');

    const fetched = await AV.Object.createWithoutData('_Conversation', room.id).fetch();
    assert.deepEqual(fetched.get('since'), new Date(0));
    assert.equal(fetched.getACL().getPublicReadAccess(), true);
    assert.equal(fetched.getACL().getPublicWriteAccess(), false);
  });

  it('finds rooms by name, in order, in pages, and counts them', async () => {
    const mark = unique('found');
    for (const number of [1, 2, 3]) await saved({ name: `${mark}-${number}`, mark, number });
    const [second] = await new AV.Query('_Conversation').equalTo('name', `${mark}-2`).find();
    assert.equal(second.get('number'), 2);
    const ofMark = () => new AV.Query('_Conversation').equalTo('mark', mark);
    assert.equal(await ofMark().count(), 3);
    const page = await ofMark().descending('number').skip(1).limit(1).find();
    assert.deepEqual(page.map((room) => room.get('number')), [2]);
    const some = await ofMark().containedIn('number', [1, 3]).addAscending('number').select('number').find();
    assert.deepEqual(some.map((room) => [room.get('number'), room.get('name')]), [[1, undefined], [3, undefined]]);
    const [rooms, count] = await ofMark().greaterThan('number', 1).findAndCount();
    assert.deepEqual([rooms.length, count], [2, 2]);
    assert.equal((await ofMark().endsWith('name', '-3').first()).get('number'), 3);
    assert.equal(await ofMark().equalTo('number', 9).first(), undefined);
    assert.equal((await new AV.Query('_Conversation').get(second.id)).get('mark'), mark);
  });

  it('asks a question that is too long for an address', async () => {
    const mark = unique('long');
    const room = await saved({ name: mark });
    const names = Array.from({ length: 300 }, (_, index) => `${mark}-no-such-room-${index}`);
    const found = await new AV.Query('_Conversation').containedIn('name', [...names, mark]).find();
    assert.deepEqual(found.map((each) => each.id), [room.id]);
  });

  it('changes a room with operators, of which its members hear', async () => {
    const room = await saved({ name: unique('changed'), hot: 1, tags: ['a'], gone: true });
    const alice = await logIn(V5, server);
    const joined = await alice.join(room.id);
    const heard = new Promise((resolve) => joined.once('infoupdated', resolve));
    room.increment('hot', 2);
    room.addUnique('tags', 'b');
    room.unset('gone');
    await room.save(null, byMaster);
    await heard;
    assert.equal(joined.get('hot'), 3);
    const fetched = await new AV.Query('_Conversation').get(room.id);
    assert.deepEqual([fetched.get('hot'), fetched.get('tags'), fetched.get('gone')], [3, ['a', 'b'], undefined]);
    fetched.remove('tags', 'a');
    fetched.set('name', 'after');
    const whole = await fetched.save(null, { ...byMaster, fetchWhenSave: true });
    assert.deepEqual([whole.get('tags'), whole.get('name')], [['b'], 'after']);
  });

  it('saves and removes several at once', async () => {
    const mark = unique('several');
    const rooms = [1, 2, 3].map((number) => {
      const room = new AV.Conversation(`${mark}-${number}`, { isTransient: true });
      room.set('mark', mark);
      return room;
    });
    await AV.Object.saveAll(rooms, byMaster);
    assert.equal(new Set(rooms.map((room) => room.id)).size, 3);
    rooms.forEach((room) => room.set('saved', true));
    await AV.Object.saveAll(rooms, byMaster);
    const ofMark = () => new AV.Query('_Conversation').equalTo('mark', mark);
    assert.equal(await ofMark().equalTo('saved', true).count(), 3);
    await AV.Object.fetchAll(rooms);
    await rooms[0].destroy(byMaster);
    await AV.Object.destroyAll(rooms.slice(1), byMaster);
    assert.equal(await ofMark().count(), 0);
  });

  it('hears in words what is not allowed', async () => {
    const room = await saved({ name: unique('guarded') });
    const code = (expected, words) => (error) => {
      assert.equal(error.code, expected, error.message);
      assert.match(error.message, words);
      return true;
    };
    room.set('name', 'mine now');
    await assert.rejects(room.save(), code(403, /rooms_by_key/));
    await assert.rejects(room.destroy(), code(403, /master key/));
    await assert.rejects(saved({ tr: false }), code(4316, /chat rooms/));
    await assert.rejects(saved({ c: 'somebody else' }), code(403, /master key/));
    await assert.rejects(saved({ lm: new Date() }, byMaster), code(4306, /lm/));
    await assert.rejects(new AV.Query('_Conversation').get('nowhere'), code(101, /./));
    const nothing = AV.Object.createWithoutData('_Conversation', 'nowhere');
    await assert.rejects(nothing.fetch(), code(101, /./));
  });
});
