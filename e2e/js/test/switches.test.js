// The switches of an app in the configuration file, seen through the SDK; and the limits per client.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { V4_TEXT, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

const servers = [];
async function serverWith(options) {
  const server = await startServer(options);
  servers.push(server);
  return server;
}
after(async () => {
  await logOutAll();
  await Promise.all(servers.map((server) => server.dispose()));
});

async function insideAndOutside(sdk, server) {
  const inside = await logIn(sdk, server);
  const outside = await logIn(sdk, server);
  const room = await inside.createRoom();
  return { inside, outside, room, view: await outside.client.getConversation(room.id) };
}

describe('an app that is open, as by default', () => {
  it('lets a non-member send and read', async () => {
    const { inside, outside, room, view } = await insideAndOutside(V5, await serverWith());
    await outside.say(view, 'from the street');
    await inside.hears('from the street');
    await inside.say(room, 'who is there?');
    assert.equal((await view.queryMessages()).length, 2);
    assert.deepEqual(outside.heardTexts(), []);
  });

  it('takes the signatures of apps that sign, without looking at them', async () => {
    const server = await serverWith();
    const sign = () => ({ signature: 'f'.repeat(40), timestamp: Date.now(), nonce: 'n' });
    const options = { signatureFactory: sign, conversationSignatureFactory: sign };
    for (const sdk of [V4_TEXT, V5]) {
      const alice = await logIn(sdk, server, unique('signed'), options);
      const bob = await logIn(sdk, server, unique('signed'), options);
      const room = await alice.createRoom();
      const bobRoom = await bob.join(room.id);
      await alice.say(room, 'signed');
      await bob.hears('signed');
      await bobRoom.quit();
    }
  });
});

describe('two apps on one server', () => {
  it('know nothing of each other', async () => {
    const second = { id: 'secondApp0123456789', key: 'secondKey0123456789', master_key: 'secondMaster0123456789' };
    const server = await serverWith({ otherApps: [second] });
    const id = unique('everywhere');
    const here = await logIn(V5, server, id);
    const there = await logIn(V5, server, id, { app: second });
    const watcher = await logIn(V5, server, unique('watcher'));
    const room = await here.createRoom();
    await watcher.join(room.id);
    const other = await there.createRoom();
    assert.equal(await room.count(), 2, 'the same client id elsewhere is another one');
    assert.equal(await there.client.getConversation(room.id), null);
    const forged = await there.client.parseConversation({ id: room.id, transient: true });
    await refused(forged.join(), 4303);
    await refused(there.say(forged, 'across'), 4401);
    assert.deepEqual(await there.client.ping([watcher.id]), []);
    assert.equal(await other.count(), 1);
    await here.say(room, 'inside');
    await watcher.hears('inside');
    assert.deepEqual(watcher.heardTexts(), ['inside']);
  });
});

describe('an app with its switches the other way', () => {
  it('refuses what each switch names', async () => {
    const app = {
      send: 'members', history: 'members', room_update: 'back-end', edit: false, recall: false,
      rejoin: 'resume-only', own_sessions: 'exclude', count: 'sessions',
    };
    const server = await serverWith({ app });
    const { inside, outside, room, view } = await insideAndOutside(V5, server);
    const sent = await inside.say(room, 'inside');
    await refused(outside.say(view, 'outside'), 4401);
    await refused(view.queryMessages(), 4312);
    assert.equal((await room.queryMessages()).length, 1);
    room.set('colour', 'red');
    await refused(room.save(), 4320);
    await refused(room.update(sent, new inside.module.TextMessage('edited')), 4406);
    await refused(room.recall(sent), 4407);
  });

  it('counts sessions, and leaves out the other sessions of a sender', async () => {
    const server = await serverWith({ app: { count: 'sessions', own_sessions: 'exclude' } });
    const id = unique('twice');
    const phone = await logIn(V5, server, id);
    const tablet = await logIn(V4_TEXT, server, id);
    const other = await logIn(V5, server);
    const room = await phone.createRoom();
    await tablet.join(room.id);
    const others = await other.join(room.id);
    assert.equal(await room.count(), 3);
    await phone.say(room, 'not to my tablet');
    await other.say(others, 'to both');
    await tablet.hears('to both');
    assert.deepEqual(tablet.heardTexts(), ['to both']);
  });

  it('keeps one room per session when told so', async () => {
    const server = await serverWith({ app: { one_room_per: 'session' } });
    const id = unique('both');
    const phone = await logIn(V5, server, id);
    const tablet = await logIn(V4_TEXT, server, id);
    const speaker = await logIn(V5, server);
    const first = await speaker.createRoom();
    await phone.join(first.id);
    await tablet.createRoom();
    await speaker.say(first, 'the phone is still here');
    await phone.hears('the phone is still here');
  });

  it('brings only a resumed session back when told so', async () => {
    const server = await serverWith({ app: { rejoin: 'resume-only' } });
    const id = unique('page');
    const host = await logIn(V5, server);
    const room = await host.createRoom();
    const page = await logIn(V5, server, id);
    await page.join(room.id);
    await page.goAway();
    await page.comeBack();
    assert.equal(await room.count(), 2);
    await page.goAway();
    const reloaded = await logIn(V5, server, id);
    assert.equal(await room.count(), 1);
    await reloaded.logOut();
    page.abandon();
  });
});

describe('limits per client', () => {
  it('answers 4116 at once beyond 60 messages a minute, and the socket stays', async () => {
    const server = await serverWith({ clientLimits: 'on' });
    for (const sdk of [V5, V4_TEXT]) {
      const alice = await logIn(sdk, server);
      const bob = await logIn(sdk, server);
      const room = await alice.createRoom();
      const bobRoom = await bob.join(room.id);
      const outcomes = await Promise.all(Array.from({ length: 70 }, (_, n) => (
        alice.say(room, `${n}`).then(() => 'sent', (error) => error.code))));
      const sent = outcomes.filter((outcome) => outcome === 'sent').length;
      assert.ok(sent >= 60 && sent < 70, `${sent} were sent`);
      assert.ok(outcomes.every((outcome) => outcome === 'sent' || outcome === 4116), outcomes.join());
      await bob.say(bobRoom, 'others may');
      await alice.hears('others may');
      assert.ok(await room.count() === 2, 'other operations may');
    }
  });

  it('answers 4116 beyond the other limits, too', async () => {
    const server = await serverWith({ config: { client_limits: { enabled: true, history: 5, other: 8 } } });
    const alice = await logIn(V5, server);
    const room = await alice.createRoom();
    const until4116 = async (operation) => {
      for (let done = 0; ; done += 1) {
        const code = await operation().then(() => undefined, (error) => error.code);
        if (code === undefined) continue;
        assert.equal(code, 4116);
        return done;
      }
    };
    assert.ok(await until4116(() => room.queryMessages()) >= 5);
    assert.ok(await until4116(() => room.count()) >= 5);
    await alice.say(room, 'sending has its own limit');
  });
});
