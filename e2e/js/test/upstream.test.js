// The unmodified storage SDK and the chat SDK at one URL: chat is answered here, everything else by the app's storage.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { V5 } from '../sdk/versions.js';
import { metric } from '../server/metrics.js';
import { APP, startServer } from '../server/grandstand.js';
import { startStorage } from '../storage/storage.js';
import { unique } from '../support/wait.js';

const AV = createRequire(import.meta.url)('leancloud-storage');

let storage;
let server;
before(async () => {
  storage = await startStorage({ app: APP });
  server = await startServer({ app: { upstream: { origin: storage.url } } });
  AV.init({ appId: APP.id, appKey: APP.key, masterKey: APP.master_key, serverURL: server.url });
});
after(async () => {
  await logOutAll();
  await server?.dispose();
  await storage?.dispose();
});

describe('leancloud-storage through Grandstand', () => {
  it('an object is saved, found, changed and deleted in the storage', async () => {
    const post = await new AV.Object('Post').save({ title: 'kick-off', 标题: '开场' });
    const { className, title, 标题 } = storage.objects.get(post.id);
    assert.deepEqual([className, title, 标题], ['Post', 'kick-off', '开场']);
    const [found] = await new AV.Query('Post').equalTo('标题', '开场').find();
    assert.equal(found.id, post.id);
    await found.save({ title: 'over' });
    assert.equal(storage.objects.get(post.id).title, 'over');
    await found.destroy();
    assert.equal(storage.objects.has(post.id), false);
    assert.match(storage.asked[0].headers['x-forwarded-for'], /^127\.0\.0\.1$/);
  });

  it('a list is saved in one batch, and what the storage refuses is refused in its words', async () => {
    const posts = ['one', 'two'].map((title) => new AV.Object('Post').set({ title }));
    await AV.Object.saveAll(posts);
    assert.deepEqual(posts.map((post) => storage.objects.get(post.id).title), ['one', 'two']);
    await assert.rejects(new AV.Query('Post').get('nowhere'), { code: 101 });
    assert.equal(await AV.Cloud.run('hello', { name: 'stand' }), 'hello stand');
  });

  it('rooms are here, for both SDKs', async () => {
    const before = storage.asked.length;
    const name = unique('room');
    const room = await new AV.Object('_Conversation').save({ name, tr: true });
    const alice = await logIn(V5, server, unique('alice'));
    const joined = await alice.join(room.id);
    assert.equal(joined.name, name);
    await alice.say(joined, 'here');
    const listed = await new AV.Query('_Conversation').equalTo('objectId', room.id).find();
    assert.deepEqual(listed.map((one) => one.get('name')), [name]);
    assert.equal(storage.asked.length, before, 'the storage was asked nothing');
  });

  it('what was passed on is counted', async () => {
    const name = 'grandstand_upstream_requests_total';
    const count = await metric(server, name, { app: APP.id });
    assert.equal(count, storage.asked.length);
    assert.equal(await metric(server, name, { app: APP.id, outcome: '4xx' }), 1);
  });
});
