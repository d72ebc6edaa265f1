// An append-only list that a test can wait on, so that no test waits for a duration.
package grandstand.e2e;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

final class Events<T> {
    /** Longer than the SDK's third connection attempt (2 s + 4 s + 8 s after a failure). */
    static final long PATIENCE_SECONDS = 20;

    private final String what;
    private final List<T> seen = new ArrayList<>();

    Events(String what) {
        this.what = what;
    }

    synchronized void add(T event) {
        seen.add(event);
        notifyAll();
    }

    synchronized List<T> all() {
        return List.copyOf(seen);
    }

    /** A position for {@link #since} and {@link #await(int, String, Predicate)}. */
    synchronized int mark() {
        return seen.size();
    }

    synchronized List<T> since(int mark) {
        return List.copyOf(seen.subList(mark, seen.size()));
    }

    T await(String wanted, Predicate<? super T> test) {
        return await(0, wanted, test);
    }

    /** The first event after `mark` that fits; fails with everything seen when none comes. */
    synchronized T await(int mark, String wanted, Predicate<? super T> test) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        int next = mark;
        while (true) {
            for (; next < seen.size(); next++) {
                if (test.test(seen.get(next))) {
                    return seen.get(next);
                }
            }
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw new AssertionError("no " + wanted + " among the " + what + ": " + since(mark));
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted while waiting for " + wanted, e);
            }
        }
    }
}
