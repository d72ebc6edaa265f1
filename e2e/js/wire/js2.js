// JavaScript 2.x: JSON without any subprotocol, no tokens, no ordered close, resume by nothing but the client id.
import { isDate, isList, isText, isTime, need, needPage, needRoom } from './need.js';
import { JsonClient } from './json.js';

export class JavaScript2 extends JsonClient {
  knowsPatches = false;

  firstSerial() {
    return 2016;
  }

  routeQuery() {
    return { secure: '1', _t: String(Date.now()) };
  }

  checkUpgrade(headers) {
    need(headers['sec-websocket-protocol'] === undefined, 'a subprotocol in the answer to none');
  }

  envelope() {
    return { appId: this.server.appId, peerId: this.id };
  }

  firstOpen() {
    return { ua: 'js/2.4.0' };
  }

  /** The same open again: no `r`, no device, no token. */
  laterOpen() {
    return this.firstOpen();
  }

  /** It never says that it leaves. */
  close() {
    return Promise.resolve();
  }

  startBody(name, attributes) {
    return { m: [], attr: { name, attr: attributes }, transient: true, unique: false };
  }

  queryBody(conditions, options) {
    return { where: conditions, sort: '-lm', limit: 10, flag: 0, ...options };
  }

  directFields() {
    return { r: 0, transient: false };
  }

  logsBody({ limit = 20, ...bounds } = {}) {
    return { limit, ...bounds };
  }

  replyRules = {
    'session/opened'(_, { peerId }) {
      need(peerId === this.id, `opened for ${peerId}`);
    },
    'conv/started': (body) => need(isText(body.cid) && isDate(body.cdate), 'started without cid or cdate'),
    'conv/results'(body) {
      need(isList(body.results), 'results is no array');
      body.results.forEach(needRoom);
    },
    'conv/result': (body) => need(Number.isInteger(body.count), 'count without count'),
    ack: (body) => need(isText(body.uid) && isTime(body.t), 'ack without uid or t'),
    logs(body) {
      need(isList(body.logs), 'logs is no array');
      needPage(body.logs);
    },
  };

  pushRules = {
    direct(body) {
      need(isText(body.cid) && isText(body.id) && isText(body.fromPeerId), 'message without cid, id or sender');
      need(isTime(body.timestamp) && typeof body.msg === 'string', 'message without timestamp or msg');
      this.hear(body);
      if (!body.transient) this.post({ cmd: 'ack', body: { cid: body.cid, mid: body.id } });
    },
    'patch/modify'({ patches }) {
      this.patches.push(...patches);
    },
    'conv/updated'(body) {
      this.updates.push(body);
    },
    goaway() {
      this.signals.push({ cmd: 'goaway' });
    },
  };
}
