// Silence, blocks and roles through the unmodified SDKs: what moderators do, and what everybody is told.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { refused } from '../sdk/refusal.js';
import { CURRENT, V3, V5 } from '../sdk/versions.js';
import { startServer } from '../server/grandstand.js';
import { Inbox } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await logOutAll();
  await server.dispose();
});

const NOTICES = [
  'muted',
  'unmuted',
  'membersmuted',
  'membersunmuted',
  'blocked',
  'unblocked',
  'membersblocked',
  'membersunblocked',
];

/** What a user's view of a room is told about moderation. */
function noticesOf(user, room) {
  const inbox = new Inbox(`notices of ${user.id}`);
  for (const op of NOTICES) room.on(op, (payload) => inbox.push({ op, ...payload }));
  return { next: (op) => inbox.find((notice) => notice.op === op, op), all: inbox.items };
}

/** An owner with a room, and a member in it. */
async function ownerAndMember(sdk) {
  const owner = await logIn(sdk, server);
  const member = await logIn(sdk, server);
  const room = await owner.createRoom();
  const view = await member.join(room.id);
  return { owner, member, room, view, ownerHears: noticesOf(owner, room), memberHears: noticesOf(member, view) };
}

/** A call of the app's back end. */
async function backEnd(method, path, body) {
  const headers = {
    'X-LC-Id': server.appId,
    'X-LC-Key': `${server.app.master_key},master`,
    'Content-Type': 'application/json',
  };
  const answer = await fetch(`${server.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

for (const sdk of CURRENT) {
  describe(`moderation with ${sdk.name}`, () => {
    it('silences a member, tells it and the room, and lets it speak again', async () => {
      const { owner, member, room, view, ownerHears, memberHears } = await ownerAndMember(sdk);
      const done = await room.muteMembers(member.id);
      assert.deepEqual([done.successfulClientIds, done.failures], [[member.id], []]);
      assert.equal((await memberHears.next('muted')).mutedBy, owner.id);
      for (const hears of [ownerHears, memberHears]) {
        const { members, mutedBy } = await hears.next('membersmuted');
        assert.deepEqual([members, mutedBy], [[member.id], owner.id]);
      }
      await refused(member.say(view, 'no'), 4563);
      assert.deepEqual((await view.queryMutedMembers()).results, [member.id], 'members may look');
      await refused(view.unmuteMembers([member.id]), 4320);

      await room.unmuteMembers([member.id]);
      assert.equal((await memberHears.next('unmuted')).unmutedBy, owner.id);
      assert.deepEqual((await ownerHears.next('membersunmuted')).members, [member.id]);
      await member.say(view, 'yes');
      await owner.hears('yes');
      const { results, next } = await room.queryMutedMembers();
      assert.deepEqual([results, next ?? null], [[], null]);
    });

    it('blocks a member, who is out and stays out', async () => {
      const { owner, member, room, view, ownerHears, memberHears } = await ownerAndMember(sdk);
      await room.blockMembers([member.id]);
      assert.equal((await memberHears.next('blocked')).blockedBy, owner.id);
      assert.deepEqual((await ownerHears.next('membersblocked')).members, [member.id]);
      assert.equal(await room.count(), 1);
      await refused(view.join(), 4548);
      await refused(member.say(view, 'no'), 4548);
      await refused(view.queryMessages(), 4312);
      assert.deepEqual((await room.queryBlockedMembers()).results, [member.id]);
      await refused(view.unblockMembers([member.id]), 4320);

      await room.unblockMembers([member.id]);
      assert.equal((await memberHears.next('unblocked')).unblockedBy, owner.id);
      await view.join();
      await owner.say(room, 'welcome back');
      await member.hears('welcome back');
    });

    it('keeps a silence over a lost connection', async () => {
      const { member, room, view } = await ownerAndMember(sdk);
      await room.muteMembers([member.id]);
      await member.goAway();
      await member.comeBack();
      await refused(member.say(view, 'no'), 4563);
      await room.unmuteMembers([member.id]);
      await member.say(view, 'yes');
    });

    it('obeys a manager, but not against the owner', async () => {
      // The SDK gives no roles in chat rooms, so the back end does.
      const { owner, member, room, view } = await ownerAndMember(sdk);
      await refused(view.muteMembers(['anybody']), 4320);
      await backEnd('POST', `/1.2/rtm/chatrooms/${room.id}/member-infos`, { clientId: member.id, role: 'Manager' });
      const guest = await logIn(sdk, server);
      const guestView = await guest.join(room.id);
      const partly = await view.blockMembers([owner.id, guest.id]);
      assert.deepEqual(partly.successfulClientIds, [guest.id]);
      assert.deepEqual(
        partly.failures.map(({ code, clientIds }) => [code, clientIds]),
        [[4320, [owner.id]]],
      );
      await refused(guest.say(guestView, 'no'), 4548);
      await owner.say(room, 'the news of the role has harmed nobody');
      await member.hears('the news of the role has harmed nobody');
    });

    it('reads lists page by page', async () => {
      const { room } = await ownerAndMember(sdk);
      const names = Array.from({ length: 5 }, (_, n) => `nobody-${n}`);
      await room.blockMembers(names);
      const first = await room.queryBlockedMembers({ limit: 3 });
      const second = await room.queryBlockedMembers({ limit: 3, next: first.next });
      assert.deepEqual([...first.results, ...second.results], names);
      assert.equal(second.next ?? null, null);
    });
  });
}

describe('what the back end does', () => {
  it('reaches the SDK: a silence with an end, a role, a block, a ban', async () => {
    const { member, room, view, memberHears } = await ownerAndMember(V5);
    const at = (what) => `/1.2/rtm/chatrooms/${room.id}/${what}`;
    await backEnd('POST', at('temporary-silenceds'), { client_id: member.id, ttl: 3600 });
    await memberHears.next('muted');
    await refused(member.say(view, 'no'), 4315);
    await backEnd('DELETE', `${at('temporary-silenceds')}?client_id=${member.id}`);
    await memberHears.next('unmuted');
    await member.say(view, 'yes');
    await backEnd('POST', at('member-infos'), { clientId: member.id, role: 'Owner' });
    await view.muteMembers(['somebody']);
    await backEnd('POST', at('blacklists'), { client_ids: [member.id] });
    await memberHears.next('blocked');

    const closed = new Promise((resolve) => member.client.once('close', resolve));
    await backEnd('POST', '/1.2/rtm/bans', { client_id: member.id, reason: 'spam' });
    assert.equal((await closed).code, 4106);
    await refused(logIn(V5, server, member.id), 4106);
    await backEnd('DELETE', `/1.2/rtm/bans?client_id=${member.id}`);
    await logIn(V5, server, member.id);
  });
});

describe(`moderation seen by ${V3.name}, which has no words for it`, () => {
  it('is refused what others are, and stays connected', async () => {
    const owner = await logIn(V5, server);
    const room = await owner.createRoom();
    const old = await logIn(V3, server);
    const view = await old.join(room.id);
    await room.muteMembers([old.id]);
    await refused(old.say(view, 'no'), 4563);
    await room.unmuteMembers([old.id]);
    await old.say(view, 'yes');
    await owner.hears('yes');
    await owner.say(room, 'it still listens');
    await old.hears('it still listens');
    await room.blockMembers([old.id]);
    await refused(view.join(), 4548);
  });
});
