// Messages of level HIGH come over the stage as gifts: a few at a time, none left out.
import { find, make } from './element';
import { words } from './language';
import type { ChatMessage } from './message';

const AT_A_TIME = 2;
const SHOWN_MS = 6500;
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
    if (this.shown >= AT_A_TIME) return;
    const message = this.waiting.shift();
    if (!message) return;
    this.shown += 1;
    const words = make('div', 'gift-words', [
      make('span', 'gift-from', giftFrom(message)),
      make('span', 'gift-text', message.text),
    ]);
    const parcel = make('span', 'gift-parcel');
    parcel.setAttribute('aria-hidden', 'true');
    const gift = make('div', 'gift', [parcel, words], { testid: 'gift' });
    this.root.append(gift);
    this.given();
    setTimeout(() => {
      gift.dataset.leaving = 'true';
      setTimeout(() => {
        gift.remove();
        this.shown -= 1;
        this.showNext();
      }, LEAVING_MS);
    }, SHOWN_MS);
  }
}

function giftFrom(message: ChatMessage): string {
  return words().gift(message.name);
}
