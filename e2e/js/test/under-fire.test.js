// A room under fire through the unmodified SDKs: mute-all, slow mode, freeze, client limits; and what the error shows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { CURRENT, V3, V3_TEXT } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { unique } from '../support/wait.js';

const SLOW = 3600;

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server.dispose();
});

/** What the app's back end switches. */
async function switchRoom(room, switches) {
  const answer = await fetch(`${server.url}/1.2/rtm/chatrooms/${room.id}/switches`, {
    method: 'PUT',
    headers: {
      'X-LC-Id': server.appId,
      'X-LC-Key': `${server.app.master_key},master`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify(switches),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

async function ownerAndGuest(sdk) {
  const owner = await logIn(sdk, server);
  const guest = await logIn(sdk, server);
  const room = await owner.createRoom();
  const view = await guest.join(room.id);
  return { owner, guest, room, view };
}

/** The refusal as an app sees it: by its code, its name, and a number to count down from. */
function assertMustWait(error, atMost = SLOW) {
  assert.match(`${error.name} ${error.message}`, /MESSAGE_SENT_QUOTA_EXCEEDED/);
  assert.ok(error.appCode > atMost - 60 && error.appCode <= atMost, `appCode ${error.appCode}`);
}

for (const sdk of [...CURRENT, V3, V3_TEXT]) {
  describe(`a room under fire with ${sdk.name}`, () => {
    it('mutes all but its owner and the named', async () => {
      const { owner, guest, room, view } = await ownerAndGuest(sdk);
      const host = await logIn(sdk, server);
      const hostView = await host.join(room.id);
      await switchRoom(room, { mute_all: { client_ids: [host.id] } });
      const error = await refused(guest.say(view, 'no'), 4308);
      assert.match(`${error.name} ${error.message}`, /CONVERSATION_NOT_ALLOWED/);
      await owner.say(room, 'the owner may');
      await guest.hears('the owner may');
      await host.say(hostView, 'the host may');
      await guest.hears('the host may');
      await switchRoom(room, { mute_all: null });
      await guest.say(view, 'now I may');
      await owner.hears('now I may');
    });

    it('lets everybody speak once in slow mode, and says when again', async () => {
      const { owner, guest, room, view } = await ownerAndGuest(sdk);
      await switchRoom(room, { slow_mode: { seconds: SLOW } });
      await guest.say(view, 'once');
      await owner.hears('once');
      assertMustWait(await refused(guest.say(view, 'twice'), 4116));
      for (const text of ['owners', 'may']) await owner.say(room, text);
      await guest.hears('may');
    });

    it('forgets nothing when somebody leaves and comes again, or drops', async () => {
      const { guest, room, view } = await ownerAndGuest(sdk);
      await switchRoom(room, { slow_mode: { seconds: SLOW } });
      await guest.say(view, 'once');
      await view.quit();
      await view.join();
      assertMustWait(await refused(guest.say(view, 'after a rejoin'), 4116));
      await guest.goAway();
      await guest.comeBack();
      assertMustWait(await refused(guest.say(view, 'after a drop'), 4116));
      const device = await logIn(sdk, server, guest.id, { tag: 'other' });
      const there = await device.join(room.id);
      assertMustWait(await refused(device.say(there, 'from another device'), 4116));
    });

    it('is frozen: everybody reads and joins, nobody changes anything', async () => {
      const { owner, guest, room, view } = await ownerAndGuest(sdk);
      const sent = await owner.say(room, 'before');
      await switchRoom(room, { frozen: true });
      const error = await refused(owner.say(room, 'owners too'), 4307);
      assert.match(`${error.name} ${error.message}`, /CONVERSATION_READ_ONLY/);
      const transient = guest.say(view, 'no', { transient: true });
      if (sdk.modern) {
        await refused(transient, 4307);
        await refused(room.update(sent, new owner.module.TextMessage('edited')), 4307);
        await refused(room.recall(sent), 4307);
        room.set('topic', 'changed');
      } else {
        // 3.x waits for no answer to a transient message.
        await transient;
        room.setAttribute('topic', 'changed');
      }
      await refused(room.save(), 4307);
      const late = await logIn(sdk, server);
      const lateView = await late.join(room.id);
      const texts = (await lateView.queryMessages()).map((message) => message.getText());
      assert.deepEqual(texts, ['before']);
      await switchRoom(room, { frozen: false });
      await owner.say(room, 'after');
      await late.hears('after');
      assert.deepEqual(owner.heardTexts(), [], 'nothing came through');
    });
  });
}

describe('limits of an app', () => {
  let limited;
  before(async () => {
    limited = await startServer({
      clientLimits: 'on',
      app: { limits: { send: 3, exempt: ['bot-*'] } },
    });
  });
  after(() => limited.dispose());

  for (const sdk of CURRENT) {
    it(`hold for users, and not for the exempt, with ${sdk.name}`, async () => {
      const user = await logIn(sdk, limited);
      const bot = await logIn(sdk, limited, unique('bot-'));
      const room = await user.createRoom();
      const view = await bot.join(room.id);
      for (const text of ['1', '2', '3']) await user.say(room, text);
      const error = await refused(user.say(room, '4'), 4116);
      assert.ok(error.appCode > 0 && error.appCode <= 20, `appCode ${error.appCode}`);
      for (let n = 0; n < 10; n += 1) await bot.say(view, `bot ${n}`);
      await user.hears('bot 9');
      await Promise.all([user.logOut(), bot.logOut()]);
    });
  }
});
