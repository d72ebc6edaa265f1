// Which lane a danmaku flies in, so that none ever touches another.

/** All take the same time to cross, so a longer text moves faster. */
export const CROSSING_MS = 9000;
const GAP_PX = 36;

interface Flight {
  width: number;
  start: number;
}

export class Lanes {
  private readonly last: (Flight | undefined)[];
  private readonly stageWidth: number;

  constructor(count: number, stageWidth: number) {
    this.last = new Array<Flight | undefined>(count).fill(undefined);
    this.stageWidth = stageWidth;
  }

  /** Takes the uppermost lane that is free for a text of this width; `undefined` while none is. */
  take(width: number, now: number): number | undefined {
    const lane = this.last.findIndex((flight) => !flight || this.follows(flight, width, now));
    if (lane < 0) return undefined;
    this.last[lane] = { width, start: now };
    return lane;
  }

  /** Whether a text that starts now stays behind the one that flies ahead of it, all the way. */
  private follows(ahead: Flight, width: number, now: number): boolean {
    const aheadSpeed = (this.stageWidth + ahead.width) / CROSSING_MS;
    const hasRoom = (now - ahead.start) * aheadSpeed >= ahead.width + GAP_PX;
    const reachesEnd = now + (this.stageWidth / (this.stageWidth + width)) * CROSSING_MS;
    return hasRoom && reachesEnd >= ahead.start + CROSSING_MS;
  }
}
