// Where one writes: level, text, send. A text stays until the server has confirmed it.
import { find, make } from './element';
import { onLanguage, words } from './language';
import { levels, type ChatMessage, type Level } from './message';
import { codeOf, refusalOf, type SendRefusal } from './refusal';

type Send = (text: string, level: Level) => Promise<ChatMessage | undefined>;
type Hint =
  { kind: 'level' | 'kept' | 'back' } | { kind: 'refused'; why: SendRefusal; code: number | undefined };

export class Composer {
  private readonly form = find<HTMLFormElement>('.composer');
  private readonly text = find<HTMLInputElement>('[data-testid=composer-text]');
  private readonly button = find<HTMLButtonElement>('[data-testid=send]');
  private readonly hint = find('[data-testid=hint]');
  private readonly send: Send;
  private readonly sent: (message: ChatMessage) => void;
  private level: Level = 'normal';
  private sending = false;
  private live = false;
  private shownHint: Hint = { kind: 'level' };

  constructor(send: Send, sent: (message: ChatMessage) => void) {
    this.send = send;
    this.sent = sent;
    find('.levels').append(...levels.map((level) => this.levelChoice(level)));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.text.addEventListener('input', () => {
      if (!this.sending) this.say({ kind: 'level' });
    });
    onLanguage(() => this.render());
  }

  /** One cannot send while the connection is gone, but one can go on writing. */
  setLive(live: boolean): void {
    this.live = live;
    if (!live && this.sending) this.say({ kind: 'kept' });
    this.render();
  }

  welcomeBack(): void {
    this.say({ kind: 'back' });
  }

  focus(): void {
    this.text.focus();
  }

  private async submit(): Promise<void> {
    const text = this.text.value.trim();
    if (!text || this.sending || !this.live) return;
    this.sending = true;
    this.render();
    try {
      const message = await this.send(text, this.level);
      // The reader may have written on meanwhile; that is not ours to throw away.
      if (this.text.value.trim() === text) this.text.value = '';
      this.say({ kind: 'level' });
      if (message) this.sent(message);
    } catch (error) {
      this.say({ kind: 'refused', why: refusalOf(error), code: codeOf(error) });
    } finally {
      this.sending = false;
      this.render();
    }
  }

  private levelChoice(level: Level): HTMLElement {
    const radio = document.createElement('input');
    radio.type = 'radio';
    radio.name = 'level';
    radio.value = level;
    radio.checked = level === this.level;
    radio.addEventListener('change', () => {
      this.level = level;
      this.say({ kind: 'level' });
      this.text.focus();
    });
    const name = make('span', 'level-name');
    const choice = make('label', 'level', [radio, name], { testid: `level-${level}`, level });
    onLanguage((words) => {
      name.textContent = words.levels[level].name;
      choice.title = words.levels[level].means;
    });
    return choice;
  }

  private say(hint: Hint): void {
    this.shownHint = hint;
    this.render();
  }

  private render(): void {
    const { levels, levelsLabel, textLabel, send, give } = words();
    this.form.dataset.level = this.level;
    find('.levels').setAttribute('aria-label', levelsLabel);
    this.text.placeholder = levels[this.level].invite;
    this.text.setAttribute('aria-label', textLabel);
    this.button.textContent = this.level === 'high' ? give : send;
    this.button.disabled = this.sending || !this.live;
    this.button.dataset.busy = String(this.sending);
    this.hint.dataset.kind = this.shownHint.kind;
    this.hint.textContent = this.hintText();
  }

  private hintText(): string {
    const { levels, refusals, keptForLater, back } = words();
    const hint = this.shownHint;
    if (hint.kind === 'refused') return refusals[hint.why](hint.code);
    if (hint.kind === 'kept') return keptForLater;
    return hint.kind === 'back' ? back : levels[this.level].means;
  }
}
