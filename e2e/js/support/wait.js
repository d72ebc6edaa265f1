// Waiting for a thing to happen, never for a time to pass: inboxes, events and polls, each with a deadline.

export const DEADLINE = 20_000;

/** A list that others fill and a test waits on; what is already in it counts. */
export class Inbox {
  items = [];
  #waiting = new Set();
  #broken;

  constructor(name) {
    this.name = name;
  }

  push(item) {
    this.items.push(item);
    for (const waiter of this.#waiting) waiter();
  }

  /** From now on every wait fails with `error`. */
  break(error) {
    this.#broken ??= error;
    for (const waiter of this.#waiting) waiter();
  }

  /** Resolves with the first item that matches. */
  find(match, what) {
    return this.#until(() => this.items.find(match), what);
  }

  /** Resolves with all matching items once there are `count` of them. */
  collect(count, match, what) {
    return this.#until(() => {
      const found = this.items.filter(match);
      return found.length >= count && found;
    }, what);
  }

  #until(look, what) {
    const late = new Error(`${this.name}: no ${what} within ${DEADLINE} ms`);
    return new Promise((resolve, reject) => {
      const settle = (act, value) => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
        act(value);
      };
      const waiter = () => {
        if (this.#broken) return settle(reject, this.#broken);
        const found = look();
        if (found) settle(resolve, found);
      };
      const timer = setTimeout(() => {
        late.message += `; got ${JSON.stringify(this.items.map(brief).slice(-30))}`;
        settle(reject, late);
      }, DEADLINE);
      this.#waiting.add(waiter);
      waiter();
    });
  }
}

function brief(item) {
  return item?.text ?? item?.op ?? item?.cmd ?? item;
}

/** The next `event` of an emitter; start waiting before the cause. */
export function eventOf(emitter, event, what = event) {
  return withDeadline(new Promise((resolve) => emitter.once(event, resolve)), what);
}

/** Fails with a message that names what was missing. */
export function withDeadline(promise, what, deadline = DEADLINE) {
  const late = new Error(`no ${what} within ${deadline} ms`);
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(late), deadline);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** Asks again and again until the answer is true; for states that nobody announces. */
export async function eventually(check, what) {
  const end = Date.now() + DEADLINE;
  let last;
  do {
    last = await check();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 25));
  } while (Date.now() < end);
  throw new Error(`not so within ${DEADLINE} ms: ${what} (last: ${JSON.stringify(last)})`);
}

let serial = 0;

/** A client id or room name that no other test of this process uses. */
export function unique(stem) {
  serial += 1;
  return `${stem}-${process.pid.toString(36)}-${serial}`;
}
