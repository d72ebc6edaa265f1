// A scripted client of the JSON text protocol: the same commands, flattened into one object per text frame.
import { eventually } from '../support/wait.js';
import { need } from './need.js';
import { RoomClient } from './room-client.js';

const ENVELOPE = ['cmd', 'op', 'appId', 'peerId', 'i', 'service', 'serverTs'];

export class JsonClient extends RoomClient {
  heartbeats = 0;

  dialOptions() {
    return {};
  }

  encode({ body, op, priority, ...envelope }) {
    return JSON.stringify({ ...envelope, op: op?.replaceAll('_', '-'), ...this.level(priority), ...body });
  }

  /** The level's key, if this SDK sends one. */
  level() {
    return {};
  }

  decode(data, isBinary) {
    need(!isBinary, 'a binary frame');
    const frame = JSON.parse(data.toString('utf8'));
    for (const [key, value] of Object.entries(frame)) need(value !== null, `${key} is null`);
    if (Object.keys(frame).length === 0) {
      this.heartbeats += 1;
      return undefined;
    }
    need(typeof frame.cmd === 'string', `frame without cmd: ${data}`);
    need(!/_/.test(`${frame.cmd}${frame.op ?? ''}`), `underscore in ${frame.cmd}/${frame.op}`);
    const command = { body: {} };
    for (const [key, value] of Object.entries(frame)) {
      (ENVELOPE.includes(key) ? command : command.body)[key] = value;
    }
    if (command.op) command.op = command.op.replaceAll('-', '_');
    return command;
  }

  async heartbeat() {
    const before = this.heartbeats;
    this.line.send('{}');
    await eventually(() => this.heartbeats > before, '{} answered by {}');
  }
}
