// The end of a connection, for those who wait for an answer on it.
export class Dropped extends Error {
  constructor() {
    super('the connection is gone');
    this.name = 'Dropped';
  }
}

/** Settles with `answer`, or rejects with `Dropped` as soon as the connection goes. */
export function unlessDropped<T>(connection: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const drop = () => reject(new Dropped());
    connection.addEventListener('abort', drop, { once: true });
    answer.then(resolve, reject).finally(() => connection.removeEventListener('abort', drop));
  });
}
