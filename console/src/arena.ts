// The stand behind the stage: a seat is lit for everybody here, glows when its owner speaks, and a gift
// sends a wave through the rows.
import { hueOf } from './color';
import { find } from './element';
import type { Level } from './message';
import { layOut, type Seat } from './seats';

interface Glow {
  seat: Seat;
  hue: number;
  start: number;
  strength: number;
}

const GLOW_MS = 3200;
const WAVE_MS = 2600;
/** How much of the stand the crest of a wave covers. */
const CREST = 0.09;
/** A stand with more lights than this would be a white noise. */
const MOST_LIT = 400;
const GOLD = 42;

export class Arena {
  private readonly canvas = find<HTMLCanvasElement>('.seats');
  private readonly context = this.canvas.getContext('2d');
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)');
  /** In an order that scatters the first few over the stand. */
  private scattered: Seat[] = [];
  private resting: HTMLCanvasElement | undefined;
  /** The one that is kept for the reader. */
  private lit = 1;
  private glows: Glow[] = [];
  private waves: number[] = [];
  private frame: number | undefined;

  constructor() {
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  /** Lights as many seats as there are people. */
  seat(count: number): void {
    const lit = Math.min(count, MOST_LIT);
    if (lit === this.lit) return;
    this.lit = lit;
    this.drawResting();
    this.animate();
  }

  /** The seat of the speaker glows. */
  glow(name: string, level: Level): void {
    const seats = this.scattered.slice(0, Math.max(this.lit, 1));
    const seat = seats[hueOf(name) % seats.length];
    if (!seat) return;
    const strength = { low: 0.55, normal: 0.9, high: 1.5 }[level];
    const hue = level === 'high' ? GOLD : hueOf(name);
    this.glows.push({ seat, hue, strength, start: performance.now() });
    this.animate();
  }

  wave(): void {
    if (this.still.matches) return;
    this.waves.push(performance.now());
    this.animate();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = Math.min(devicePixelRatio, 2);
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.scattered = scatter(layOut(clientWidth, clientHeight));
    this.glows = [];
    this.drawResting();
    this.draw(performance.now());
  }

  /** Draws only as long as something moves. */
  private animate(): void {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = undefined;
      this.glows = this.glows.filter((glow) => now - glow.start < GLOW_MS);
      this.waves = this.waves.filter((start) => now - start < WAVE_MS);
      this.draw(now);
      if (this.glows.length + this.waves.length > 0) this.animate();
    });
  }

  private draw(now: number): void {
    const { context, canvas } = this;
    if (!context) return;
    context.save();
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (this.resting) context.drawImage(this.resting, 0, 0);
    context.restore();
    for (const start of this.waves) this.drawWave(context, (now - start) / WAVE_MS);
    for (const glow of this.glows) drawGlow(context, glow, Math.max(0, now - glow.start) / GLOW_MS);
  }

  private drawWave(context: CanvasRenderingContext2D, progress: number): void {
    const crest = progress * (1 + 4 * CREST) - 2 * CREST;
    for (const seat of this.scattered) {
      const height = Math.exp(-(((seat.x / this.canvas.clientWidth - crest) / CREST) ** 2));
      if (height < 0.04) continue;
      context.fillStyle = `hsl(${GOLD} 95% 72% / ${height * 0.85})`;
      dot(context, seat.x, seat.y - height * seat.radius * 2.6, seat.radius * (1 + 0.5 * height));
    }
  }

  /** The stand at rest is drawn once and copied under whatever moves. */
  private drawResting(): void {
    const { canvas } = this;
    const resting = document.createElement('canvas');
    resting.width = canvas.width;
    resting.height = canvas.height;
    const context = resting.getContext('2d');
    if (!context || canvas.clientWidth === 0) return;
    const ratio = canvas.width / canvas.clientWidth;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.scattered.forEach((seat, index) => {
      const taken = index < this.lit;
      if (taken) drawGlow(context, { seat, hue: 38, start: 0, strength: 0.42 }, 0);
      const light = 0.1 + 0.2 * seat.nearness;
      context.fillStyle = taken ? 'hsl(40 90% 82%)' : `hsl(224 45% 74% / ${light})`;
      dot(context, seat.x, seat.y, seat.radius);
    });
    this.resting = resting;
  }
}

function drawGlow(context: CanvasRenderingContext2D, glow: Glow, progress: number): void {
  const { seat, hue } = glow;
  const light = glow.strength * (1 - progress) ** 2;
  const reach = seat.radius * (7 + 5 * glow.strength);
  const halo = context.createRadialGradient(seat.x, seat.y, 0, seat.x, seat.y, reach);
  halo.addColorStop(0, `hsl(${hue} 95% 75% / ${Math.min(light, 1) * 0.75})`);
  halo.addColorStop(1, `hsl(${hue} 95% 65% / 0)`);
  context.fillStyle = halo;
  dot(context, seat.x, seat.y, reach);
  context.fillStyle = `hsl(${hue} 95% 88% / ${Math.min(light, 1)})`;
  dot(context, seat.x, seat.y, seat.radius * 1.3);
}

function dot(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Always the same order, so that the lights stay where they are when the window changes little. */
function scatter(seats: Seat[]): Seat[] {
  const order = seats.map((seat, index) => ({ seat, key: Math.imul(index + 1, 0x9e3779b1) >>> 0 }));
  // The first lights should be in plain view: neither behind the door nor at the very edge.
  const hidden = ({ nearness }: Seat) => Number(nearness < 0.45 || nearness > 0.85);
  return order.sort((a, b) => hidden(a.seat) - hidden(b.seat) || a.key - b.key).map(({ seat }) => seat);
}
