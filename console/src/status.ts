// Says in words how the connection is, counts down to the next attempt, and offers to try at once.
import { find } from './element';
import { onLanguage, words } from './language';
import type { RoomState } from './room';

export class Status {
  private readonly root = find('[data-testid=status]');
  private readonly text = find('[data-testid=status-words]');
  private readonly button = find<HTMLButtonElement>('[data-testid=retry]');
  private state: RoomState | undefined;
  private countdown: ReturnType<typeof setInterval> | undefined;

  constructor(tryNow: () => void) {
    this.button.addEventListener('click', () => {
      if (this.state?.kind === 'refused') location.reload();
      else tryNow();
    });
    onLanguage(() => this.render());
  }

  show(state: RoomState): void {
    this.state = state;
    this.root.hidden = false;
    this.root.dataset.state = state.kind;
    document.body.dataset.connection = state.kind;
    clearInterval(this.countdown);
    if (state.kind === 'waiting') this.countdown = setInterval(() => this.render(), 250);
    this.render();
  }

  private render(): void {
    const { state } = this;
    if (!state) return;
    const left = state.kind === 'waiting' ? Math.ceil((state.until - Date.now()) / 1000) : 0;
    setText(this.text, words().status(state, Math.max(left, 1)));
    setText(this.button, state.kind === 'refused' ? words().reload : words().tryNow);
    this.button.hidden = state.kind !== 'waiting' && state.kind !== 'refused';
  }
}

/** Leaves an unchanged text alone, so that a screen reader does not say it again. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
