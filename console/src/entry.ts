// The door: asks for a name and says how far one has come.
import { find } from './element';
import { onLanguage, words } from './language';
import { recall, remember } from './memory';

export class Entry {
  private readonly name = find<HTMLInputElement>('#name');
  private readonly button = find<HTMLButtonElement>('[data-testid=enter]');
  private readonly row = 1 + Math.floor(Math.random() * 40);
  private readonly seat = 1 + Math.floor(Math.random() * 60);
  private entering = false;

  constructor(enter: (name: string) => void) {
    this.name.value = recall('name') ?? '';
    find<HTMLFormElement>('[data-testid=entry]').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.entering) return;
      this.entering = true;
      const name = this.name.value.trim();
      remember('name', name);
      this.label();
      enter(name || words().seat(this.row, this.seat));
    });
    onLanguage(() => this.label());
  }

  private label(): void {
    const { title, about, nameLabel, seat, entryNote, enter, entering } = words();
    find('.entry-title').textContent = title;
    find('.entry-about').textContent = about;
    find('.entry-label').textContent = nameLabel;
    find('.entry-note').textContent = entryNote;
    this.name.placeholder = seat(this.row, this.seat);
    this.name.readOnly = this.entering;
    this.button.textContent = this.entering ? entering : enter;
    this.button.disabled = this.entering;
  }
}
