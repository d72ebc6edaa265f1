// What single native SDKs ask beyond the common flow: members, wills, event streams, wrapped queries.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';
import { CSharp } from '../wire/csharp.js';
import { OldObjectiveC } from '../wire/objc-old.js';
import { ObjectiveC } from '../wire/objc.js';
import { cutAll } from '../wire/scripted.js';
import { Swift } from '../wire/swift.js';

let server;
before(async () => {
  server = await startServer({ config: { limits: { will_grace: '1s' } } });
});
after(async () => {
  cutAll();
  await logOutAll();
  await server?.dispose();
});

const text = (body) => ({ _lctype: -1, _lctext: body });

async function guestAndHost(Family) {
  const guest = await Family.logIn(server);
  const host = await logIn(V5, server);
  const room = await host.createRoom();
  await guest.join(room.id);
  return { guest, host, room };
}

for (const Family of [Swift, CSharp]) {
  it(`lists members for ${Family.name}`, async () => {
    const { guest, host, room } = await guestAndHost(Family);
    assert.deepEqual((await guest.members(room.id)).sort(), [guest.id, host.id].sort());
    await guest.leave();
  });
}

it('answers 0 members explicitly', async () => {
  const { guest, room } = await guestAndHost(Swift);
  const other = await guest.createRoom(unique('room'), {});
  await guest.quit(other);
  assert.equal(await guest.count(other), 0);
  assert.deepEqual(await guest.members(other), []);
  assert.equal(await guest.count(room.id), 1);
  await guest.leave();
});

it('answers a query of online clients when nobody is', async () => {
  const guest = await Swift.logIn(server);
  assert.deepEqual(await guest.online([unique('nobody')]), []);
  await guest.leave();
});

it('has an event stream for Swift, and it is empty', async () => {
  const guest = await Swift.logIn(server);
  await guest.notifications();
  await guest.leave();
});

it('says nothing of who comes and goes', async () => {
  for (const Family of [Swift, CSharp, ObjectiveC, OldObjectiveC]) {
    const { guest, host, room } = await guestAndHost(Family);
    const passer = await Family.logIn(server);
    await passer.join(room.id);
    await passer.quit(room.id);
    await passer.join(room.id);
    await passer.leave();
    await host.say(room, 'who was that?');
    await guest.hears('who was that?');
    // It takes any push that is no message for a fault.
    await guest.leave();
  }
});

it('tells C# of what it is a member', async () => {
  const { guest, room } = await guestAndHost(CSharp);
  const other = '0123456789abcdef01234567';
  const reply = await guest.request({ cmd: 'conv', op: 'is_member', body: { cids: [room.id, other] } });
  assert.equal(reply.body.results[room.id], true);
  assert.notEqual(reply.body.results[other], true);
  await guest.leave();
});

it('answers a push mute, which means nothing in a room', async () => {
  for (const Family of [ObjectiveC, CSharp]) {
    const { guest, room } = await guestAndHost(Family);
    const reply = await guest.request({ cmd: 'conv', op: 'mute', body: { cid: room.id } });
    assert.equal(reply.op, 'updated');
    assert.equal(reply.body.cid, room.id);
    await guest.leave();
  }
});

it('sends the will of a Swift client whose socket closes', async () => {
  const { guest, host, room } = await guestAndHost(Swift);
  const will = await guest.send(room.id, text('lost'), { will: true });
  guest.line.socket.close();
  const heard = await host.hears('lost');
  assert.deepEqual([heard.id, heard.from], [will.mid, guest.id]);
});

it('takes a binary edit in the field of texts, as Java writes it', async () => {
  const { guest, host, room } = await guestAndHost(Swift);
  const { body: ack } = await guest.request({ cmd: 'direct', body: { cid: room.id, binaryMsg: Buffer.from([1, 2]) } });
  const patch = { cid: room.id, mid: ack.uid, timestamp: ack.t, data: Buffer.from([0xff, 0x00, 0xfe]) };
  await guest.request({ cmd: 'patch', op: 'modify', body: { patches: [patch] } });
  await host.edits.find((item) => item.id === ack.uid, 'the binary edit');
  const [item] = await guest.history(room.id, { limit: 1 });
  assert.equal(item.bin, true);
  assert.deepEqual(Buffer.from(item.data, 'base64'), Buffer.from([0xff, 0x00, 0xfe]));
  await guest.leave();
});

it('never answers what old Objective-C sends without a serial', async () => {
  const { guest, host, room } = await guestAndHost(OldObjectiveC);
  // Its transient messages have no serial and await no ack; neither do its acks of messages and patches.
  guest.post({ cmd: 'direct', priority: 1, body: { cid: room.id, msg: JSON.stringify(text('typing')), transient: true } });
  await host.hears('typing');
  guest.post({ cmd: 'direct', body: { cid: '0123456789abcdef01234567', msg: 'nowhere', transient: true } });
  const sent = await host.say(room, 'acknowledged');
  await guest.hears('acknowledged');
  await room.recall(sent);
  await guest.patches.find((patch) => patch.recall, 'the recall');
  assert.equal(await guest.count(room.id), 2, 'an answer, and none before it');
  guest.checkUnbroken();
  await guest.leave();
});

it('reads every way iOS asks for history', async () => {
  const { guest, host, room } = await guestAndHost(ObjectiveC);
  const sent = [];
  for (const body of ['a', 'b', 'c', 'd']) sent.push(await host.say(room, body));
  const ids = async (bounds) => (await guest.history(room.id, bounds)).map((item) => sent.findIndex(({ id }) => id === item.msgId));
  const at = (n) => ({ t: Number(sent[n].timestamp), mid: sent[n].id });
  const till = (n) => ({ tt: Number(sent[n].timestamp), tmid: sent[n].id });
  assert.deepEqual(await ids(), [0, 1, 2, 3]);
  assert.deepEqual(await ids({ ...at(3), limit: 2 }), [1, 2]);
  assert.deepEqual(await ids({ ...at(3), tIncluded: true, ...till(1), ttIncluded: true }), [1, 2, 3]);
  assert.deepEqual(await ids({ ...at(0), ...till(3), direction: 'NEW', limit: 2 }), [1, 2]);
  assert.deepEqual(await ids({ t: 0, tt: 0, direction: 'NEW', limit: 2 }), [0, 1]);
  await guest.leave();
});
