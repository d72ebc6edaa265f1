//! The two clocks of the server: wall time for what is kept, monotonic time for what waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use grandstand_room::clock::Millis;
use tokio::time::Instant;

/// Where the server reads the time, and where tests set it.
///
/// Persisted times use [`Clock::wall`], timeouts use [`Clock::now`]. Wall times may jump back; whoever asks how old
/// something is uses [`Millis::since`], which is then 0, so that nothing expires early.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Set(Arc<Setting>),
}

#[derive(Debug)]
struct Setting {
    start: Instant,
    /// Wall time at `start`, in Unix milliseconds.
    wall_at_start: AtomicI64,
}

impl Clock {
    /// The clocks of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A wall clock that starts at `wall` and then follows Tokio's time, which tests may pause and advance.
    #[must_use]
    pub fn starting_at(wall: Millis) -> Self {
        Self(Source::Set(Arc::new(Setting { start: Instant::now(), wall_at_start: AtomicI64::new(wall.0) })))
    }

    /// Time of day, as kept in the store.
    #[must_use]
    pub fn wall(&self) -> Millis {
        match &self.0 {
            Source::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Set(setting) => {
                let passed = i64::try_from(setting.start.elapsed().as_millis()).unwrap_or(i64::MAX);
                Millis(setting.wall_at_start.load(Ordering::Relaxed)).plus(passed)
            }
        }
    }

    /// Time that never jumps, for deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Makes the wall clock jump, forwards or (negative) backwards. The clocks of the machine cannot be set.
    pub fn jump(&self, milliseconds: i64) {
        if let Source::Set(setting) = &self.0 {
            setting.wall_at_start.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_set_clock_follows_tokio_and_jumps() {
        let clock = Clock::starting_at(Millis(1_000_000));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.wall(), Millis(1_005_000));
        let deadline = clock.now() + Duration::from_secs(1);

        clock.jump(-3_600_000);
        assert_eq!(clock.wall().since(Millis(1_005_000)), 0, "a jump back ages nothing");
        assert!(clock.now() < deadline, "and leaves deadlines alone");
    }

    #[test]
    fn the_system_clock_is_today() {
        assert!(Clock::system().wall() > Millis(1_700_000_000_000));
    }
}
