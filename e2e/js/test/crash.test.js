// The server is killed under load and started again: everybody is back, nothing acknowledged is lost.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { eventually, withDeadline } from '../support/wait.js';

const ENOUGH = 400;

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

/** Sends one message after the other until the connection is lost; every third is HIGH. */
class Speaker {
  acknowledged = [];
  unanswered;

  constructor(user, room) {
    Object.assign(this, { user, room });
    this.lost = new Promise((resolve) => user.realtime.once('disconnect', resolve));
  }

  async talk() {
    let talking = true;
    this.lost.then(() => { talking = false; });
    for (let n = 0; talking; n += 1) {
      const high = n % 3 === 0;
      const { TextMessage, MessagePriority } = this.user.module;
      const message = new TextMessage(`${this.user.id} says ${n}`);
      const priority = high ? MessagePriority.HIGH : MessagePriority.NORMAL;
      const sending = this.room.send(message, { priority });
      const acked = await Promise.race([sending.then(() => true, () => false), this.lost.then(() => false)]);
      if (acked) this.acknowledged.push({ id: message.id, text: message.getText(), high });
      else this.unanswered = { message, priority };
    }
  }
}

async function wholeHistory(room) {
  const items = [];
  const pages = room.createMessagesIterator({ limit: 100 });
  for (let page = await pages.next(); ; page = await pages.next()) {
    items.unshift(...page.value);
    if (page.done) return items;
  }
}

it('brings everybody back with all that was acknowledged', async () => {
  const users = [];
  for (const sdk of CURRENT) users.push(await logIn(sdk, server));
  const away = await logIn(V5, server);
  const host = await users[0].createRoom();
  const rooms = [host];
  for (const user of users.slice(1)) rooms.push(await user.join(host.id));
  await away.join(host.id);
  await away.goAway();
  await eventually(async () => (await host.count()) === users.length, 'one is away');

  const speakers = users.map((user, n) => new Speaker(user, rooms[n]));
  const talks = speakers.map((speaker) => speaker.talk());
  const acknowledged = () => speakers.flatMap((speaker) => speaker.acknowledged);
  await eventually(() => acknowledged().length >= ENOUGH, `${ENOUGH} acknowledged messages`);
  const back = users.map((user) => withDeadline(user.back(), `${user.id} back`));
  await server.kill();
  await Promise.all(talks);
  assert.ok(speakers.some((speaker) => speaker.unanswered), 'somebody was talking when the server died');

  await server.start();
  await Promise.all(back);
  await away.comeBack();
  assert.equal(await host.count(), users.length + 1, 'everybody is in the room without joining');

  await host.send(new users[0].module.TextMessage('we are back'));
  await Promise.all([...users.slice(1), away].map((user) => user.hears('we are back')));

  for (const user of [...users, away]) {
    const due = speakers.filter((speaker) => speaker.user !== user).flatMap((speaker) => speaker.acknowledged);
    const high = due.filter((message) => message.high).map((message) => message.id);
    assert.ok(high.length > 0);
    await eventually(() => {
      const heard = new Set(user.messages.items.map((message) => message.id));
      return high.every((id) => heard.has(id));
    }, `${user.id} has all ${high.length} HIGH messages`);
  }

  // A message whose ack was lost is sent again as the same message, and is there once.
  const repeated = speakers.filter((speaker) => speaker.unanswered);
  for (const { unanswered, room } of repeated) {
    await room.send(unanswered.message, { priority: unanswered.priority });
  }

  const history = await wholeHistory(host);
  const places = new Map();
  history.forEach((message, place) => places.set(message.id, [...(places.get(message.id) ?? []), place]));
  for (const message of acknowledged()) {
    assert.equal(places.get(message.id)?.length, 1, `${message.text} is in history once`);
  }
  for (let n = 1; n < history.length; n += 1) assert.ok(history[n].timestamp >= history[n - 1].timestamp);
  for (const speaker of speakers) {
    const order = speaker.acknowledged.map((message) => places.get(message.id)[0]);
    assert.deepEqual(order, [...order].sort((a, b) => a - b), `order of ${speaker.user.id} is kept`);
  }
  const texts = history.map((message) => message.getText());
  for (const { unanswered } of repeated) {
    assert.equal(texts.filter((text) => text === unanswered.message.getText()).length, 1);
  }
  assert.equal(history.length, acknowledged().length + repeated.length + 1, 'and nothing else');
});
