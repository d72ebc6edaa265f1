// Below the SDKs: discovery, subprotocols in every form, and what a frame that is no command gets.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { APP, startServer } from '../server/grandstand.js';
import { Inbox, unique } from '../support/wait.js';
import { dial } from '../wire/line.js';
import { decode, encode } from '../wire/schema.js';
import { cutAll } from '../wire/scripted.js';
import { Swift } from '../wire/swift.js';

let server;
before(async () => {
  server = await startServer({ config: { limits: { first_command_timeout: '2s' } } });
});
after(async () => {
  cutAll();
  await server?.dispose();
});

const openSession = (appId = server.appId) => ({
  cmd: 'session', op: 'open', appId, peerId: unique('raw'), i: 1, body: { ua: 'raw/1', configBitmap: 0xbb },
});

/** A socket whose frames arrive in an inbox, decoded by `read`. */
async function rawSocket(url, options, read) {
  const line = await dial(url, options);
  const frames = new Inbox(`frames of ${url}`);
  line.onFrame = (data, isBinary) => frames.push(read(data, isBinary));
  return { line, frames };
}

const binary = (data, isBinary) => {
  assert.ok(isBinary, 'a text frame on a binary socket');
  return decode(data);
};
const base64 = (data, isBinary) => {
  assert.ok(!isBinary, 'a binary frame on a text socket');
  return decode(Buffer.from(data.toString(), 'base64'));
};
const json = (data, isBinary) => {
  assert.ok(!isBinary, 'a binary frame on a text socket');
  return JSON.parse(data.toString());
};

describe('discovery', () => {
  it('answers the route that every SDK can read', async () => {
    for (const path of ['/v1/route', '//v1/route', '/2/route']) {
      const answer = await fetch(`${server.url}${path}?appId=${server.appId}&secure=1`, { headers: { Origin: 'https://app.example' } });
      assert.equal(answer.status, 200, path);
      assert.match(answer.headers.get('content-type'), /^application\/json/);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    }
    const route = await (await fetch(`${server.url}/v1/route?appId=${server.appId}&secure=1`)).json();
    assert.deepEqual(Object.keys(route).sort(), ['groupId', 'secondary', 'server', 'ttl']);
    assert.equal(route.server, `ws://${server.host}/`);
    assert.equal(route.secondary, route.server);
    assert.ok(Number.isInteger(route.ttl) && route.ttl >= 300 && route.ttl <= 3600);
  });

  it('lets browsers ask with the headers of the SDKs', async () => {
    const headers = ['x-lc-id', 'x-lc-key', 'x-lc-sign', 'x-lc-session', 'x-lc-im-session-token', 'x-lc-prod', 'x-lc-ua', 'content-type'];
    const answer = await fetch(`${server.url}/1.1/rtm/notifications`, {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://app.example',
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': headers.join(),
      },
    });
    assert.ok(answer.ok, `preflight answered ${answer.status}`);
    const allowed = answer.headers.get('access-control-allow-headers').toLowerCase();
    for (const header of headers) assert.ok(allowed === '*' || allowed.includes(header), header);
  });

  it('has the empty event stream that both shapes fit', async () => {
    const answer = await fetch(`${server.url}/1.1/rtm/notifications?client_id=x&start_ts=0`, {
      headers: { 'X-LC-Id': APP.id, 'X-LC-Key': APP.key },
    });
    const { hasMore, notifications, permanent, droppable } = await answer.json();
    assert.deepEqual([hasMore, notifications], [false, []]);
    assert.deepEqual([permanent, droppable], [{ notifications: [] }, { notifications: [] }]);
  });
});

