// The guide's flow with an unmodified SDK: one function per step, shared by all releases and formats.
import assert from 'node:assert/strict';
import { eventually, unique } from '../support/wait.js';
import { logIn } from './client.js';

/** Two users and, from the first step on, their room. */
export async function begin(sdk, server) {
  const alice = await logIn(sdk, server, unique('alice'));
  const bob = await logIn(sdk, server, unique('bob'));
  return { sdk, server, alice, bob };
}

export async function create(scene) {
  const { alice } = scene;
  const name = unique('stadium');
  scene.room = await alice.createRoom({ name, attr: { topic: 'final' }, season: 7 });
  assert.match(scene.room.id, /^[0-9a-f]{24}$/);
  assert.ok(Math.abs(scene.room.createdAt - Date.now()) < 60_000, `created at ${scene.room.createdAt}`);
  assert.equal(await scene.room.count(), 1, 'the creator is in the room');
}

export async function query(scene) {
  const { bob, room } = scene;
  const byId = await bob.client.getConversation(room.id, true);
  assert.equal(byId.id, room.id);
  assert.equal(byId.name, room.name);
  assert.equal(byId.transient, true);
  assert.equal(byId.creator, scene.alice.id);
  assert.deepEqual(byId.get('attr'), { topic: 'final' });
  assert.equal(byId.get('season'), 7);
  assert.equal(Number(byId.createdAt), Number(room.createdAt));
  assert.equal(await bob.client.getConversation('0123456789abcdef01234567'), null);
  scene.bobRoom = byId;
}

export async function join(scene) {
  await scene.bobRoom.join();
  assert.equal(await scene.room.count(), 2);
  await scene.bobRoom.join();
  assert.equal(await scene.room.count(), 2, 'joining twice is joining once');
}

export async function sendAndReceive(scene) {
  const { alice, bob, room, bobRoom } = scene;
  const sent = await alice.say(room, 'kick-off');
  assert.match(sent.id, /^[\w-]{20,}$/);
  const heard = await bob.hears('kick-off');
  assert.deepEqual(
    { id: heard.id, from: heard.from, timestamp: heard.timestamp },
    { id: sent.id, from: alice.id, timestamp: Number(sent.timestamp) },
  );
  await bob.say(bobRoom, 'hello, Alice');
  await alice.hears('hello, Alice');
  assert.deepEqual(alice.heardTexts(), ['hello, Alice'], 'the sending session gets no copy');
}

export async function levels(scene) {
  const { alice, bob, room } = scene;
  await alice.high(room, 'a gift');
  await alice.normal(room, 'a comment');
  await alice.low(room, 'a like');
  await bob.hears('a like');
  assert.deepEqual(bob.heardTexts().slice(-3), ['a gift', 'a comment', 'a like']);
}

export async function history(scene) {
  const { bob, bobRoom } = scene;
  const texts = async (options) => (await bobRoom.queryMessages(options)).map((message) => message.getText());
  const all = ['kick-off', 'hello, Alice', 'a gift', 'a comment', 'a like'];
  assert.deepEqual(await texts(), all);
  assert.deepEqual(await texts({ limit: 2 }), all.slice(3));
  if (scene.sdk.modern) {
    const direction = bob.module.MessageQueryDirection.OLD_TO_NEW;
    assert.deepEqual(await texts({ limit: 2, direction }), all.slice(0, 2));
  }
  const pages = bobRoom.createMessagesIterator({ limit: 2 });
  const paged = [];
  for (let page = await pages.next(); ; page = await pages.next()) {
    paged.unshift(...page.value.map((message) => message.getText()));
    if (page.done) break;
  }
  assert.deepEqual(paged, all);
}

