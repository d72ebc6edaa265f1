// What waits for a free lane: bounded, and when it is full the least important goes first.
import { levels, type ChatMessage } from './message';

export class WaitingLine {
  private readonly capacity: number;
  private waiting: ChatMessage[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  push(message: ChatMessage): void {
    this.waiting.push(message);
    if (this.waiting.length <= this.capacity) return;
    const lowest = levels.find((level) => this.waiting.some((entry) => entry.level === level));
    this.waiting.splice(
      this.waiting.findIndex((entry) => entry.level === lowest),
      1,
    );
  }

  get first(): ChatMessage | undefined {
    return this.waiting[0];
  }

  shift(): ChatMessage | undefined {
    return this.waiting.shift();
  }

  clear(): void {
    this.waiting = [];
  }
}
