// Unity and .NET (AVRealtime, 2017 to 2020): JSON, subprotocol in the URL, nulls, levels by default HIGH.
import { isDate, isList, isObject, isText, isTime, need, needPage, needRoom, needToken } from './need.js';
import { JsonClient } from './json.js';

export class DotNet extends JsonClient {
  /** Its serials run through 0. */
  firstSerial() {
    return -3;
  }

  socketUrl(url) {
    return `${url}?subprotocol=lc.json.3`;
  }

  checkUpgrade(headers) {
    need(headers['sec-websocket-protocol'] === undefined, 'a subprotocol in the answer to none in the header');
    need(headers['sec-websocket-extensions'] === undefined, 'an extension was negotiated');
  }

  envelope({ cmd, op }) {
    return cmd === 'session' && op === 'open' ? {} : { appId: this.server.appId, peerId: this.id };
  }

  /** Sent only when it is not 1: absent means HIGH. */
  level(priority) {
    return priority > 1 ? { level: priority } : {};
  }

  async open(body = this.firstOpen()) {
    const reply = await super.open(body);
    // The token is read from the first reply only.
    this.firstToken ??= reply.body.st;
    this.token = this.firstToken;
    return reply;
  }

  firstOpen() {
    const { tag = null, device = null } = this.options;
    return { ua: 'net-unity/20190925', configBitmap: 1, tag, deviceId: device, n: null, t: null, s: null };
  }

  laterOpen() {
    const st = this.options.tag ? undefined : this.token;
    return { ua: 'net-unity/20190925', r: 1, st };
  }

  startBody(name, attributes) {
    return {
      cid: null, m: [this.id], attr: { name, ...attributes }, transient: true, unique: true, tempConv: false,
      n: null, t: null, s: null,
    };
  }

  join(cid) {
    return this.request({ cmd: 'conv', op: 'add', body: { cid, m: [this.id, this.id, null], n: null, t: null, s: null } });
  }

  queryBody(conditions, options) {
    return { where: conditions, limit: 10, skip: 0, ...options };
  }

  /** How many rooms match. */
  async countRooms(conditions) {
    const body = this.queryBody(conditions, { count: 1, limit: 0 });
    const reply = await this.request({ cmd: 'conv', op: 'query', body });
    need(Number.isInteger(reply.body.count), 'counting query without count');
    return reply.body.count;
  }

  /** Online members: by REST, with the application key. */
  async count(cid) {
    const headers = { 'X-LC-Id': this.server.appId, 'X-LC-Key': this.server.app.key };
    const answer = await fetch(`${this.server.url}/1.1/rtm/transient_group/onlines?gid=${cid}`, { headers });
    need(answer.status === 200, `onlines answered ${answer.status}`);
    return (await answer.json()).result;
  }

  /** The whole object goes with every update. */
  update(cid, attr) {
    return this.request({
      cmd: 'conv', op: 'update', body: { cid, attr, m: [this.id], transient: true, tempConv: false },
    });
  }

  directFields() {
    return { r: false, transient: false, dt: null, mentionPids: null };
  }

  logsBody({ direction, limit = 20, ...bounds } = {}) {
    return { l: limit, direction: direction === 'NEW' ? 'NEW' : undefined, ...bounds };
  }

  patchFields() {
    return { from: this.id, patchTimestamp: Date.now(), meintonPids: [] };
  }

  /** Marks everything read; it waits for the answer. */
  readAll(cid) {
    return this.request({ cmd: 'read', body: { convs: [{ cid }] } });
  }

  checkEnvelope({ peerId, body }) {
    need(peerId === undefined || peerId === this.id, `frame for ${peerId}`);
    need(!('offline' in body), 'the offline key sends it to another handler');
  }

  checkPush({ cmd, peerId }) {
    if (cmd !== 'goaway') need(peerId === this.id, `push without peerId: ${cmd}`);
  }

  replyRules = {
    'session/opened'(body, { peerId }) {
      needToken(body);
      need(peerId === this.id, `opened for ${peerId}`);
    },
    'conv/started': (body) => need(isText(body.cid) && isDate(body.cdate), 'started without cid or cdate'),
    'conv/results'(body) {
      need(isList(body.results), 'results is no array');
      body.results.forEach(needRoom);
    },
    'conv/updated': (body) => need(isText(body.cid) && isDate(body.udate), 'updated without cid or udate'),
    ack(body, _, asked) {
      if (asked === 'direct') need(isText(body.uid) && isTime(body.t), 'ack without uid or t');
    },
    logs(body) {
      need(isList(body.logs), 'logs is no array');
      needPage(body.logs);
    },
    'patch/modified': (body) => need(isTime(body.lastPatchTime), 'modified without lastPatchTime'),
  };

  pushRules = {
    direct(body) {
      need(isText(body.cid) && isText(body.id) && isText(body.fromPeerId), 'message without cid, id or sender');
      need(isTime(body.timestamp), 'message without timestamp');
      need(typeof body.msg === 'string', 'message without msg');
      need(body.transient === undefined || body.transient === true, 'transient that is not true');
      this.hear(body);
      if (!body.transient) this.acknowledge(body);
    },
    'patch/modify'({ patches = [] }) {
      need(patches.length > 0, 'modify without patches');
      for (const patch of patches) {
        need(isText(patch.cid) && isText(patch.mid) && typeof patch.data === 'string', 'patch without data');
        this.patches.push(patch);
      }
    },
    'conv/updated'(body) {
      need(isText(body.cid) && isObject(body.attr) && isObject(body.attrModified), 'update without attr');
      this.updates.push(body);
    },
    'session/closed'(body) {
      need(Number.isInteger(body.code) && isText(body.reason), 'kick without code and reason');
      this.kicks.push(body);
    },
    goaway() {
      this.signals.push({ cmd: 'goaway' });
    },
  };

  /** Every push is acknowledged with a serial; an unanswered one would slow the app down for good. */
  acknowledge({ cid, id }) {
    this.request({ cmd: 'ack', body: { cid, mid: id } }).then(
      () => this.signals.push({ cmd: 'ack answered', mid: id }),
      () => {},
    );
  }
}

/** The same family on .NET Core: the subprotocol in the header, and echoed. */
export class DotNetCore extends DotNet {
  socketUrl(url) {
    return url;
  }

  dialOptions() {
    return { protocol: 'lc.json.3' };
  }

  checkUpgrade(headers) {
    need(headers['sec-websocket-protocol'] === 'lc.json.3', 'the subprotocol is not echoed');
  }
}
