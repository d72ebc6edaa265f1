// Messages of level HIGH come over the stage as gifts: one or two at a time, in turn.
import { find, make } from './element';
import { words } from './language';
import type { ChatMessage } from './message';

/** A low stage, as on a phone, has room for one above its foot. */
const LOW_STAGE_PX = 340;
const SHOWN_MS = 6500;
/** While others wait. */
const HURRIED_MS = 3200;
const LEAVING_MS = 500;
/** Far more than anybody gives in a demo room; past it the oldest waiting ones stay in the list only. */
const WAITING = 100;

export class Gifts {
  private readonly root = find('.gifts');
  private readonly given: () => void;
  private waiting: ChatMessage[] = [];
  private shown = 0;

  constructor(given: () => void) {
    this.given = given;
  }

  give(message: ChatMessage): void {
    this.waiting = [...this.waiting, message].slice(-WAITING);
    this.showNext();
  }

  private showNext(): void {
    const room = (this.root.parentElement?.clientHeight ?? 0) < LOW_STAGE_PX ? 1 : 2;
    if (this.shown >= room) return;
    const message = this.waiting.shift();
    if (!message) return;
    this.shown += 1;
    const label = make('div', 'gift-words', [
      make('span', 'gift-from', words().gift(message.name)),
      make('span', 'gift-text', message.text),
    ]);
    const parcel = make('span', 'gift-parcel');
    parcel.setAttribute('aria-hidden', 'true');
    const gift = make('div', 'gift', [parcel, label], { testid: 'gift' });
    this.root.append(gift);
    this.given();
    setTimeout(
      () => {
        gift.dataset.leaving = 'true';
        setTimeout(() => {
          gift.remove();
          this.shown -= 1;
          this.showNext();
        }, LEAVING_MS);
      },
      this.waiting.length > 0 ? HURRIED_MS : SHOWN_MS,
    );
  }
}
