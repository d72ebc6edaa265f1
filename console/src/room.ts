// The room, over the unmodified SDK: entering, losing the connection, coming back, sending.
import {
  Event,
  MessagePriority,
  Realtime,
  type ChatRoom,
  type IMClient,
  type Message,
  type TextMessage,
} from 'leancloud-realtime';
import { loadConfig, type Config } from './config';
import { Dropped, unlessDropped } from './dropped';
import { compose, read, type ChatMessage, type Level } from './message';
import { codeOf, isFinal, refusalOf } from './refusal';
import { onFatalClose } from './socket';

export type RoomState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'lost' }
  | { kind: 'waiting'; until: number }
  | { kind: 'retrying' }
  | { kind: 'rejoining' }
  | { kind: 'offline' }
  | { kind: 'refused'; code: number | undefined };

export interface RoomListener {
  state(state: RoomState): void;
  count(count: number): void;
  /** The newest messages, oldest first; `whole` when there are no older ones. */
  history(page: ChatMessage[], whole: boolean): void;
  message(message: ChatMessage): void;
  edited(message: ChatMessage): void;
  recalled(id: string): void;
}

const HISTORY_SIZE = 50;
/** 12 a minute, well below the 30 that a client may ask. */
const COUNT_EVERY_MS = 5000;
/** The SDK's own delays grow to five minutes: too long for somebody who is watching. */
const LONGEST_WAIT_MS = 15_000;

const priorities: Record<Level, MessagePriority> = {
  low: MessagePriority.LOW,
  normal: MessagePriority.NORMAL,
  high: MessagePriority.HIGH,
};

interface Unconfirmed {
  text: string;
  level: Level;
  message: TextMessage;
}

/** One for the life of the page: the SDK allows one `Realtime` for an app. */
export class Room {
  private readonly name: string;
  private readonly listener: RoomListener;
  private state: RoomState = { kind: 'connecting' };
  private config: Config | undefined;
  private realtime: Realtime | undefined;
  private client: IMClient | undefined;
  private room: ChatRoom | undefined;
  /** Aborted when the socket is gone: the SDK leaves commands in flight unanswered for 20 seconds. */
  private connection = new AbortController();
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private cutWaitShort: (() => void) | undefined;
  private unconfirmed: Unconfirmed | undefined;
  private readonly stateWaiters = new Set<() => void>();