describe('subprotocols', () => {
  it('opens a session in every form, in the header and in the address', async () => {
    const forms = [
      [['lc.protobuf2.3', 'lc.protobuf2.1'], binary, (command) => encode(command)],
      [['lc.proto2base64.3', 'lc.proto2base64.1'], base64, (command) => encode(command).toString('base64')],
      [['lc.json.1', 'lc.json.2', 'lc.json.3'], json, ({ body, ...rest }) => JSON.stringify({ ...rest, ...body })],
    ];
    for (const [names, read, write] of forms) {
      for (const name of names) {
        const inHeader = [server.wsUrl, { protocol: name }];
        const inAddress = [`${server.wsUrl}?subprotocol=${encodeURIComponent(name)}`, {}];
        for (const [url, options] of [inHeader, inAddress]) {
          const { line, frames } = await rawSocket(url, options, read);
          assert.equal(line.response['sec-websocket-protocol'], options.protocol, url);
          line.send(write(openSession()));
          const opened = await frames.find(() => true, `answer on ${name}`);
          assert.equal(opened.op, 'opened');
          assert.equal(opened.i, 1);
          line.cut();
        }
      }
    }
  });

  it('decides by the first frame where none is named', async () => {
    const first = await rawSocket(server.wsUrl, {}, binary);
    first.line.send(encode(openSession()));
    assert.equal((await first.frames.find(() => true, 'answer')).op, 'opened');
    const second = await rawSocket(server.wsUrl, {}, json);
    const { body, ...rest } = openSession();
    second.line.send(JSON.stringify({ ...rest, ...body }));
    assert.equal((await second.frames.find(() => true, 'answer')).op, 'opened');
    first.line.cut();
    second.line.cut();
  });

  it('refuses unknown names and paths', async () => {
    await assert.rejects(dial(server.wsUrl, { protocol: 'lc.msgpack.3' }), { status: 400 });
    await assert.rejects(dial(`${server.wsUrl}nowhere`, { protocol: 'lc.protobuf2.3' }), { status: 404 });
    const { line } = await rawSocket(`${server.wsUrl}ws`, { protocol: 'lc.protobuf2.3' }, binary);
    line.cut();
  });
});

describe('frames', () => {
  const open = async () => rawSocket(server.wsUrl, { protocol: 'lc.protobuf2.3' }, binary);

  it('closes 4114 on what is no command, and 4109 on what is too long', async () => {
    const { line } = await open();
    line.send(Buffer.from('ffffffff', 'hex'));
    const end = await line.end();
    assert.deepEqual([end.code, end.reason], [4114, 'UNPARSEABLE_RAW_MESSAGE']);
    const long = await open();
    long.line.send(Buffer.alloc(64 * 1024 + 1));
    const longEnd = await long.line.end();
    assert.deepEqual([longEnd.code, longEnd.reason], [4109, 'FRAME_TOO_LONG']);
  });

  it('answers 4105 before a session is open, 4100 to an unknown app, 4300 to an unknown verb', async () => {
    const { line, frames } = await open();
    line.send(encode({ cmd: 'conv', op: 'count', i: 9, body: { cid: 'x' } }));
    const required = await frames.find((frame) => frame.i === 9, 'answer');
    assert.deepEqual([required.cmd, required.body.code, required.body.reason], ['error', 4105, 'SESSION_REQUIRED']);
    line.send(encode(openSession()));
    await frames.find((frame) => frame.op === 'opened', 'opened');
    line.send(encode({ cmd: 'conv', op: 'invite', i: 10, body: {} }));
    assert.equal((await frames.find((frame) => frame.i === 10, 'answer')).body.code, 4300);
    line.cut();

    const stranger = await open();
    stranger.line.send(encode(openSession('nobodysApp')));
    const outcome = await Promise.race([
      stranger.frames.find((frame) => frame.cmd === 'error', 'error').then((frame) => frame.body.code),
      stranger.line.end().then((end) => end.code),
    ]);
    assert.equal(outcome, 4100);
    stranger.line.cut();
  });

  it('refuses LiveQuery and the commands of 2016 in words', async () => {
    const { line, frames } = await rawSocket(server.wsUrl, { protocol: 'lc.json.3' }, json);
    const say = (frame) => line.send(JSON.stringify({ appId: server.appId, peerId: 'tom', ...frame }));
    const answer = (i) => frames.find((frame) => frame.i === i, `answer ${i}`);
    say({ cmd: 'login', service: 1, installationId: 'a-browser', i: 1 });
    assert.equal((await answer(1)).cmd, 'error');
    say({ cmd: 'session', op: 'open', i: 2 });
    assert.equal((await answer(2)).op, 'opened');
    say({ cmd: 'session', op: 'add', sessionPeerIds: ['bob'], i: 3 });
    say({ cmd: 'presence', sessionPeerIds: ['bob'], i: 4 });
    say({ cmd: 'room', op: 'join', roomId: 'group', i: 5 });
    for (const i of [3, 4, 5]) {
      const refusal = await answer(i);
      assert.deepEqual([refusal.cmd, refusal.code], ['error', 4300], JSON.stringify(refusal));
      assert.ok(refusal.reason);
    }
    line.cut();
  });

  it('answers an echo with its serial, or without if it has none', async () => {
    const { line, frames } = await open();
    line.send(encode({ cmd: 'echo', i: 77 }));
    await frames.find((frame) => frame.cmd === 'echo' && frame.i === 77, 'echo with its serial');
    line.send(encode({ cmd: 'echo', peerId: 'an app id' }));
    await frames.find((frame) => frame.cmd === 'echo' && frame.i === undefined, 'echo without');
    line.cut();
  });

  it('closes 4108 on a socket that says nothing, heartbeats or not', async () => {
    const { line } = await open();
    line.send(encode({ cmd: 'echo', i: 1 }));
    const end = await line.end();
    assert.deepEqual([end.code, end.reason], [4108, 'LOGIN_TIMEOUT']);
  });

  it('does not answer failing requests without a serial, and answers the next', async () => {
    const { line, frames } = await open();
    line.send(encode(openSession()));
    await frames.find((frame) => frame.op === 'opened', 'opened');
    line.send(encode({ cmd: 'conv', op: 'count', body: { cid: '0123456789abcdef01234567' } }));
    line.send(encode({ cmd: 'conv', op: 'count', i: 3, body: { cid: '0123456789abcdef01234567' } }));
    const answer = await frames.find((frame) => frame.i === 3, 'answer');
    assert.equal(answer.body.code, 4303);
    assert.equal(frames.items.length, 2, 'opened and one answer');
    line.cut();
  });
});

