//! What an app's fan-out may cost, and how much of a room may be shown: rates with at most a second's worth at once.

use std::time::Duration;

use grandstand_protocol::Level;

const SECOND: Duration = Duration::from_secs(1);

/// Of an app's budget LOW leaves a quarter to the others.
const LEFT_BY_LOW: u32 = 4;

/// The deliveries of one app on one node. Spent on HIGH first: the others get what it leaves, LOW before the last of it.
#[derive(Debug, Clone, Default)]
pub struct DeliveryBudget {
    spent: Spent,
}

impl DeliveryBudget {
    /// Whether a message may be delivered so many times. HIGH always may, and goes into debt for it: by a second at
    /// most, so that a burst of it does not silence the rest for long.
    ///
    /// The limit comes with each question: a reload may change it. A message that goes to more members than a second
    /// allows needs all that may be saved, and is paid off later.
    pub fn take(&mut self, level: Level, deliveries: u32, per_second: u32, now: Duration) -> bool {
        let cost = SECOND.saturating_mul(deliveries) / per_second.max(1);
        match level {
            Level::High => {
                self.spent.force(cost, now);
                true
            }
            Level::Normal => self.spent.take(cost, SECOND, now),
            Level::Low => self.spent.take(cost, SECOND - SECOND / LEFT_BY_LOW, now),
        }
    }
}

/// How many messages of a level a room shows in a second; `None` means all. HIGH has no limit: it is never left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomLimits {
    pub normal: Option<u32>,
    pub low: Option<u32>,
}

/// The messages that one room has shown lately.
#[derive(Debug, Clone, Default)]
pub struct RoomCap {
    normal: Spent,
    low: Spent,
}

impl RoomCap {
    /// Whether the room may show one more message of this level. One that it may not costs nothing.
    pub fn take(&mut self, level: Level, limits: &RoomLimits, now: Duration) -> bool {
        let (spent, limit) = match level {
            Level::High => return true,
            Level::Normal => (&mut self.normal, limits.normal),
            Level::Low => (&mut self.low, limits.low),
        };
        limit.is_none_or(|per_second| spent.take(SECOND / per_second.max(1), SECOND, now))
    }
}

/// A bucket that holds a second's worth, told by the time at which it will be full again.
#[derive(Debug, Clone, Default)]
struct Spent {
    full_at: Duration,
}

impl Spent {
    /// Takes `cost` if no more than `limit` is out then. What costs more than the limit needs all of it.
    fn take(&mut self, cost: Duration, limit: Duration, now: Duration) -> bool {
        let full_at = self.full_at.max(now);
        let allowed = full_at + cost.min(limit) <= now + limit;
        if allowed {
            self.full_at = full_at + cost;
        }
        allowed
    }

    /// Takes `cost`, though it is not there. A debt does not grow beyond a second.
    fn force(&mut self, cost: Duration, now: Duration) {
        let full_at = self.full_at.max(now);
        self.full_at = full_at.max((full_at + cost).min(now + 2 * SECOND));
    }
}
