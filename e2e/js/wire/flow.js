// The whole life of a scripted client beside a real SDK (the host), one function per step.
import assert from 'node:assert/strict';
import { logIn } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V5 } from '../sdk/versions.js';
import { eventually, unique } from '../support/wait.js';

const text = (body) => ({ _lctype: -1, _lctext: body });

export async function begin(Family, server) {
  return { Family, server, host: await logIn(V5, server, unique('host')) };
}

export async function logInAndBeat(scene) {
  const { Family, server } = scene;
  scene.guest = await Family.logIn(server);
  await scene.guest.heartbeat();
  scene.guest.checkUnbroken();
}

export async function createOwnRoom(scene) {
  const { host, guest } = scene;
  const name = unique('studio');
  scene.ownRoom = await guest.createRoom(name, { topic: 'derby' });
  assert.equal(await guest.count(scene.ownRoom), 1);
  const seen = await host.client.getConversation(scene.ownRoom);
  assert.equal(seen.name, name);
  assert.equal(seen.creator, guest.id);
  assert.equal(seen.transient, true);
  assert.equal(seen.get('attr')?.topic ?? seen.get('topic'), 'derby');
  await seen.join();
  await host.say(seen, 'nice place');
  assert.equal((await guest.hears('nice place')).from, host.id);
}

export async function findRooms(scene) {
  const { host, guest } = scene;
  scene.room = await host.createRoom({ name: unique('arena'), attr: { sport: 'chess' }, year: 2026 });
  await host.say(scene.room, 'welcome');
  const { id, name } = scene.room;
  const [byId, ...more] = await guest.find({ objectId: id });
  assert.deepEqual([byId.objectId, byId.name, byId.c, more.length], [id, name, host.id, 0]);
  assert.deepEqual(byId.attr, { sport: 'chess' });
  assert.equal(byId.year, 2026);
  const [byName] = await guest.find({ tr: true, name });
  assert.equal(byName.objectId, id);
  const [withLast] = await guest.find({ objectId: id }, { flag: 2 });
  assert.equal(JSON.parse(withLast.msg)._lctext, 'welcome');
  assert.deepEqual(await guest.find({ objectId: '0123456789abcdef01234567' }), []);
  if (guest.countRooms) assert.equal(await guest.countRooms({ tr: true, name }), 1);
}

export async function joinAndLeaveTheOld(scene) {
  const { host, guest, room, ownRoom } = scene;
  await guest.join(room.id);
  assert.equal(await guest.count(room.id), 2);
  const old = await host.client.getConversation(ownRoom);
  assert.equal(await old.count(), 0);
  assert.deepEqual(await guest.online([host.id, 'nobody']), [host.id]);
}

export async function send(scene) {
  const { host, guest, room } = scene;
  for (const [n, level] of ['gift', 'comment', 'like'].entries()) {
    const sent = await guest.send(room.id, text(`a ${level}`), { priority: n + 1 });
    const heard = await host.hears(`a ${level}`);
    assert.deepEqual([heard.id, heard.from, heard.timestamp], [sent.mid, guest.id, sent.timestamp]);
  }
  assert.deepEqual(guest.heardTexts().filter((heard) => heard.startsWith('a ')), [], 'no copy for the sender');
}

export async function receive(scene) {
  const { host, guest, room } = scene;
  await host.high(room, 'one');
  await host.normal(room, 'two');
  await host.low(room, 'three');
  await host.say(room, 'four', { transient: true });
  const message = new host.module.TextMessage('five').setMentionList([guest.id]).mentionAll();
  await room.send(message);
  const last = await guest.hears('five');
  const heard = guest.messages.items.filter((item) => ['one', 'two', 'three', 'four'].includes(item.text));
  assert.deepEqual(heard.map((item) => item.text).sort(), ['four', 'one', 'three', 'two']);
  assert.deepEqual(heard.filter((item) => item.text !== 'four').map((item) => item.text), ['one', 'two', 'three']);
  assert.deepEqual(heard.filter((item) => item.transient).map((item) => item.text), ['four']);
  assert.deepEqual([last.id, last.from, last.cid], [message.id, host.id, room.id]);
  assert.deepEqual([last.mentionAll, last.mentionPids], [true, [guest.id]]);
  await host.say(room, 'six');
  await guest.hears('six');
}

