// `grandstand record` writes down a session of the real SDK without its secrets; `grandstand compare` finds no
// difference between a server and itself, and each difference that a test puts into the recording.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { logIn, logOutAll } from '../sdk/client.js';
import { begin, STEPS } from '../sdk/room-flow.js';
import { V4_TEXT, V5 } from '../sdk/versions.js';
import { APP, startServer } from '../server/grandstand.js';
import { startRecorder, stopRecorders } from '../server/recorder.js';
import { DotNet } from '../wire/dotnet.js';
import { cutAll } from '../wire/scripted.js';

const servers = [];
/** Each server has room for one rehearsal: client ids, rooms and words are its own. */
async function fresh(options) {
  const server = await startServer(options);
  servers.push(server);
  return server;
}
after(async () => {
  cutAll();
  stopRecorders();
  await logOutAll();
  for (const server of servers) await server.dispose();
});

const TEXTS = ['kick-off', 'hello, Alice', 'a gift', 'a comment', 'a like', 'goool', 'wrong room', 'look here'];

/** The whole flow of the guide, with mentions, calls by REST, and a lost socket in it. */
async function show(sdk, recorder) {
  const scene = await begin(sdk, recorder);
  const { 'logs out': logOut, ...steps } = STEPS;
  for (const step of Object.values(steps)) {
    await step(scene);
    if (step === STEPS['recalls a message']) await more(scene, recorder);
  }
  await logOut(scene);
}

async function more({ alice, bob, room, bobRoom }, recorder) {
  const message = new alice.module.TextMessage('look here');
  message.setMentionList([bob.id]);
  await room.send(message);
  const heard = await bob.hears('look here');
  assert.ok(heard.mentioned);
  await room.recall(message);
  await bob.recalls.find((item) => item.id === message.id, 'the recall');
  await bob.goAway();
  await bob.comeBack();
  assert.equal(await bobRoom.count(), 2);
  const { id, key, master_key } = recorder.app;
  const call = async (key, path) => {
    const answer = await fetch(`${recorder.url}${path}`, { headers: { 'X-LC-Id': id, 'X-LC-Key': key } });
    assert.equal(answer.status, 200, path);
    return answer.json();
  };
  const online = await call(`${master_key},master`, `/1.2/rtm/chatrooms/${room.id}/members/online-count`);
  assert.equal(online.result, 2);
  await call(`${master_key},master`, `/1.2/rtm/chatrooms/${room.id}/messages?limit=3`);
  await call(key, `/1.1/rtm/transient_group/onlines?gid=${room.id}`);
}

const isCommand = (line, from, what) =>
  line.event === 'command' && line.from === from && `${line.fields.cmd}/${line.fields.op ?? ''}` === what;

