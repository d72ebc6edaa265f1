// One user of one SDK: an IMClient, what it has been told, and the means to break its connection.
import { eventOf, Inbox, unique, withDeadline } from '../support/wait.js';

const open = new Set();

/** Logs in. With `null` for its id the server invents one. */
export async function logIn(sdk, server, id = unique('user'), options = {}) {
  const module = sdk.load();
  const Realtime = sdk.Realtime(module, server);
  const realtime = new Realtime({
    appId: options.app?.id ?? server.appId,
    appKey: options.app?.key ?? server.app.key,
    noBinary: sdk.noBinary,
    ...sdk.options(server),
  });
  const { tag, signatureFactory, conversationSignatureFactory, blacklistSignatureFactory } = options;
  const clientOptions = { tag, signatureFactory, conversationSignatureFactory, blacklistSignatureFactory };
  const client = await withDeadline(realtime.createIMClient(id ?? undefined, clientOptions), `login of ${id}`);
  return new SdkClient(sdk, module, realtime, client);
}

/** Logs in once more on a socket that another client already uses. */
export async function logInBeside(other, id = unique('user')) {
  const client = await withDeadline(other.realtime.createIMClient(id), `login of ${id}`);
  return new SdkClient(other.sdk, other.module, other.realtime, client);
}

/** Ends every session that is still open; for `after` hooks. */
export async function logOutAll() {
  await Promise.all([...open].map((user) => user.logOut().catch(() => user.abandon())));
}

class SdkClient {
  constructor(sdk, module, realtime, client) {
    Object.assign(this, { sdk, module, realtime, client });
    this.messages = new Inbox(`messages of ${this.id}`);
    this.recalls = new Inbox(`recalls of ${this.id}`);
    this.edits = new Inbox(`edits of ${this.id}`);
    this.updates = new Inbox(`room updates of ${this.id}`);
    this.conflicts = new Inbox(`conflicts of ${this.id}`);
    client.on('message', (message) => this.messages.push(seen(message)));
    client.on('messagerecall', (message) => this.recalls.push(seen(message)));
    client.on('messageupdate', (message) => this.edits.push(seen(message)));
    client.on('conversationinfoupdated', (payload, room) => this.updates.push({ ...payload, roomId: room.id }));
    client.on('conflict', (payload) => this.conflicts.push(payload));
    client.on('reconnecterror', (error) => this.messages.break(error));
    open.add(this);
  }

  get id() {
    return this.client.id;
  }

  get socket() {
    return this.client._connection._ws;
  }

  createRoom(attributes = {}) {
    const room = { name: unique('room'), ...attributes };
    if (this.client.createChatRoom) return this.client.createChatRoom(room);
    return this.client.createConversation({ ...room, transient: true });
  }

  /** Looks the room up by id and joins it. */
  async join(roomId) {
    const room = await this.client.getConversation(roomId);
    if (!room) throw new Error(`${this.id} finds no room ${roomId}`);
    await room.join();
    return room;
  }

  /** Sends a text; resolves with the acknowledged message. */
  say(room, text, options) {
    return room.send(new this.module.TextMessage(text), options);
  }

  high(room, text) {
    return this.say(room, text, { priority: this.module.MessagePriority.HIGH });
  }

  normal(room, text) {
    return this.say(room, text, { priority: this.module.MessagePriority.NORMAL });
  }

  low(room, text) {
    return this.say(room, text, { priority: this.module.MessagePriority.LOW });
  }

  hears(text) {
    return this.messages.find((message) => message.text === text, JSON.stringify(text));
  }

  /** The texts heard, each message once: a HIGH one may come twice after a resume. */
  heardTexts() {
    return [...new Map(this.messages.items.map((message) => [message.id, message.text])).values()];
  }

  /** The socket is gone without a closing handshake; the SDK notices and plans its return. */
  async loseSocket() {
    const noticed = eventOf(this.realtime, 'disconnect', `${this.id} notices the loss`);
    this.socket.terminate();
    await noticed;
  }

  /** As `loseSocket`, and the SDK stays away until `comeBack`. */
  async goAway() {
    await this.loseSocket();
    this.realtime.pause();
  }

  /** Resolves when the SDK has opened its session again. */
  back() {
    return new Promise((resolve, reject) => {
      this.client.once('reconnect', resolve);
      this.client.once('reconnecterror', reject);
    });
  }

  async comeBack() {
    const back = withDeadline(this.back(), `${this.id} back`);
    this.realtime.resume();
    this.realtime.retry();
    await back;
  }

  async logOut() {
    open.delete(this);
    // The SDK drops its listeners before its socket is closed; a late reset must not end the test process.
    this.socket?.on('error', () => {});
    await withDeadline(this.client.close(), `logout of ${this.id}`);
  }

  /** Drops the connection and forgets the client. */
  abandon() {
    open.delete(this);
    this.realtime._close();
  }
}

function seen(message) {
  return {
    id: message.id,
    from: message.from,
    timestamp: Number(message.timestamp),
    text: message.getText ? message.getText() : message.content,
    mentioned: message.mentioned,
    message,
  };
}