  constructor(name: string, listener: RoomListener) {
    this.name = name;
    this.listener = listener;
    window.addEventListener('online', () => this.tryNow());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      this.tryNow();
      void this.refreshCount();
    });
    setInterval(() => void this.refreshCount(), COUNT_EVERY_MS);
  }

  async enter(): Promise<void> {
    this.become({ kind: 'connecting' });
    try {
      this.config ??= await loadConfig();
      this.realtime ??= this.connect(this.config);
      this.client = await this.signIn(this.realtime);
    } catch (error) {
      return this.failed(error, () => void this.enter());
    }
    await this.arrive();
  }

  /** Does at once what the room is waiting to do. */
  tryNow(): void {
    if (this.state.kind === 'waiting') this.cutWaitShort?.();
  }

  /**
   * Resolves when the server has confirmed the message. If the connection breaks meanwhile, the same message
   * goes out again after it is back; the server knows it by its token and stores it once.
   */
  async send(text: string, level: Level): Promise<ChatMessage | undefined> {
    const message = this.outgoing(text, level);
    for (;;) {
      const { room, client } = await this.live();
      try {
        await unlessDropped(this.connection.signal, room.send(message, { priority: priorities[level] }));
        this.unconfirmed = undefined;
        return read(message, client.id);
      } catch (error) {
        if (error instanceof Dropped) continue;
        if (refusalOf(error) !== 'unconfirmed') this.unconfirmed = undefined;
        throw error;
      }
    }
  }

  private connect(config: Config): Realtime {
    const { appId, appKey } = config;
    onFatalClose((code) => this.become({ kind: 'refused', code }));
    const realtime = new Realtime({ appId, appKey, server: location.origin });
    realtime.on(Event.DISCONNECT, () => this.drop());
    realtime.on(Event.SCHEDULE, (_attempt: number, delay: number) => this.awaitSdk(delay));
    realtime.on(Event.RETRY, () => this.become({ kind: 'retrying' }));
    realtime.on(Event.RECONNECT, () => this.become({ kind: 'rejoining' }));
    // The page pauses the SDK itself at times; only the browser knows whether there is a network.
    realtime.on(Event.OFFLINE, () => {
      if (!navigator.onLine) this.become({ kind: 'offline' });
    });
    return realtime;
  }

  /** Each sign-in takes a new client id: the SDK keeps a client that failed under the old one. */
  private async signIn(realtime: Realtime): Promise<IMClient> {
    const bytes = crypto.getRandomValues(new Uint8Array(9));
    const id = `demo-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    const client = await realtime.createIMClient(id);
    const here = (message: Message) => (message.cid === this.config?.roomId ? read(message, id) : undefined);
    client.on(Event.MESSAGE, (message: Message) => {
      const shown = here(message);
      if (shown) this.listener.message(shown);
    });
    client.on(Event.MESSAGE_UPDATE, (message: Message) => {
      const shown = here(message);
      if (shown) this.listener.edited(shown);
    });
    client.on(Event.MESSAGE_RECALL, (message: Message) => this.listener.recalled(message.id));
    client.on(Event.RECONNECT, () => void this.arrive());
    client.on(Event.RECONNECT_ERROR, (error: unknown) => {
      // A reopening that was cut off by the next drop fails late, when another has long succeeded.
      if (this.state.kind === 'rejoining') this.failed(error, () => this.reopenSocket());
    });
    client.on(Event.CLOSE, (reason: unknown) => this.become({ kind: 'refused', code: codeOf(reason) }));
    client.on(Event.CONFLICT, () => this.become({ kind: 'refused', code: 4111 }));
    return client;
  }

  /**
   * Goes into the room and reads what was missed. After a short drop the server has put this client back by
   * itself; joining again costs little and also covers the long ones.
   */
  private async arrive(): Promise<void> {
    const { signal } = this.connection;
    const { client, config } = this;
    if (!client || !config) return;
    try {
      this.room ??= ((await client.getConversation(config.roomId)) as ChatRoom | null) ?? undefined;
      if (!this.room) throw Object.assign(new Error('the room does not exist'), { code: 4303 });
      await this.room.join();
      const history = await this.room.queryMessages({ limit: HISTORY_SIZE });
      if (signal.aborted) return;
      const page = history.flatMap((message) => read(message, client.id) ?? []);
      this.listener.history(page, history.length < HISTORY_SIZE);
      this.failures = 0;
      this.become({ kind: 'live' });
      await this.refreshCount();
    } catch (error) {
      if (!signal.aborted) this.failed(error, () => void this.arrive());
    }
  }

  private failed(error: unknown, again: () => void): void {
    // A fatal close leaves commands behind that fail later.
    if (this.state.kind === 'refused') return;
    if (isFinal(error)) return this.become({ kind: 'refused', code: codeOf(error) });
    this.wait(Math.min(1000 * 2 ** this.failures++, LONGEST_WAIT_MS), again);
  }

  /** The socket is back but the session is not; only a new socket makes the SDK try again. */
  private reopenSocket(): void {
    this.realtime?.pause();
    this.realtime?.resume();
  }

  private drop(): void {
    this.connection.abort();
    this.connection = new AbortController();
    this.become({ kind: 'lost' });
  }

  /** The SDK has a timer of its own; past the longest wait it is told to go on. */
  private awaitSdk(delay: number): void {
    const retry = () => void this.realtime?.retry();
    if (delay > LONGEST_WAIT_MS) return this.wait(LONGEST_WAIT_MS, retry);
    this.become({ kind: 'waiting', until: Date.now() + delay });
    this.cutWaitShort = retry;
  }

  private wait(delay: number, then: () => void): void {
    this.become({ kind: 'waiting', until: Date.now() + delay });
    this.cutWaitShort = then;
    this.timer = setTimeout(then, delay);
  }

  private become(state: RoomState): void {
    clearTimeout(this.timer);
    this.cutWaitShort = undefined;
    this.state = state;
    this.listener.state(state);
    const waiters = [...this.stateWaiters];
    this.stateWaiters.clear();
    for (const wake of waiters) wake();
  }

  private async live(): Promise<{ room: ChatRoom; client: IMClient }> {
    for (;;) {
      const { state, room, client } = this;
      if (state.kind === 'live' && room && client) return { room, client };
      if (state.kind === 'refused') throw Object.assign(new Error('refused'), { code: state.code });
      await new Promise<void>((wake) => this.stateWaiters.add(wake));
    }
  }

  /** A message nobody confirmed keeps its token when it is sent again, so that it cannot appear twice. */
  private outgoing(text: string, level: Level): TextMessage {
    const last = this.unconfirmed;
    if (last && last.text === text && last.level === level) return last.message;
    const message = compose(text, this.name, level);
    this.unconfirmed = { text, level, message };
    return message;
  }

  private async refreshCount(): Promise<void> {
    if (this.state.kind !== 'live' || document.visibilityState !== 'visible') return;
    try {
      this.listener.count((await this.room?.count()) ?? 0);
    } catch {
      // The next count is 5 seconds away.
    }
  }
}
