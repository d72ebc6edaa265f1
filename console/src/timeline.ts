// The messages of the list: in the order of the room, each once, not more than a page can bear.
import type { ChatMessage } from './message';

export class Timeline {
  private readonly capacity: number;
  private entries: ChatMessage[] = [];
  /** Up to when nothing is missed; no end while the connection holds. */
  private seenUntil = Infinity;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get messages(): readonly ChatMessage[] {
    return this.entries;
  }

  /** Puts a message in its place by time; behind those of the same time. Returns false if it is there already. */
  add(message: ChatMessage): boolean {
    if (this.entries.some((entry) => entry.id === message.id)) return false;
    const after = this.entries.findLastIndex((entry) => entry.time <= message.time);
    this.entries.splice(after + 1, 0, message);
    this.entries.splice(0, this.entries.length - this.capacity);
    return true;
  }

  /** The connection is gone: what comes after the newest message may be missed. */
  markGap(): void {
    this.seenUntil = Math.min(this.seenUntil, this.entries.at(-1)?.time ?? -Infinity);
  }

  /**
   * Takes in the newest page of the history, in ascending order. Where a page that is not the whole history
   * does not reach back to the gap, what lies before it goes: a list with a silent hole would be a lie.
   */
  catchUp(page: readonly ChatMessage[], whole: boolean): void {
    const first = page[0];
    if (first && !whole && first.time > this.seenUntil) {
      this.entries = this.entries.filter((entry) => entry.time >= first.time);
    }
    this.seenUntil = Infinity;
    for (const message of page) this.add(message);
  }

  /** A message was edited. */
  replace(message: ChatMessage): void {
    const index = this.entries.findIndex((entry) => entry.id === message.id);
    if (index >= 0) this.entries[index] = message;
  }

  /** A message was recalled. */
  remove(id: string): void {
    this.entries = this.entries.filter((entry) => entry.id !== id);
  }
}
