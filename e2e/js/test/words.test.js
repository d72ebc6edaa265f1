// The word filter as the SDKs see it: receivers get the masked text, and the sender's copy is corrected.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { CURRENT } from '../sdk/versions.js';
import { APP, startServer } from '../server/grandstand.js';
import { eventOf } from '../support/wait.js';

let server;
before(async () => {
  server = await startServer();
  const response = await fetch(`${server.url}/1.2/rtm/words`, {
    method: 'PUT',
    headers: { 'X-LC-Id': server.appId, 'X-LC-Key': `${APP.master_key},master` },
    body: '傻瓜\nfool\n',
  });
  assert.deepEqual(await response.json(), { words: 2, repeated: 0 });
});
after(async () => {
  await logOutAll();
  await server?.dispose();
});

for (const sdk of CURRENT) {
  describe(`the word filter with ${sdk.name}`, () => {
    it('masks what others get, and tells the sender why', async () => {
      const alice = await logIn(sdk, server);
      const bob = await logIn(sdk, server);
      const room = await alice.createRoom();
      const bobRoom = await bob.join(room.id);

      const corrected = new Promise((resolve) => {
        alice.client.once('messageupdate', (message, room, reason) => resolve({ message, reason }));
      });
      const sent = await alice.say(room, '你是ＦＯＯＬ');
      await bob.hears('你是***');
      const { message, reason } = await corrected;
      assert.equal(message.id, sent.id);
      assert.equal(message.getText(), '你是***');
      assert.equal(reason.code, -4408);

      const [stored] = await bobRoom.queryMessages();
      assert.equal(stored.getText(), '你是***');

      const edited = eventOf(alice.client, 'messageupdate', 'the correction of the edit');
      await room.update(sent, new alice.module.TextMessage('還是傻瓜'));
      await bob.edits.find((edit) => edit.text === '還是***', 'the masked edit');
      assert.equal((await edited).getText(), '還是***');
    });
  });
}
