// Objective-C, today's releases (13): what it sends, and what it drops or fails on (protocol.md 4, appendix A).
import { isDate, isList, isObject, isText, isTime, need, needNoLegacyKeys, needPage, needRoom, needToken } from './need.js';
import { ProtobufClient } from './protobuf.js';
import { signedHeaders } from './sign.js';

export class ObjectiveC extends ProtobufClient {
  ua = 'ios/13.9.0';

  routeHeaders() {
    return signedHeaders(this.server);
  }

  /** It sends the socket's own origin. */
  dialOptions(url) {
    return { protocol: this.subprotocol, origin: new URL(url).origin.replace(/^ws/, 'http') };
  }

  firstOpen() {
    const { tag, force = true } = this.options;
    const r = tag && !force ? true : undefined;
    return { ...this.#identity(), r, tag, lastPatchTime: this.lastPatchTime };
  }

  laterOpen() {
    const { tag } = this.options;
    return { ...this.#identity(), r: true, tag, st: this.token, lastPatchTime: this.lastPatchTime };
  }

  #identity() {
    return { ua: this.ua, deviceToken: this.options.device ?? `device of ${this.id}`, configBitmap: 0xab };
  }

  startBody(name, attributes) {
    return { transient: true, attr: { name, attr: attributes } };
  }

  /** Equality is wrapped, a limit always sent. */
  queryBody(conditions, { limit = 10, ...options } = {}) {
    const $and = Object.entries(conditions).map(([key, value]) => ({ [key]: value }));
    return { where: { $and }, limit, ...options };
  }

  /** A date in the year 4001 stands for "now". */
  logsBody({ limit = 20, t = 64_092_211_200_000, mid, ...bounds } = {}) {
    return { l: limit, t, mid, tt: 0, ...bounds };
  }

  replyRules = {
    'session/opened'(body, { peerId, serverTs }) {
      needToken(body);
      need(peerId === this.id, `opened for ${peerId}`);
      need(isTime(serverTs), 'opened without serverTs');
    },
    'session/refreshed': needToken,
    'session/closed': (body) => need(body?.code === undefined, 'ordered close with a code'),
    'session/query_result': (body) => need(body, 'query_result without sessionMessage'),
    'conv/started': (body) => need(isText(body?.cid) && isDate(body?.cdate), 'started without cid or cdate'),
    'conv/results'(body) {
      need(isList(body?.results), 'results without data');
      body.results.forEach(needRoom);
    },
    'conv/result': (body) => need(Number.isInteger(body?.count), 'count without count'),
    'conv/updated'(body, _, asked) {
      if (asked === 'conv/update') need(isObject(body?.attrModified), 'updated without attrModified');
    },
    ack: (body) => need(isText(body?.uid) && isTime(body.t), 'ack without uid or t'),
    logs(body) {
      need(body, 'logs without logsMessage');
      needPage(body.logs ?? []);
    },
    'patch/modified': (body) => need(isTime(body?.lastPatchTime), 'modified without lastPatchTime'),
  };

  pushRules = {
    direct(body) {
      need(isText(body.cid) && isText(body.id) && isTime(body.timestamp), 'message without cid, id or timestamp');
      need(isText(body.fromPeerId), 'message without sender');
      need(typeof body.msg === 'string', 'message without msg');
      needNoLegacyKeys(body);
      this.hear(body);
    },
    'patch/modify'({ patches = [] }) {
      need(patches.length === 1, `${patches.length} patches in one command: it keeps the last one only`);
      const [patch] = patches;
      for (const key of ['cid', 'mid', 'from']) need(isText(patch[key]), `patch without ${key}`);
      for (const key of ['timestamp', 'patchTimestamp']) need(isTime(patch[key]), `patch without ${key}`);
      need(isText(patch.data), 'patch without data');
      this.lastPatchTime = Math.max(this.lastPatchTime ?? 0, patch.patchTimestamp);
      this.patches.push(patch);
    },
    'conv/updated'(body) {
      need(isText(body.cid), 'update without cid');
      need(isObject(body.attr) && isObject(body.attrModified), 'update without attr and attrModified');
      this.updates.push(body);
    },
    'session/closed'(body) {
      need(Number.isInteger(body.code), 'kick without code');
      this.kicks.push(body);
    },
    goaway(_, { peerId }) {
      need(peerId === undefined, 'goaway with peerId: ignored by 11.5.2 to 12.1.3');
      this.signals.push({ cmd: 'goaway' });
    },
  };
}
