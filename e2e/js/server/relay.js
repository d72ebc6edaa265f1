// A TCP relay before the server that fails as phones and networks do: nobody reads, bytes are lost, the line is cut.
import { once } from 'node:events';
import net from 'node:net';

/** What a phone's kernel takes for an app that does not read; beyond it, the server's own buffers fill. */
const RECEIVE_BUFFER = 64 * 1024;

const running = new Set();

/** A relay to a server; SDKs are given the relay in the place of the server. */
export async function startRelay(server) {
  const relay = new Relay(server);
  await relay.listen();
  return relay;
}

/** Ends every relay that a test left behind. */
export function stopRelays() {
  for (const relay of running) relay.stop();
}

class Relay {
  #lines = new Set();
  #isHeld = false;

  constructor(server) {
    Object.assign(this, { server, appId: server.appId, app: server.app });
    this.listener = net.createServer({ allowHalfOpen: true }, (client) => this.#connect(client));
  }

  async listen() {
    this.listener.listen(0, '127.0.0.1');
    await once(this.listener, 'listening');
    this.host = `127.0.0.1:${this.listener.address().port}`;
    this.url = `http://${this.host}`;
    this.wsUrl = `ws://${this.host}/`;
    running.add(this);
  }

  #connect(client) {
    const line = new Line(client, this.server.port);
    if (this.#isHeld) line.hold();
    this.#lines.add(line);
    line.onEnd = () => this.#lines.delete(line);
  }

  /** From now on the clients behind the relay read nothing; their sockets stay open. */
  hold() {
    this.#isHeld = true;
    for (const line of this.#lines) line.hold();
  }

  /** The clients read on: first what came meanwhile. */
  release() {
    this.#isHeld = false;
    for (const line of this.#lines) line.release();
  }

  /** From now on new sockets lead to another server; those that are open stay where they are. */
  leadTo(server) {
    this.server = server;
  }

  /** Bytes that have left the server and that no client has read. */
  get heldBytes() {
    return [...this.#lines].reduce((sum, line) => sum + line.heldBytes, 0);
  }

  /** The clients' sockets end in a reset, and the server's too. What was held is lost; new sockets are not held. */
  cut() {
    this.#isHeld = false;
    for (const line of this.#lines) line.cut();
  }

  /** As `cut`, and the server hears nothing of it: for it the sockets live on. */
  cutUnheard() {
    this.#isHeld = false;
    for (const line of this.#lines) line.cutUnheard();
  }

  stop() {
    running.delete(this);
    this.listener.close();
    this.cut();
  }
}

/** One client's socket and the server's end of it. */
class Line {
  onEnd = () => {};
  #held = [];
  #isHeld = false;
  #isUnheard = false;
  #hasEnded = false;

  constructor(client, port) {
    const server = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    Object.assign(this, { client, server });
    client.on('data', (bytes) => server.write(bytes));
    client.on('end', () => server.end());
    server.on('data', (bytes) => this.#take(bytes));
    server.on('end', () => this.#end());
    client.on('drain', () => !this.#isHeld && server.resume());
    for (const socket of [client, server]) socket.on('error', () => {});
    client.on('close', () => this.#isUnheard || server.destroy());
    server.on('close', () => {
      this.#end();
      this.onEnd();
    });
  }

  get heldBytes() {
    return this.#held.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  hold() {
    this.#isHeld = true;
  }

  release() {
    this.#isHeld = false;
    for (const bytes of this.#held.splice(0)) this.client.write(bytes);
    if (this.#hasEnded) this.client.end();
    else this.server.resume();
  }

  cut() {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  cutUnheard() {
    this.#isUnheard = true;
    this.hold();
    this.client.resetAndDestroy();
  }

  #take(bytes) {
    if (this.#isHeld) {
      this.#held.push(bytes);
      if (this.heldBytes >= RECEIVE_BUFFER) this.server.pause();
    } else if (!this.client.write(bytes)) {
      this.server.pause();
    }
  }

  /** The server's last word comes behind everything that is held. */
  #end() {
    this.#hasEnded = true;
    if (!this.#isHeld) this.client.end();
  }
}
