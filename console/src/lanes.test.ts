// Danmaku never touch one another in a lane.
import { expect, test } from 'vitest';
import { CROSSING_MS, Lanes } from './lanes';

const STAGE = 900;

test('texts fill the lanes from the top and wait when none is free', () => {
  const lanes = new Lanes(2, STAGE);
  expect(lanes.take(100, 0)).toBe(0);
  expect(lanes.take(100, 0)).toBe(1);
  expect(lanes.take(100, 0)).toBeUndefined();
  expect(lanes.take(100, CROSSING_MS)).toBe(0);
});

test('whatever the widths and moments, what follows stays behind all the way', () => {
  const lanes = new Lanes(1, STAGE);
  const flights: { width: number; start: number }[] = [];
  for (let now = 0, round = 0; flights.length < 60; now += 50, round++) {
    const width = 30 + ((round * 7919) % 700);
    if (lanes.take(width, now) === 0) flights.push({ width, start: now });
  }
  const head = ({ width, start }: { width: number; start: number }, at: number) =>
    STAGE - ((at - start) / CROSSING_MS) * (STAGE + width);
  let gap = Infinity;
  for (const [index, ahead] of flights.entries()) {
    const behind = flights[index + 1];
    if (!behind) break;
    for (let at = behind.start; at <= ahead.start + CROSSING_MS; at += 25) {
      gap = Math.min(gap, head(behind, at) - head(ahead, at) - ahead.width);
    }
  }
  expect(gap).toBeGreaterThanOrEqual(-0.001);
  expect(gap).toBeLessThan(STAGE);
});
