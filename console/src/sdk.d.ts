// What the SDK documents but leaves out of its type declarations.
import 'leancloud-realtime';

declare module 'leancloud-realtime' {
  interface Realtime {
    /** Drops the socket and stays off line. */
    pause(): void;
    /** Connects again at once after `pause`. */
    resume(): void;
  }
}
