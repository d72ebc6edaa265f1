// The messages of the list: in the order of the room, each once, not more than a page can bear.
import type { ChatMessage } from './message';

export class Timeline {
  private readonly capacity: number;
  private entries: ChatMessage[] = [];

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

  /**
   * Takes in the newest page of the history, in ascending order. Where it does not reach back to what is
   * known, the older messages go: a list with a silent hole would be a lie.
   */
  catchUp(page: readonly ChatMessage[]): void {
    const known = new Set(this.entries.map((entry) => entry.id));
    const first = page[0];
    if (first && !page.some((message) => known.has(message.id))) {
      this.entries = this.entries.filter((entry) => entry.time > first.time);
    }
    for (const message of page) this.add(message);
  }

  /** A message was edited. */
  replace(message: ChatMessage): void {
    const index = this.entries.findIndex((entry) => entry.id === message.id);
    if (index >= 0) this.entries[index] = { ...message, time: this.entries[index]?.time ?? message.time };
  }

  /** A message was recalled. */
  remove(id: string): void {
    this.entries = this.entries.filter((entry) => entry.id !== id);
  }
}
