// C# (0.3 and later): everything by app and client id, no token, echo without a serial, casts that throw.
import { eventually } from '../support/wait.js';
import { isDate, isList, isObject, isText, isTime, need, needNoLegacyKeys, needPage, needRoom, needToken } from './need.js';
import { ProtobufClient } from './protobuf.js';

/** The types of message it knows; a push of any other text throws inside its handler. */
const KNOWN_TYPES = [-1, -2, -3, -4, -5, -6, -127];

export class CSharp extends ProtobufClient {
  #echoes = 0;

  envelope() {
    return { appId: this.server.appId, peerId: this.id };
  }

  firstOpen() {
    const { tag, device, force = true } = this.options;
    return { ua: 'csharp-sdk/2.4.1', r: !force, tag, deviceId: device, configBitmap: 0xab };
  }

  /** It keeps no token: id, tag and device are all it comes back with. */
  laterOpen() {
    const { tag, device } = this.options;
    return { r: true, tag, deviceId: device };
  }

  refreshBody() {
    const { tag, device } = this.options;
    return { tag, deviceId: device };
  }

  startBody(name, attributes) {
    return { transient: true, unique: true, attr: { name, attr: attributes } };
  }

  queryBody(conditions, { limit = 100, skip = 0, ...options } = {}) {
    return { where: conditions, limit, skip, ...options };
  }

  logsBody({ direction = 'OLD', limit = 20, t = 0, tt = 0, ...bounds } = {}) {
    return { direction, limit, t, tt, ...bounds };
  }

  async history(cid, bounds) {
    const reply = await this.request({ cmd: 'logs', op: 'open', body: { cid, ...this.logsBody(bounds) } });
    return reply.body.logs ?? [];
  }

  directFields() {
    return { fromPeerId: this.id };
  }

  /** The release under test forgets to send the level. */
  send(cid, payload, { priority, ...fields } = {}) {
    return super.send(cid, payload, fields);
  }

  patchFields() {
    return { from: this.id, patchTimestamp: Date.now() };
  }

  /** An echo from the app id, without a serial; only an echo without one comes back. */
  async heartbeat() {
    const before = this.#echoes;
    const { appId } = this.server;
    this.line.send(this.encode({ cmd: 'echo', appId, peerId: appId }));
    await eventually(() => this.#echoes > before, 'echo without a serial');
  }

  checkEnvelope(command) {
    if (command.cmd !== 'echo') super.checkEnvelope(command);
  }

  checkPush(command) {
    if (command.cmd !== 'echo') super.checkPush(command);
  }

  refusal(command) {
    if (command.cmd === 'error') need(isObject(command.body), 'error without errorMessage');
    if (command.op === 'added' || command.op === 'removed') {
      need(!command.body?.failedPids, 'a refused join in failedPids');
    }
    return super.refusal(command);
  }

  replyRules = {
    'session/opened'(body, { peerId }) {
      need(body, 'opened without sessionMessage');
      needToken(body);
      need(peerId === this.id, `opened for ${peerId}`);
    },
    'session/refreshed': needToken,
    'session/query_result': (body) => need(body, 'query_result without sessionMessage'),
    'conv/started': (body) => need(isText(body?.cid) && isDate(body?.cdate), 'started without cid or cdate'),
    'conv/added': (body) => need(body?.allowedPids?.length === 1, 'added without allowedPids'),
    'conv/removed': (body) => need(body?.allowedPids?.length === 1, 'removed without allowedPids'),
    'conv/results'(body, _, asked) {
      need(body?.results !== undefined, 'results without data');
      if (asked !== 'conv/query') return;
      need(isList(body.results), 'results is no array');
      body.results.forEach(needRoom);
    },
    'conv/result'(body, _, asked) {
      need(body, `${asked} without convMessage`);
      if (asked === 'conv/count') need(Number.isInteger(body.count), 'count without count');
    },
    'conv/updated'(body, _, asked) {
      need(body, 'updated without convMessage');
      if (asked === 'conv/update') need(isObject(body.attrModified), 'updated without attrModified');
    },
    ack: (body) => need(isText(body?.uid) && isTime(body.t), 'ack without uid or t'),
    logs(body) {
      need(body, 'logs without logsMessage');
      needPage(body.logs ?? []);
      for (const item of body.logs ?? []) needTyped(item.data);
    },
    'patch/modified': (body) => need(body, 'modified without patchMessage'),
  };

  pushRules = {
    echo() {
      this.#echoes += 1;
    },
    direct(body) {
      need(isText(body.cid) && isText(body.id), 'message without cid or id');
      needTyped(body.msg);
      needNoLegacyKeys(body);
      this.hear(body);
    },
    'patch/modify'({ patches = [] }) {
      need(patches.length > 0, 'modify without patches');
      for (const patch of patches) {
        need(isText(patch.cid), 'patch without cid');
        needTyped(patch.data);
        this.patches.push(patch);
      }
    },
    'conv/updated'(body) {
      need(isText(body.cid) && isObject(body.attrModified), 'update without attrModified');
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

function needTyped(text) {
  const { _lctype: type } = JSON.parse(text);
  need(KNOWN_TYPES.includes(type), `message of type ${type}: thrown away`);
}
