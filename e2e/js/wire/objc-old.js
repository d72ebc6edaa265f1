// Objective-C up to 8.x: needs its client id on every push, acknowledges messages and patches, knows no binary bodies.
import { need } from './need.js';
import { ObjectiveC } from './objc.js';

export class OldObjectiveC extends ObjectiveC {
  subprotocol = 'lc.protobuf2.1';
  ua = 'ios/8.2.3';

  routeHeaders() {
    return {};
  }

  /** `r` is on every open, false when the user opens without a tag or by force. */
  firstOpen() {
    const { tag, force = true } = this.options;
    return { ...this.#identity(), ua: this.ua, r: Boolean(tag) && !force, tag };
  }

  /** The token takes the place of tag and user agent. */
  laterOpen() {
    return { ...this.#identity(), r: true, st: this.token, lastPatchTime: this.lastPatchTime };
  }

  #identity() {
    return { deviceToken: this.options.device ?? `device of ${this.id}`, configBitmap: 1 };
  }

  envelope() {
    return { peerId: this.id };
  }

  /** It has no command for a fresh token. */
  refresh() {
    return Promise.resolve();
  }

  checkPush(command) {
    super.checkPush(command);
    if (command.cmd !== 'goaway') need(command.peerId === this.id, `${command.cmd} push for ${command.peerId}: dropped`);
  }

  /** A code counts as failure only above 0. */
  refusal(command) {
    return command.body?.code === 0 ? undefined : super.refusal(command);
  }

  constructor(server, id, options) {
    super(server, id, options);
    const { direct, 'patch/modify': modify } = this.pushRules;
    this.pushRules = {
      ...this.pushRules,
      direct(body) {
        direct.call(this, body);
        if (!body.transient) this.post({ cmd: 'ack', body: { cid: body.cid, mid: body.id } });
      },
      'patch/modify'(body) {
        modify.call(this, body);
        this.post({ cmd: 'patch', op: 'modified', body: { lastPatchTime: this.lastPatchTime } });
      },
    };
  }
}
