// What the browser remembers for the next visit: the name and the language.
export type Remembered = 'name' | 'language';

// A browser may forbid storage; then a choice lasts as long as the page.
export function recall(what: Remembered): string | undefined {
  try {
    return localStorage.getItem(`grandstand.${what}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(what: Remembered, value: string): void {
  try {
    localStorage.setItem(`grandstand.${what}`, value);
  } catch {
    // Nothing to do: see above.
  }
}