describe('Java on this socket', () => {
  it('reopens without a serial, and is told of a bad token without one', async () => {
    const first = await Swift.logIn(server);
    const room = await first.createRoom(unique('room'), {});
    await first.line.cut();
    const { line, frames } = await rawSocket(server.wsUrl, { protocol: 'lc.protobuf2.3' }, binary);
    line.send(encode({ cmd: 'login', appId: server.appId, installationId: 'phone' }));
    await frames.find((frame) => frame.cmd === 'loggedin' && frame.i === undefined, 'loggedin');
    const reopen = (st) => line.send(encode({
      cmd: 'session', op: 'open', appId: server.appId, peerId: first.id,
      body: { ua: 'java/8.2', r: true, st, configBitmap: 0xaf, deviceId: 'phone' },
    }));
    reopen('not a token');
    const refusal = await frames.find((frame) => frame.cmd === 'error', 'refusal');
    assert.deepEqual([refusal.i, refusal.body.code], [undefined, 4112]);
    reopen(first.token);
    const opened = await frames.find((frame) => frame.op === 'opened', 'opened');
    assert.deepEqual([opened.i, opened.peerId], [undefined, first.id]);
    line.send(encode({ cmd: 'conv', op: 'count', i: -65535, body: { cid: room } }));
    const count = await frames.find((frame) => frame.i === -65535, 'count');
    assert.equal(count.body.count, 1, 'back in its room');
    line.cut();
  });
});

describe('several clients on one socket', () => {
  it('names the receiver on every push, also after one has left', async () => {
    const host = await Swift.logIn(server);
    const room = await host.createRoom(unique('room'), {});
    const { line, frames } = await rawSocket(server.wsUrl, { protocol: 'lc.protobuf2.3' }, binary);
    const ids = [unique('first'), unique('second')];
    for (const [n, peerId] of ids.entries()) {
      line.send(encode({ ...openSession(), peerId, i: n + 1 }));
      line.send(encode({ cmd: 'conv', op: 'add', peerId, i: n + 11, body: { cid: room, m: [peerId] } }));
      await frames.find((frame) => frame.i === n + 11 && frame.op === 'added', 'added');
    }
    const receivers = async (text) => {
      await host.send(room, { _lctype: -1, _lctext: text });
      const mine = (frame) => frame.cmd === 'direct' && frame.body.msg.includes(text);
      await frames.find((frame) => mine(frame) && frame.peerId === ids[0], text);
      line.send(encode({ cmd: 'echo', i: 99 }));
      await frames.find((frame) => frame.cmd === 'echo', 'echo behind the pushes');
      return frames.items.filter(mine).map((frame) => frame.peerId).sort();
    };
    assert.deepEqual(await receivers('to both'), [...ids].sort());
    line.send(encode({ cmd: 'session', op: 'close', peerId: ids[1], i: 21 }));
    await frames.find((frame) => frame.i === 21, 'closed');
    assert.deepEqual(await receivers('to the one left'), [ids[0]]);
    line.cut();
  });
});
