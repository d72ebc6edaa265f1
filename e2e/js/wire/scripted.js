// A client that plays one SDK's part on the wire: asks as that SDK asks, and reads as strictly as it must.
import { Inbox, unique, withDeadline } from '../support/wait.js';
import { dial } from './line.js';
import { Broken, need } from './need.js';

/** Which reply belongs to which request; `conv/members` may be answered with any op. */
const REPLIES = {
  'session/open': 'session/opened',
  'session/refresh': 'session/refreshed',
  'session/close': 'session/closed',
  'session/query': 'session/query_result',
  'conv/start': 'conv/started',
  'conv/add': 'conv/added',
  'conv/remove': 'conv/removed',
  'conv/query': 'conv/results',
  'conv/count': 'conv/result',
  'conv/update': 'conv/updated',
  'conv/mute': 'conv/updated',
  direct: 'ack',
  ack: 'ack',
  read: 'read',
  echo: 'echo',
  logs: 'logs',
  'logs/open': 'logs',
  'patch/modify': 'patch/modified',
};

const alive = new Set();

/** Cuts every scripted client that a test left behind. */
export function cutAll() {
  for (const client of alive) client.line?.socket.terminate();
  alive.clear();
}

export class Scripted {
  #pending = new Map();
  #faults = [];

  /** Finds the server and opens a session, as a user of this SDK would. */
  static async logIn(server, id, options) {
    const client = new this(server, id ?? unique(this.name.toLowerCase()), options);
    await client.connect();
    await client.open();
    return client;
  }

  constructor(server, id, options = {}) {
    Object.assign(this, { server, id, options });
    const name = `${this.constructor.name} ${id}`;
    this.messages = new Inbox(`messages of ${name}`);
    this.patches = new Inbox(`patches of ${name}`);
    this.updates = new Inbox(`room updates of ${name}`);
    this.kicks = new Inbox(`kicks of ${name}`);
    this.signals = new Inbox(`signals of ${name}`);
    this.serial = this.firstSerial();
    alive.add(this);
  }

  async connect() {
    const url = await this.route();
    this.line = await dial(this.socketUrl(url), this.dialOptions(url));
    this.checkUpgrade(this.line.response);
    this.line.onFrame = (data, isBinary) => this.#read(data, isBinary);
  }

  /** Asks `/v1/route` as this SDK does; resolves with the socket's address. */
  async route() {
    const query = new URLSearchParams({ appId: this.server.appId, ...this.routeQuery() });
    const answer = await fetch(`${this.server.url}/v1/route?${query}`, { headers: this.routeHeaders(), redirect: 'error' });
    need(answer.status === 200, `route answered ${answer.status}`);
    need(/^application\/json\b/.test(answer.headers.get('content-type')), 'route is not JSON');
    const route = await answer.json();
    need(/^wss?:\/\/[^/?#]+\/[^?#]*$/.test(route.server), `route.server is ${route.server}`);
    need(/^wss?:\/\//.test(route.secondary), `route.secondary is ${route.secondary}`);
    need(Number.isInteger(route.ttl) && route.ttl > 0, `route.ttl is ${route.ttl}`);
    need(typeof route.groupId === 'string', `route.groupId is ${route.groupId}`);
    need(route.groupUrl === undefined, 'route has a groupUrl');
    return route.server;
  }

  routeQuery() {
    return { secure: '1' };
  }

  routeHeaders() {
    return {};
  }

  socketUrl(url) {
    return url;
  }

  /** Sends a command that awaits an answer; fails with `.code` when it is refused. */
  request(command) {
    const i = this.nextSerial();
    const asked = command.op ? `${command.cmd}/${command.op}` : command.cmd;
    const answered = new Promise((resolve, reject) => {
      this.#pending.set(i, { asked, resolve, reject });
    });
    this.post({ ...command, i });
    return withDeadline(answered, `answer to ${asked} of ${this.id}`);
  }

  /** Sends a command without waiting for anything. */
  post(command) {
    this.line.send(this.encode({ ...this.envelope(command), ...command }));
  }

  firstSerial() {
    return 1;
  }

  nextSerial() {
    const serial = this.serial;
    this.serial += 1;
    return serial;
  }

  #read(data, isBinary) {
    try {
      const command = this.decode(data, isBinary);
      if (command) this.#take(command);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(command) {
    need(command.cmd !== undefined, 'frame without cmd');
    this.checkEnvelope(command);
    if (command.i !== undefined) return this.#takeReply(command);
    const name = command.op ? `${command.cmd}/${command.op}` : command.cmd;
    need(command.cmd !== 'error', `error without i: ${JSON.stringify(command.body)}`);
    const rule = this.pushRules[name];
    need(rule, `unexpected push ${name}`);
    this.checkPush(command);
    rule.call(this, command.body ?? {}, command);
  }

  #takeReply(command) {
    const pending = this.#pending.get(command.i);
    need(pending, `reply to nothing that was asked: ${JSON.stringify(command)}`);
    this.#pending.delete(command.i);
    const refusal = this.refusal(command);
    if (refusal) return pending.reject(refusal);
    const name = command.op ? `${command.cmd}/${command.op}` : command.cmd;
    const expected = REPLIES[pending.asked];
    try {
      need(!expected || name === expected, `${pending.asked} answered by ${name}`);
      this.replyRules[name]?.call(this, command.body, command, pending.asked);
      pending.resolve(command);
    } catch (error) {
      pending.reject(error);
      throw error;
    }
  }

  /** An error to reject with, if this SDK takes the reply for a failure. */
  refusal({ cmd, body = {} }) {
    if (cmd === 'error') {
      need(Number.isInteger(body.code) && body.code > 0, `error with code ${body.code}`);
      need(/^[A-Z_]+$/.test(body.reason), `error ${body.code} with reason ${body.reason}`);
    } else if (body.code === undefined && body.appCode === undefined) {
      return undefined;
    }
    need(body.uid === undefined, 'failure with uid');
    return Object.assign(new Error(`refused: ${body.code} ${body.reason}`), { code: body.code, reason: body.reason });
  }

  #fail(error) {
    const fault = error instanceof Broken ? error : new Broken(`cannot read a frame: ${error.message}`, { cause: error });
    fault.message = `${this.constructor.name}: ${fault.message}`;
    this.#faults.push(fault);
    for (const { reject } of this.#pending.values()) reject(fault);
    this.#pending.clear();
    for (const inbox of [this.messages, this.patches, this.updates, this.kicks, this.signals]) inbox.break(fault);
  }

  /** Fails if anything this client was sent would have broken its SDK. */
  checkUnbroken() {
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  hears(text) {
    return this.messages.find((message) => message.text === text, JSON.stringify(text));
  }

  heardTexts() {
    return [...new Map(this.messages.items.map((message) => [message.id, message.text])).values()];
  }

  /** Logs out and closes the socket. */
  async leave() {
    await this.close();
    this.line.socket.close();
    await this.line.end();
    alive.delete(this);
    this.checkUnbroken();
  }

  checkUpgrade() {}

  checkEnvelope() {}

  checkPush() {}
}
