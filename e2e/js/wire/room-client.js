// What a scripted client can do in rooms, in the form most SDKs give the commands; families override their habits.
import { Scripted } from './scripted.js';

export class RoomClient extends Scripted {
  knowsPatches = true;

  async open(body = this.firstOpen()) {
    const { appId } = this.server;
    const reply = await this.request({ cmd: 'session', op: 'open', appId, peerId: this.id, body });
    this.token = reply.body.st;
    this.lastPatchTime = reply.serverTs;
    return reply;
  }

  /** After a lost socket: connect again and open as this SDK reopens. */
  async reopen() {
    await this.connect();
    return this.open(this.laterOpen());
  }

  async refresh() {
    const reply = await this.request({ cmd: 'session', op: 'refresh', body: this.refreshBody() });
    this.token = reply.body.st;
  }

  refreshBody() {
    return { st: this.token };
  }

  close() {
    return this.request({ cmd: 'session', op: 'close' });
  }

  async online(ids) {
    const reply = await this.request({ cmd: 'session', op: 'query', body: { sessionPeerIds: ids } });
    return reply.body.onlineSessionPeerIds ?? [];
  }

  async createRoom(name, attributes) {
    const reply = await this.request({ cmd: 'conv', op: 'start', body: this.startBody(name, attributes) });
    return reply.body.cid;
  }

  join(cid) {
    return this.request({ cmd: 'conv', op: 'add', body: { cid, m: [this.id] } });
  }

  quit(cid) {
    return this.request({ cmd: 'conv', op: 'remove', body: { cid, m: [this.id] } });
  }

  async find(conditions, options) {
    const reply = await this.request({ cmd: 'conv', op: 'query', body: this.queryBody(conditions, options) });
    return reply.body.results;
  }

  async count(cid) {
    return (await this.request({ cmd: 'conv', op: 'count', body: { cid } })).body.count;
  }

  async members(cid) {
    return (await this.request({ cmd: 'conv', op: 'members', body: { cid, limit: 50 } })).body.m ?? [];
  }

  update(cid, attr) {
    return this.request({ cmd: 'conv', op: 'update', body: { cid, attr } });
  }

  /** Sends a typed message; resolves with its id and time. */
  async send(cid, payload, { priority, ...fields } = {}) {
    const body = { cid, msg: JSON.stringify(payload), ...this.directFields(), ...fields };
    const { body: ack } = await this.request({ cmd: 'direct', priority, body });
    return { cid, mid: ack.uid, timestamp: ack.t };
  }

  directFields() {
    return {};
  }

  async history(cid, bounds) {
    const reply = await this.request({ cmd: 'logs', body: { cid, ...this.logsBody(bounds) } });
    return reply.body.logs ?? [];
  }

  async edit(message, payload) {
    const patch = { ...message, data: JSON.stringify(payload), ...this.patchFields() };
    return this.request({ cmd: 'patch', op: 'modify', body: { patches: [patch] } });
  }

  async recall(message) {
    const patch = { ...message, recall: true, ...this.recallFields(), ...this.patchFields() };
    return this.request({ cmd: 'patch', op: 'modify', body: { patches: [patch] } });
  }

  patchFields() {
    return {};
  }

  recallFields() {
    return {};
  }

  hear(body) {
    this.messages.push({
      id: body.id,
      cid: body.cid,
      from: body.fromPeerId,
      timestamp: body.timestamp,
      text: textOf(body.msg),
      transient: body.transient === true,
      mentionAll: body.mentionAll === true,
      mentionPids: body.mentionPids ?? [],
    });
  }
}

/** The text of a typed message, or the body as it is. */
export function textOf(msg) {
  try {
    return JSON.parse(msg)._lctext ?? msg;
  } catch {
    return msg;
  }
}
