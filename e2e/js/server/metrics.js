// What the server says about itself on its admin port, in Prometheus' text format.

const SAMPLE = /^(\w+)(?:\{(.*)\})? (\S+)$/;

/** The sum of all samples of a metric that carry these labels. */
export async function metric(server, name, labels = {}) {
  const answer = await fetch(new URL('/metrics', server.adminUrl));
  if (answer.status !== 200) throw new Error(`metrics answered ${answer.status}`);
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let sum = 0;
  for (const line of (await answer.text()).split('\n')) {
    const [, found, carried = '', value] = line.match(SAMPLE) ?? [];
    if (found === name && wanted.every((label) => carried.split(',').includes(label))) sum += Number(value);
  }
  return sum;
}

/** Deliveries with this outcome since the server started. */
export function deliveries(server, level, outcome) {
  return metric(server, 'grandstand_deliveries_total', { level, outcome });
}
