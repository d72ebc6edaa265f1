// A scripted client of the binary protocol, and what its SDKs ask of every upgrade and push.
import { isTime, need } from './need.js';
import { RoomClient } from './room-client.js';
import { decode, encode } from './schema.js';

export class ProtobufClient extends RoomClient {
  subprotocol = 'lc.protobuf2.3';

  dialOptions() {
    return { protocol: this.subprotocol };
  }

  checkUpgrade(headers) {
    need(headers['sec-websocket-protocol'] === this.subprotocol, 'the subprotocol is not echoed');
    need(headers['sec-websocket-extensions'] === undefined, 'an extension was negotiated');
    need(headers.connection.toLowerCase() === 'upgrade', `Connection: ${headers.connection}`);
    need(headers.upgrade.toLowerCase() === 'websocket', `Upgrade: ${headers.upgrade}`);
  }

  encode(command) {
    return encode(command);
  }

  decode(data, isBinary) {
    need(isBinary, 'a text frame, which this SDK ignores');
    return decode(data);
  }

  /** What every later command carries; bit 7 clients leave their id out while they are alone on the socket. */
  envelope() {
    return {};
  }

  checkEnvelope({ cmd, i, peerId, serverTs }) {
    need(isTime(serverTs), `${cmd} without serverTs`);
    if (i !== undefined && cmd !== 'error') need(peerId === this.id, `${cmd} reply for ${peerId}`);
  }

  /** The last two are Java's needs, kept here because every binary client is sent the same frames. */
  checkPush({ cmd, service, peerId, body }) {
    need(service === 2, `push with service ${service}`);
    need(peerId === undefined || peerId === this.id, `push for ${peerId}`);
    if (cmd === 'conv') need(body.transient === true, 'conv push that does not say it is about a room');
    if (cmd === 'direct') need(body.convType === 2, 'message that does not say it is from a room');
  }

  heartbeat() {
    return this.line.ping();
  }
}
