// Which errors of the server are final, and what a refused message was refused for.

/** What the SDK rejects with: an `Error` that carries the server's code, or a name of the SDK's own. */
interface SdkError {
  code?: number;
  name?: string;
}

/** Trying again changes nothing: unknown app, bad signature or client id, banned, origin not allowed, blocked. */
const FINAL = new Set([4100, 4102, 4103, 4106, 4110, 4303, 4305, 4548]);

export function codeOf(error: unknown): number | undefined {
  const code = (error as SdkError | null)?.code;
  return typeof code === 'number' ? code : undefined;
}

export function isFinal(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && FINAL.has(code);
}

export type SendRefusal = 'tooFast' | 'tooLong' | 'silenced' | 'unconfirmed' | 'other';

export function refusalOf(error: unknown): SendRefusal {
  if ((error as SdkError | null)?.name === 'COMMAND_TIMEOUT') return 'unconfirmed';
  switch (codeOf(error)) {
    case 4116:
      return 'tooFast';
    case 4109:
      return 'tooLong';
    case 4315:
    case 4563:
      return 'silenced';
    default:
      return 'other';
  }
}