describe('a session of leancloud-realtime 5', () => {
  let recorder;
  let recording;
  let other;

  before(async () => {
    recorder = await startRecorder(await fresh());
    await show(V5, recorder);
    recording = await recorder.finish();
    other = await fresh();
  });

  const compare = (lines, ...flags) => recorder.compare(other, lines, ...flags);

  it('is written down whole', () => {
    const { lines, totals } = recording;
    assert.equal(lines[0].format, 'grandstand-recording');
    assert.equal(totals.unread, 0);
    for (const what of ['session/open', 'conv/start', 'conv/add', 'direct/', 'logs/', 'patch/modify', 'conv/remove']) {
      assert.ok(lines.some((line) => isCommand(line, 'app', what)), what);
    }
    for (const what of ['session/opened', 'conv/updated', 'ack/', 'direct/', 'patch/modify', 'logs/']) {
      assert.ok(lines.some((line) => isCommand(line, 'server', what)), what);
    }
    const times = lines.slice(1).map((line) => line.at);
    assert.ok(times.every((at, index) => index === 0 || at >= times[index - 1] - 5), 'times grow');
  });

  it('is written down without texts, tokens and keys', () => {
    const { text, lines } = recording;
    const { key, master_key } = recorder.app;
    for (const secret of [...TEXTS, key, master_key]) {
      assert.ok(!text.includes(secret), secret);
    }
    const opened = lines.filter((line) => isCommand(line, 'server', 'session/opened'));
    assert.ok(opened.length >= 3);
    for (const line of opened) assert.equal(line.fields.st.redacted, 'secret');
    const sent = lines.filter((line) => isCommand(line, 'app', 'direct/'));
    for (const line of sent) assert.deepEqual([line.fields.msg.redacted, line.fields.msg.lctype], ['text', -1]);
  });

  it('is no different on another server', async () => {
    const { code, report, stderr } = await compare(recording.lines);
    assert.deepEqual(report.differences, [], JSON.stringify(report.differences, null, 1));
    assert.equal(code, 0, stderr);
    assert.ok(report.replies > 40 && report.pushes > 8 && report.answers > 4, JSON.stringify(report));
    assert.deepEqual(report.skipped, []);
    const known = report.known.map((item) => item.known);
    for (const expected of ['ids', 'times', 'tokens', 'addresses']) assert.ok(known.includes(expected), `${known}`);
  });

  /** Puts a difference into a copy of the recording: the comparison must find it, and nothing else. */
  const planted = (name, plant, expected) => it(`finds ${name}`, async () => {
    const lines = structuredClone(recording.lines);
    plant(lines);
    const { code, report, stderr } = await compare(lines, '--wait', '1s');
    const found = report.differences.map(({ kind, what, field }) =>
      [kind, what.replace(/[0-9a-f]{24}/, 'ROOM'), field].filter(Boolean).join(' '));
    assert.deepEqual([...new Set(found)].sort(), [...expected].sort(), JSON.stringify(report.differences, null, 1));
    assert.equal(code, 1);
    assert.match(stderr, /differences/);
  });

  const first = (lines, from, what, match = () => true) => {
    const at = lines.findIndex((line) => isCommand(line, from, what) && match(line.fields));
    assert.ok(at > 0, what);
    return at;
  };

  planted('a changed field of a reply', (lines) => {
    const at = first(lines, 'server', 'conv/result', (fields) => fields.count === 2);
    lines[at].fields.count = 3;
  }, ['field conv/result count']);

  planted('a code where there was none', (lines) => {
    const at = first(lines, 'server', 'ack/');
    Object.assign(lines[at].fields, { code: 4401, reason: 'INVALID_MESSAGING_TARGET' });
  }, ['field ack code', 'field ack reason']);

  planted('a field that is gone', (lines) => {
    const at = first(lines, 'server', 'direct/');
    delete lines[at].fields.convType;
  }, ['field direct convType']);

  planted('another author of a push', (lines) => {
    const at = first(lines, 'server', 'direct/');
    lines[at].fields.fromPeerId = 'somebody-else';
  }, ['field direct fromPeerId']);

  planted('another text in the history', (lines) => {
    const at = first(lines, 'server', 'logs/', (fields) => fields.logs?.length > 2);
    lines[at].fields.logs[0].data = { ...lines[at].fields.logs[1].data };
  }, ['field logs logs[0].data']);

  planted('a push that had not come then', (lines) => {
    lines.splice(first(lines, 'server', 'direct/'), 1);
  }, ['unexpected direct']);

  planted('a push that does not come any more', (lines) => {
    const at = first(lines, 'server', 'conv/updated', (fields) => !('i' in fields));
    const extra = structuredClone(lines[at]);
    extra.fields.initBy = 'somebody-else';
    lines.splice(at + 1, 0, extra);
  }, ['missing conv/updated']);

  planted('swapped pushes', (lines) => {
    const all = lines.flatMap((line, at) => (isCommand(line, 'server', 'direct/') ? [at] : []));
    // The three levels: their pushes may all come before the next command.
    const pair = all.find((at, index) => lines[all[index + 1]]?.connection === lines[at].connection
      && lines[at].fields.cid === lines[all[index + 1]].fields.cid
      && lines[all[index + 1]].fields.serverTs - lines[at].fields.serverTs < 1000);
    const next = all[all.indexOf(pair) + 1];
    const [moved] = lines.splice(pair, 1);
    lines.splice(next, 0, moved);
  }, ['order direct']);

  planted('another answer to a call', (lines) => {
    const call = lines.find((line) => line.event === 'request' && line.path.endsWith('/online-count'));
    const answer = lines.find((line) => line.event === 'answer' && line.exchange === call.exchange);
    answer.status = 201;
    answer.body.json.result = 5;
  }, [
    'field GET /1.2/rtm/chatrooms/ROOM/members/online-count result',
    'status GET /1.2/rtm/chatrooms/ROOM/members/online-count',
  ]);

  it('says nothing of fields that are to be ignored', async () => {
    const lines = structuredClone(recording.lines);
    lines[first(lines, 'server', 'conv/result', (fields) => fields.count === 2)].fields.count = 3;
    const { code, report } = await compare(lines, '--ignore', 'count');
    assert.deepEqual([code, report.differences], [0, []]);
    assert.ok(report.known.some((item) => item.known === 'ignored'));
  });
});

