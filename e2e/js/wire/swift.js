// Swift (17): origin removed, compression offered, both token parts, both JSON fields, counts present.
import { isDate, isList, isObject, isText, isTime, need, needNoLegacyKeys, needPage, needRoom, needToken } from './need.js';
import { ProtobufClient } from './protobuf.js';
import { signedHeaders } from './sign.js';

export class Swift extends ProtobufClient {
  routeHeaders() {
    return signedHeaders(this.server);
  }

  dialOptions() {
    return { protocol: this.subprotocol, deflate: true };
  }

  firstOpen() {
    const { tag, force = true } = this.options;
    return { ...this.#identity(), r: !force, tag, lastPatchTime: this.lastPatchTime };
  }

  laterOpen() {
    const { tag } = this.options;
    return { ...this.#identity(), r: true, tag, st: this.token, lastPatchTime: this.lastPatchTime };
  }

  #identity() {
    return { ua: 'swift/17.11.0', deviceToken: this.options.device ?? `device of ${this.id}`, configBitmap: 0xbb };
  }

  startBody(name, attributes) {
    return { transient: true, attr: { name, attr: attributes } };
  }

  queryBody(conditions, options) {
    const $and = Object.entries(conditions).map(([key, value]) => ({ [key]: value }));
    return { where: { $and }, ...options };
  }

  logsBody({ direction = 'OLD', ...bounds } = {}) {
    return { direction, ...bounds };
  }

  /** A recall carries the stub of a recalled message. */
  recallFields() {
    return { data: '{"_lctype":-127}' };
  }

  /** The event stream it asks for after an open; members-only rooms have none, but both lists must be there. */
  async notifications() {
    const query = new URLSearchParams({ client_id: this.id, start_ts: String(Date.now() - 1000) });
    const headers = { ...signedHeaders(this.server), 'X-LC-IM-Session-Token': this.token };
    const answer = await fetch(`${this.server.url}/1.1/rtm/notifications?${query}`, { headers });
    need(answer.status === 200, `notifications answered ${answer.status}`);
    const { permanent, droppable } = await answer.json();
    need(isList(permanent?.notifications), 'no permanent notifications');
    need(isList(droppable?.notifications) || droppable?.invalidLocalConvCache === true, 'no droppable notifications');
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
    'conv/added': (body) => need(body, 'added without convMessage'),
    'conv/removed': (body) => need(body, 'removed without convMessage'),
    'conv/results'(body) {
      need(isList(body?.results), 'results without data');
      body.results.forEach(needRoom);
    },
    'conv/result'(body, _, asked) {
      need(body, `${asked} without convMessage`);
      if (asked === 'conv/count') need(Number.isInteger(body.count), 'count without count');
    },
    'conv/members': (body) => need(body, 'members without convMessage'),
    'conv/updated': (body) => {
      need(isObject(body?.attrModified), 'updated without attrModified');
      need(isDate(body.udate), 'updated without udate');
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
      need(body.msg !== undefined || body.binaryMsg !== undefined, 'message without body');
      needNoLegacyKeys(body);
      this.hear(body);
    },
    'patch/modify'({ patches = [] }) {
      need(patches.length > 0, 'modify without patches');
      for (const patch of patches) {
        for (const key of ['cid', 'mid']) need(isText(patch[key]), `patch without ${key}`);
        for (const key of ['timestamp', 'patchTimestamp']) need(isTime(patch[key]), `patch without ${key}`);
        need(!patch.recall || JSON.parse(patch.data)._lctype === -127, 'recall without the stub');
        this.patches.push(patch);
      }
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
    goaway() {
      this.signals.push({ cmd: 'goaway' });
    },
  };
}
