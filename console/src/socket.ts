// The browser's WebSocket, watched for the codes after which the SDK gives up without telling anybody.
import { setAdapters } from 'leancloud-realtime';

/** Unknown app, bad client id, origin not allowed: the SDK never connects again after these. */
const FATAL = new Set([4100, 4103, 4110]);

export function onFatalClose(tell: (code: number) => void): void {
  class WatchedSocket extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('close', ({ code }) => {
        if (FATAL.has(code)) tell(code);
      });
    }
  }
  setAdapters({ WebSocket: WatchedSocket });
}
