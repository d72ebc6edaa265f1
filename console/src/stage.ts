// The stage: messages fly over it in lanes.
import { colorOf } from './color';
import { find, make } from './element';
import { CROSSING_MS, Lanes } from './lanes';
import { onLanguage } from './language';
import type { ChatMessage } from './message';
import { WaitingLine } from './waiting-line';

const LANE_PX = 42;
const WAITING = 40;
const LOOK_AGAIN_MS = 120;

export class Stage {
  private readonly root = find('.danmaku');
  private readonly quiet = find('.stage-quiet');
  private readonly waiting = new WaitingLine(WAITING);
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)');
  private lanes = new Lanes(1, 1);
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    new ResizeObserver(() => this.measure()).observe(this.root);
    onLanguage(({ quiet, stageLabel }) => {
      this.quiet.textContent = quiet;
      find('.stage').setAttribute('aria-label', stageLabel);
    });
  }

  /** Once something was said, nobody needs to be invited. */
  hideInvitation(): void {
    this.quiet.hidden = true;
  }

  fly(message: ChatMessage): void {
    // Nobody looks: what would wait here for a free lane is in the list.
    if (document.visibilityState !== 'visible') return;
    this.waiting.push(message);
    if (!this.timer) this.launch();
  }

  private launch(): void {
    this.timer = undefined;
    for (let message = this.waiting.first; message; message = this.waiting.first) {
      if (!this.start(message)) {
        this.timer = setTimeout(() => this.launch(), LOOK_AGAIN_MS);
        return;
      }
      this.waiting.shift();
    }
  }

  private start(message: ChatMessage): boolean {
    const data = { testid: 'danmaku', level: message.level, mine: String(message.mine) };
    const flyer = make('span', 'flyer', message.text, data);
    if (message.level !== 'low') flyer.style.color = message.mine ? '' : colorOf(message.name);
    this.root.append(flyer);
    const width = flyer.offsetWidth;
    const lane = this.lanes.take(width, performance.now());
    if (lane === undefined) {
      flyer.remove();
      return false;
    }
    flyer.style.top = `${lane * LANE_PX}px`;
    const flight = flyer.animate(this.path(width), { duration: CROSSING_MS, fill: 'both' });
    flight.addEventListener('finish', () => flyer.remove());
    return true;
  }

  private path(width: number): Keyframe[] {
    if (this.still.matches) {
      return [{ opacity: 0 }, { opacity: 1, offset: 0.04 }, { opacity: 1, offset: 0.9 }, { opacity: 0 }];
    }
    const from = this.root.clientWidth;
    return [{ transform: `translateX(${from}px)` }, { transform: `translateX(${-width}px)` }];
  }

  private measure(): void {
    const { clientWidth, clientHeight } = this.root;
    this.lanes = new Lanes(Math.max(1, Math.floor(clientHeight / LANE_PX)), clientWidth);
  }
}