export async function readHistory(scene) {
  const { guest, room } = scene;
  const texts = (items) => items.map((item) => JSON.parse(item.data)._lctext);
  const page = await guest.history(room.id);
  const all = ['welcome', 'a gift', 'a comment', 'a like', 'one', 'two', 'three', 'five', 'six'];
  assert.deepEqual(texts(page), all);
  assert.deepEqual(texts(await guest.history(room.id, { limit: 2 })), all.slice(-2));
  const { timestamp: t, msgId: mid } = page[3];
  assert.deepEqual(texts(await guest.history(room.id, { limit: 2, t, mid })), all.slice(1, 3));
  const empty = await guest.history(scene.ownRoom, { limit: 2, t: page[0].timestamp - 60_000 });
  assert.deepEqual(empty, []);
}

export async function updates(scene) {
  const { host, guest, room } = scene;
  room.set('year', 2027).set('attr.sport', 'go');
  await room.save();
  const push = await guest.updates.find((body) => body.cid === room.id, 'the update');
  assert.equal(push.initBy, host.id);
  assert.equal(push.attrModified.year, 2027);
  assert.equal(push.attrModified.attr.sport, 'go');
  await guest.update(room.id, { 'attr.sport': 'shogi' });
  const seen = await host.updates.find(() => true, 'the update');
  assert.equal(seen.updatedBy, guest.id);
  assert.equal(room.get('attr').sport, 'shogi');

  await guest.update(room.id, { 'attr.sport': { __op: 'Delete' }, year: { __op: 'Increment', amount: 1 } });
  await host.updates.find((update) => update.attributes?.year === 2028 || room.get('year') === 2028, 'the operators');
  assert.equal(room.get('year'), 2028);
  const again = await host.client.getConversation(room.id, true);
  assert.equal(again.get('attr')?.sport ?? null, null, 'deleted for good');
}

export async function editAndRecall(scene) {
  const { host, guest, room } = scene;
  if (!guest.knowsPatches) return;
  const first = await host.say(room, 'shcah');
  await guest.hears('shcah');
  await room.update(first, new host.module.TextMessage('shah'));
  const edit = await guest.patches.find((patch) => patch.mid === first.id, 'the edit');
  assert.equal(JSON.parse(edit.data)._lctext, 'shah');
  assert.equal(edit.recall ?? false, false);
  await room.recall(first);
  const recall = await guest.patches.find((patch) => patch.mid === first.id && patch.recall, 'the recall');
  assert.equal(JSON.parse(recall.data)._lctype, -127);

  const own = await guest.send(room.id, text('mtae'));
  await host.hears('mtae');
  await guest.edit(own, text('mate'));
  const seen = await host.edits.find((item) => item.id === own.mid, 'the edit');
  assert.deepEqual([seen.text, seen.from, seen.timestamp], ['mate', guest.id, own.timestamp]);
  await guest.recall(own);
  await host.recalls.find((item) => item.id === own.mid, 'the recall');
}

export async function hearRefusals(scene) {
  const { host, guest, room } = scene;
  await refused(guest.join('0123456789abcdef01234567'), 4303);
  await refused(guest.send('0123456789abcdef01234567', text('hello?')), 4401);
  await refused(guest.send(room.id, text('x'.repeat(5200))), 4109);
  if (guest.knowsPatches) {
    const theirs = await host.say(room, 'mine');
    const message = { cid: room.id, mid: theirs.id, timestamp: Number(theirs.timestamp) };
    await refused(guest.recall(message), 4403);
  }
  guest.checkUnbroken();
}

/** The socket is lost; the SDK reopens its session, nobody joins, and HIGH of the gap is there. */
export async function comeBack(scene) {
  const { host, guest, room } = scene;
  await guest.line.cut();
  await eventually(async () => (await room.count()) === 1, 'the guest is gone');
  await host.high(room, 'gap: gift');
  await host.normal(room, 'gap: comment');
  await guest.reopen();
  await host.normal(room, 'after the gap');
  await guest.hears('after the gap');
  await guest.hears('gap: gift');
  assert.ok(!guest.heardTexts().includes('gap: comment'));
  assert.equal(await room.count(), 2);
  await guest.send(room.id, text('I am back'));
  await host.hears('I am back');
}

export async function quitAndLeave(scene) {
  const { host, guest, room } = scene;
  await guest.quit(room.id);
  assert.equal(await room.count(), 1);
  await guest.quit(room.id);
  await guest.leave();
  await host.logOut();
}

export const STEPS = {
  'finds the server, logs in, keeps the heartbeat': logInAndBeat,
  'creates a room': createOwnRoom,
  'finds rooms': findRooms,
  'joins a room and has left the former': joinAndLeaveTheOld,
  'sends with its levels': send,
  receives: receive,
  'reads history': readHistory,
  'updates attributes and hears of updates': updates,
  'edits and recalls, and hears of both': editAndRecall,
  'hears refusals': hearRefusals,
  'comes back after a lost socket': comeBack,
  'quits and leaves': quitAndLeave,
};