describe('an app that signs', () => {
  const options = { app: { signatures: { login: true, rooms: true } } };
  const nonce = 'a-nonce-of-the-app';
  const made = [];
  const sign = (...parts) => {
    const timestamp = Date.now();
    const text = [...parts, timestamp, nonce].join(':');
    const signature = createHmac('sha1', APP.master_key).update(text).digest('hex');
    made.push(signature);
    return { signature, timestamp, nonce };
  };
  const signer = {
    signatureFactory: (client) => sign(APP.id, client, ''),
    conversationSignatureFactory: (room, client, members) => sign(APP.id, client, ...members),
  };

  it('is signed anew with the master key, and refused without it', async () => {
    const recorder = await startRecorder(await fresh(options));
    const alice = await logIn(V5, recorder, 'alice-who-signs', signer);
    await alice.createRoom();
    await alice.logOut();
    const { lines, text } = await recorder.finish();
    assert.equal(made.length, 2);
    for (const secret of [...made, nonce]) assert.ok(!text.includes(secret), secret);

    const server = await fresh(options);
    const { code, report } = await recorder.compare(server, lines);
    assert.deepEqual([code, report.differences, report.signed, report.unsigned], [0, [], 2, 0]);

    const keyless = { url: server.url, appId: server.appId, app: { key: '', master_key: '' } };
    const refused = await recorder.compare(keyless, lines, '--wait', '1s');
    assert.deepEqual([refused.code, refused.report.signed, refused.report.unsigned], [1, 0, 2]);
    const login = refused.report.differences.find(({ what }) => what === 'session/opened');
    assert.ok(login, JSON.stringify(refused.report.differences));
    assert.ok(refused.report.differences.some(({ field, actual }) => field === 'code' && actual === 4102));
  });
});

describe('other formats', () => {
  it('writes down and compares a session in Base64', async () => {
    const recorder = await startRecorder(await fresh());
    await show(V4_TEXT, recorder);
    const { lines, totals, text } = await recorder.finish();
    assert.equal(totals.unread, 0);
    for (const secret of TEXTS) assert.ok(!text.includes(secret), secret);
    const { code, report } = await recorder.compare(await fresh(), lines);
    assert.deepEqual([code, report.differences], [0, []]);
  });

  it('writes down and compares a session of old .NET in JSON', async () => {
    const recorder = await startRecorder(await fresh());
    const host = await DotNet.logIn(recorder);
    const guest = await DotNet.logIn(recorder);
    const cid = await host.createRoom('a room');
    await guest.join(cid);
    await host.send(cid, { _lctype: -1, _lctext: 'only for you' });
    await guest.messages.find((message) => message.text === 'only for you', 'the message');
    await guest.heartbeat();
    await guest.close();
    await host.close();
    const { lines, text } = await recorder.finish();
    assert.ok(!text.includes('only for you'));
    assert.ok(lines.some((line) => line.event === 'upgrade' && line.in_url === 'lc.json.3'));
    const { code, report } = await recorder.compare(await fresh(), lines);
    assert.deepEqual([code, report.differences], [0, []]);
    assert.ok(report.pushes > 0);
  });
});
