// A phone that sleeps: its socket is open, and nobody reads. However it comes back, no HIGH message is lost.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V3, V4, V4_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { startRelay, stopRelays } from '../server/relay.js';
import { eventually, eventOf, withDeadline } from '../support/wait.js';

const SDKS = [V3, V4, V4_TEXT, V5];
const BURST = 20;

let server;
afterEach(async () => {
  await logOutAll();
  stopRelays();
});

/** A host, a member that is awake, and a phone of each SDK behind a relay; the phones have read one HIGH message. */
async function begin(sdks = SDKS) {
  const relay = await startRelay(server);
  const host = await logIn(V5, server);
  const room = await host.createRoom();
  const awake = await logIn(V4, server);
  await awake.join(room.id);
  const phones = [];
  for (const sdk of sdks) {
    const phone = await logIn(sdk, relay);
    phone.room = await phone.join(room.id);
    phones.push(phone);
  }
  const scene = { relay, host, room, awake, phones, texts: [] };
  const pinged = phones.map((phone) => eventOf(phone.socket, 'ping', `ping behind HIGH, ${phone.sdk.name}`));
  await send(scene, 'read');
  for (const phone of phones) await phone.hears('read');
  // The answer to a ping went out before this question: when that is answered, the server knows.
  await Promise.all(pinged);
  for (const phone of phones) await phone.room.count();
  return scene;
}

async function send({ host, room, texts }, text) {
  texts.push(text);
  await host.high(room, text);
}

async function sendBurst(scene) {
  for (let n = 0; n < BURST; n += 1) await send(scene, `gift ${scene.texts.length}`);
}

/** Messages have left the server, and no phone has read one of them. */
async function checkAsleep({ relay, phones }) {
  await eventually(() => relay.heldBytes > 100 * phones.length, 'bytes are held back');
  for (const phone of phones) assert.equal(phone.messages.items.length, 1, `${phone.sdk.name} sleeps`);
}

/** All are in the room and have every message, in order; what came twice had the same id. */
async function checkNothingLost(scene) {
  const { room, phones, texts } = scene;
  await eventually(async () => (await room.count()) === phones.length + 2, 'all are in the room');
  await send(scene, 'at last');
  for (const phone of phones) {
    await phone.hears('at last');
    assert.deepEqual(phone.heardTexts(), texts, phone.sdk.name);
  }
}

/** Starts to wait for a loss and the return by the SDK alone. */
function watch(phones) {
  return {
    gone: Promise.all(phones.map((phone) => eventOf(phone.realtime, 'disconnect', `loss, ${phone.sdk.name}`))),
    back: Promise.all(phones.map((phone) => withDeadline(phone.back(), `${phone.sdk.name} back`))),
  };
}

describe('a phone that sleeps', () => {
  before(async () => {
    server = await startServer();
  });
  after(() => server.dispose());

  it('wakes, and has each message once', async () => {
    const scene = await begin();
    scene.relay.hold();
    // Who is awake is asked for a confirmation each second; the phones owe theirs all the time.
    for (let n = 0; n < 4; n += 1) {
      const pinged = eventOf(scene.awake.socket, 'ping');
      await sendBurst(scene);
      await pinged;
    }
    await checkAsleep(scene);
    assert.equal(await scene.room.count(), SDKS.length + 2, 'nobody is given up');
    scene.relay.release();
    await checkNothingLost(scene);
    for (const { sdk, messages } of scene.phones) assert.equal(messages.items.length, scene.texts.length, sdk.name);
  });

  for (const [who, cut] of [
    ['the server hears of it', (relay) => relay.cut()],
    ['the server hears nothing of it', (relay) => relay.cutUnheard()],
  ]) {
    it(`is cut off by its system, and ${who}`, async () => {
      const scene = await begin();
      scene.relay.hold();
      await sendBurst(scene);
      await checkAsleep(scene);
      const { gone, back } = watch(scene.phones);
      cut(scene.relay);
      await gone;
      await sendBurst(scene);
      await back;
      await checkNothingLost(scene);
      // What it had answered for does not come again.
      for (const { sdk, messages } of scene.phones) {
        assert.equal(messages.items.filter(({ text }) => text === 'read').length, 1, sdk.name);
      }
    });
  }
});

describe('a phone that sleeps for too long', () => {
  before(async () => {
    // Those who are awake answer a ping each second.
    server = await startServer({ config: { limits: { read_timeout: '4s' } } });
  });
  after(() => server.dispose());

  it('is given up by the server, wakes, and comes back', async () => {
    const scene = await begin();
    scene.relay.hold();
    await sendBurst(scene);
    await checkAsleep(scene);
    while (await scene.room.count() > 2) {
      const pinged = eventOf(scene.awake.socket, 'ping');
      await send(scene, `gift ${scene.texts.length}`);
      await pinged;
    }
    const { gone, back } = watch(scene.phones);
    scene.relay.release();
    await gone;
    await back;
    await checkNothingLost(scene);
  });
});

describe('where HIGH is not replayed', () => {
  before(async () => {
    server = await startServer({ app: { high_replay: false } });
  });
  after(() => server.dispose());

  it('nobody is asked, and what was missed is in history only', async () => {
    const relay = await startRelay(server);
    const host = await logIn(V5, server);
    const room = await host.createRoom();
    const phone = await logIn(V4, relay);
    const phoneRoom = await phone.join(room.id);
    let pings = 0;
    phone.socket.on('ping', () => { pings += 1; });
    await host.high(room, 'read');
    await phone.hears('read');
    relay.hold();
    await host.high(room, 'not read');
    await eventually(() => relay.heldBytes > 0, 'bytes are held back');
    const { gone, back } = watch([phone]);
    relay.cut();
    await gone;
    await eventually(async () => (await room.count()) === 1, 'the phone is gone');
    await host.high(room, 'in the gap');
    await back;
    await host.high(room, 'at last');
    await phone.hears('at last');
    assert.deepEqual(phone.messages.items.map(({ text }) => text), ['read', 'at last']);
    assert.equal(pings, 0);
    const history = await phoneRoom.queryMessages();
    assert.deepEqual(history.map((message) => message.getText()), ['read', 'not read', 'in the gap', 'at last']);
  });
});
