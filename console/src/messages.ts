// The list of messages, kept at its end unless the reader has scrolled back.
import { colorOf } from './color';
import { find, make } from './element';
import { onLanguage, words } from './language';
import type { ChatMessage } from './message';
import { Timeline } from './timeline';

const CAPACITY = 200;
/** So close to the end the reader means to be at the end. */
const NEAR_END_PX = 48;

export class Messages {
  private readonly list = find('[data-testid=messages]');
  private readonly newer = find<HTMLButtonElement>('[data-testid=newer]');
  private readonly timeline = new Timeline(CAPACITY);
  private readonly rows = new Map<string, { message: ChatMessage; row: HTMLElement }>();
  private atEnd = true;
  private unseen = 0;

  constructor() {
    this.list.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = this.list;
      this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      if (this.atEnd) this.showUnseen(0);
    });
    this.newer.addEventListener('click', () => this.scrollToEnd());
    new ResizeObserver(() => {
      if (this.atEnd) this.scrollToEnd();
    }).observe(this.list);
    onLanguage(({ messagesLabel }) => {
      this.list.setAttribute('aria-label', messagesLabel);
      this.rows.clear();
      this.render();
      this.showUnseen(this.unseen);
    });
  }

  /** Returns false if the message was there already. */
  add(message: ChatMessage): boolean {
    const added = this.timeline.add(message);
    if (added) this.render();
    if (added && !this.atEnd) this.showUnseen(this.unseen + 1);
    return added;
  }

  catchUp(page: readonly ChatMessage[], whole: boolean): void {
    this.timeline.catchUp(page, whole);
    this.render();
  }

  markGap(): void {
    this.timeline.markGap();
  }

  replace(message: ChatMessage): void {
    this.timeline.replace(message);
    this.render();
  }

  remove(id: string): void {
    this.timeline.remove(id);
    this.render();
  }

  /** Brings the rows in line with the timeline; unchanged ones stay where they are. */
  private render(): void {
    const { messages } = this.timeline;
    const known = new Set(messages.map((message) => message.id));
    for (const id of this.rows.keys()) if (!known.has(id)) this.rows.delete(id);
    const rows = messages.map((message) => this.rowOf(message));
    const kept = new Set<Node>(rows);
    for (const child of [...this.list.children]) if (!kept.has(child)) child.remove();
    rows.forEach((row, index) => {
      const there = this.list.children[index];
      if (there !== row) this.list.insertBefore(row, there ?? null);
    });
    if (this.atEnd) this.scrollToEnd();
  }

  private rowOf(message: ChatMessage): HTMLElement {
    const known = this.rows.get(message.id);
    if (known?.message === message) return known.row;
    const row = rowFor(message);
    this.rows.set(message.id, { message, row });
    return row;
  }

  private scrollToEnd(): void {
    this.list.scrollTop = this.list.scrollHeight;
  }

  private showUnseen(count: number): void {
    this.unseen = count;
    this.newer.hidden = count === 0;
    this.newer.textContent = words().newer(count);
  }
}

function rowFor(message: ChatMessage): HTMLElement {
  const name = make('span', 'message-name', message.name);
  name.style.color = message.level === 'high' ? '' : colorOf(message.name);
  const head = [name];
  if (message.mine) head.push(make('span', 'message-mine', words().you));
  const time = new Date(message.time);
  const clock = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false });
  head.push(make('time', 'message-time', clock));
  const data = { testid: 'message', level: message.level, id: message.id, mine: String(message.mine) };
  return make(
    'li',
    'message',
    [make('div', 'message-head', head), make('p', 'message-text', message.text)],
    data,
  );
}
