// A colour of one's own for each name, the same on every page and every visit.

/** Hues that are easy on the eyes on a dark ground; gold is left to the gifts. */
const HUES = [205, 265, 165, 330, 185, 235, 125, 350, 295, 145];

export function hueOf(name: string): number {
  let hash = 0;
  for (const unit of name) hash = (hash * 31 + (unit.codePointAt(0) ?? 0)) >>> 0;
  return HUES[hash % HUES.length] ?? 205;
}

export function colorOf(name: string): string {
  return `hsl(${hueOf(name)} 75% 76%)`;
}
