// Where the seats of the stand are: rows that bend and grow towards the front, with aisles between them.
export interface Seat {
  x: number;
  y: number;
  radius: number;
  /** 0 in the last row, 1 in the first. */
  nearness: number;
}

const ROWS = 15;
/** Seats from one aisle to the next. */
const BLOCK = 11;

export function layOut(width: number, height: number): Seat[] {
  const seats: Seat[] = [];
  const scale = Math.min(1.25, Math.max(0.62, width / 1100));
  const top = height * 0.52;
  const bent = Math.min(height * 0.085, width * 0.075);
  for (let row = 0; row < ROWS; row++) {
    const nearness = row / (ROWS - 1);
    const pitch = (8.5 + 15 * nearness ** 1.25) * scale;
    const y = top + (height * 1.02 - top) * (0.62 * nearness + 0.38 * nearness ** 2.2);
    const side = Math.ceil(width / 2 / pitch) + 1;
    for (let column = -side; column <= side; column++) {
      if (column % BLOCK === 0) continue;
      const x = width / 2 + column * pitch;
      const bend = ((x - width / 2) / (width / 2)) ** 2 * bent;
      seats.push({ x, y: y + bend, radius: (1.05 + 1.9 * nearness) * scale, nearness });
    }
  }
  return seats.filter((seat) => seat.x > 0 && seat.x < width && seat.y < height);
}
