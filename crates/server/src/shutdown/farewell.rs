//! Who is told when to go elsewhere, and who is closed when.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    gateway::{close::Close, outbox::Signal},
    node::Node,
    router::{Sdk, Session},
    service,
};

/// How long `/v1/route` is still answered to JavaScript clients that were told to ask it, at most.
const ROUTER_LAST: Duration = Duration::from_secs(1);

/// The sockets of a server that stops, in the order in which they go.
pub(super) struct Farewell {
    /// One session of each socket.
    sockets: Vec<Arc<Session>>,
    times: Times,
    next_told: usize,
    next_closed: usize,
    /// Sockets that were told.
    pub(super) told: usize,
    /// Sockets that were closed, because they did not go by themselves.
    pub(super) closed: usize,
}

impl Farewell {
    pub(super) fn new(sessions: Vec<Arc<Session>>, window: Duration) -> Self {
        let mut known = HashSet::new();
        let mut sockets: Vec<_> =
            sessions.into_iter().filter(|session| known.insert(Arc::as_ptr(&session.outbox))).collect();
        // They ask the router at once.
        sockets.sort_by_key(|session| session.sdk != Sdk::JavaScript);
        let javascript = sockets.partition_point(|session| session.sdk == Sdk::JavaScript);
        let times = Times::new(sockets.len(), javascript, window);
        Self { sockets, times, next_told: 0, next_closed: 0, told: 0, closed: 0 }
    }

    /// Tells and closes those whose time has come.
    pub(super) fn go_on(&mut self, node: &Node, passed: Duration) {
        let is_open = |session: &Arc<Session>| node.router.app(&session.app).is_open(session);
        while let Some(session) = self.sockets.get(self.next_told)
            && self.times.told(self.next_told) <= passed
        {
            if is_open(session) && service::go_away(node, session) {
                self.told += 1;
            }
            self.next_told += 1;
        }
        while let Some(session) = self.sockets.get(self.next_closed)
            && self.times.closed(self.next_closed) <= passed
        {
            if is_open(session) {
                session.outbox.signal(Signal::Close(Close::COME_BACK));
                self.closed += 1;
            }
            self.next_closed += 1;
        }
    }

    /// Java gives up when its next connection is accepted and then fails, and tries again when it is refused: so the
    /// others are told after that.
    pub(super) fn listener_may_close(&self, passed: Duration) -> bool {
        passed >= self.times.listener_closes()
    }
}

/// Evenly over the window: telling takes four fifths of it, and each socket is closed the same time after it was
/// told.
#[derive(Debug)]
struct Times {
    sockets: usize,
    javascript: usize,
    telling: Duration,
    /// Between the last JavaScript client and the others, for the router.
    pause: Duration,
    /// From being told to being closed.
    grace: Duration,
}

impl Times {
    fn new(sockets: usize, javascript: usize, window: Duration) -> Self {
        let telling = window * 4 / 5;
        let pause = if javascript == 0 { Duration::ZERO } else { ROUTER_LAST.min(window / 10) };
        let grace = window.saturating_sub(telling + pause);
        Self { sockets, javascript, telling, pause, grace }
    }

    fn told(&self, at: usize) -> Duration {
        let pause = if at < self.javascript { Duration::ZERO } else { self.pause };
        self.share(at) + pause
    }

    fn closed(&self, at: usize) -> Duration {
        self.told(at) + self.grace
    }

    fn listener_closes(&self) -> Duration {
        self.share(self.javascript) + self.pause
    }

    fn share(&self, at: usize) -> Duration {
        self.telling.mul_f64(at as f64 / self.sockets.max(1) as f64)
    }
}

/// How many of so many are left when part of the time has passed, if they go evenly.
pub(super) fn share_left(of: usize, passed: f64, whole: f64) -> usize {
    let left = 1.0 - (passed / whole.max(f64::MIN_POSITIVE)).min(1.0);
    (of as f64 * left) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn nobody_waits_beyond_the_window_and_no_tenth_holds_many() {
        for (sockets, javascript) in [(1, 0), (1, 1), (1000, 0), (1000, 1000), (1000, 400), (10_000, 9_999)] {
            let times = Times::new(sockets, javascript, WINDOW);
            for happens in [Times::told, Times::closed] {
                let mut tenths = [0; 10];
                for at in 0..sockets {
                    tenths[(happens(&times, at).as_millis() / 1000) as usize] += 1;
                }
                assert!(
                    tenths.iter().all(|n| *n <= sockets * 13 / 100 + 1),
                    "{sockets} {javascript} {tenths:?}"
                );
            }
            assert!((0..sockets).all(|at| times.told(at) < times.closed(at)));
        }
    }

    #[test]
    fn the_router_answers_those_who_ask_it_and_then_nobody_else_is_told_before_it_closed() {
        for (sockets, javascript) in [(10, 3), (10, 10), (10, 0)] {
            let times = Times::new(sockets, javascript, WINDOW);
            let closes = times.listener_closes();
            for at in 0..sockets {
                if at < javascript {
                    assert!(times.told(at) + ROUTER_LAST <= closes);
                } else {
                    assert!(times.told(at) >= closes);
                }
            }
        }
        assert_eq!(Times::new(0, 0, WINDOW).listener_closes(), Duration::ZERO);
    }

    #[test]
    fn a_single_silent_socket_is_not_waited_for() {
        assert_eq!(share_left(1, 0.001, 5.0), 0);
        assert_eq!(share_left(100, 2.5, 5.0), 50);
        assert_eq!(share_left(100, 9.0, 5.0), 0);
        assert_eq!(share_left(100, 0.0, 0.0), 100);
    }
}
