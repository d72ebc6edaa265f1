// A WebSocket as a scripted client holds it: the upgrade it asks for, its frames, and its end.
import WebSocket from 'ws';
import { withDeadline } from '../support/wait.js';

/**
 * Opens a socket. `protocol` goes into the header (absent: no header at all); `headers` are added as they are;
 * `origin` is sent as the SDK sends it; `deflate` offers permessage-deflate.
 */
export async function dial(url, { protocol, headers, origin, deflate = false } = {}) {
  const socket = new WebSocket(url, protocol ? [protocol] : [], {
    headers, origin, perMessageDeflate: deflate, handshakeTimeout: 20_000,
  });
  const line = new Line(socket);
  await withDeadline(line.opened, `WebSocket at ${url}`);
  return line;
}

class Line {
  onFrame = () => {};
  onPong = () => {};

  constructor(socket) {
    this.socket = socket;
    this.opened = new Promise((resolve, reject) => {
      socket.once('upgrade', (response) => { this.response = response.headers; });
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_, response) => {
        reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
      });
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => this.onFrame(data, isBinary));
    socket.on('pong', () => this.onPong());
  }

  send(data) {
    this.socket.send(data);
  }

  /** Resolves when the server has answered a WebSocket ping. */
  ping() {
    const pong = new Promise((resolve) => { this.onPong = resolve; });
    this.socket.ping();
    return withDeadline(pong, 'pong');
  }

  /** The socket is gone without a closing handshake. */
  cut() {
    this.socket.terminate();
    return this.closed;
  }

  /** How the server ended the socket. */
  end() {
    return withDeadline(this.closed, 'end of the socket');
  }
}