export async function updateAttributes(scene) {
  const { sdk, alice, bob, room, bobRoom } = scene;
  const before = Number(room.updatedAt);
  room.set('season', 8).set('attr.score', { home: 1 });
  await room.save();
  assert.ok(Number(room.updatedAt) >= before);
  if (sdk.modern) {
    const update = await bob.updates.find((item) => item.attributes.season === 8, 'the update');
    assert.equal(update.updatedBy, alice.id);
    assert.equal(update.roomId, room.id);
  } else {
    await bobRoom.fetch();
  }
  assert.deepEqual(bobRoom.get('attr'), { topic: 'final', score: { home: 1 } });

  room.set('attr.topic', { __op: 'Delete' });
  await room.save();
  if (sdk.modern) await bob.updates.collect(2, () => true, 'second update');
  await bobRoom.fetch();
  assert.deepEqual(bobRoom.get('attr'), { score: { home: 1 } });
  assert.equal(bobRoom.get('season'), 8);
  assert.equal(alice.updates.items.length, 0, 'the actor gets no push');
}

export async function edit(scene) {
  const { alice, bob, room, bobRoom } = scene;
  const sent = await alice.say(room, 'goool');
  await bob.hears('goool');
  const edited = await room.update(sent, new alice.module.TextMessage('goal'));
  assert.equal(edited.id, sent.id);
  const push = await bob.edits.find((item) => item.id === sent.id, 'the edit');
  assert.deepEqual([push.text, push.from, push.timestamp], ['goal', alice.id, Number(sent.timestamp)]);
  const [last] = await bobRoom.queryMessages({ limit: 1 });
  assert.equal(last.getText(), 'goal');
  assert.ok(last.updatedAt >= last.timestamp);
}

export async function recall(scene) {
  const { alice, bob, room, bobRoom } = scene;
  const sent = await alice.say(room, 'wrong room');
  await bob.hears('wrong room');
  await room.recall(sent);
  const push = await bob.recalls.find((item) => item.id === sent.id, 'the recall');
  assert.ok(push.message instanceof bob.module.RecalledMessage);
  const [last] = await bobRoom.queryMessages({ limit: 1 });
  assert.equal(last.id, sent.id);
  assert.ok(last instanceof bob.module.RecalledMessage);
}

/** Joining another room is leaving the first one, and nobody is told. */
export async function leaveByJoining(scene) {
  const { alice, bob, room } = scene;
  const other = await bob.createRoom();
  assert.equal(await room.count(), 1);
  await alice.high(room, 'is Bob still here?');
  await alice.join(other.id);
  assert.equal(await other.count(), 2);
  const aliceInOther = await alice.client.getConversation(other.id);
  await alice.say(aliceInOther, 'found you');
  await bob.hears('found you');
  assert.ok(!bob.heardTexts().includes('is Bob still here?'));
  scene.other = other;
}

export async function quit(scene) {
  const { alice, bob, other } = scene;
  await other.quit();
  const aliceInOther = await alice.client.getConversation(other.id);
  assert.equal(await aliceInOther.count(), 1);
  await alice.high(aliceInOther, 'after Bob left');
  await bob.join(other.id);
  await alice.say(aliceInOther, 'Bob again');
  await bob.hears('Bob again');
  assert.ok(!bob.heardTexts().includes('after Bob left'));
  await other.quit();
  await other.quit();
}

export async function logOut(scene) {
  const { alice, bob } = scene;
  assert.deepEqual(await alice.client.ping([bob.id, 'nobody']), [bob.id]);
  await bob.logOut();
  await eventually(async () => (await alice.client.ping([bob.id])).length === 0, 'Bob is offline');
  await alice.logOut();
}

export const STEPS = {
  'creates a room and is in it': create,
  'finds the room': query,
  joins: join,
  'sends and receives': sendAndReceive,
  'sends with each level': levels,
  'reads history both ways': history,
  'updates attributes, dotted ones too': updateAttributes,
  'edits a message': edit,
  'recalls a message': recall,
  'leaves a room by joining another': leaveByJoining,
  quits: quit,
  'logs out': logOut,
};
