//! What a node leaves out when its fan-out cannot keep up: LOW, then NORMAL, the same for all members of a class.

use std::time::Duration;

use grandstand_protocol::Level;

/// Everything, in the parts in which shares are counted.
const WHOLE: u32 = 1 << 16;

/// Between two decisions. Shorter than a pass over a large room, so that an overload is met within a few passes.
const STEP: Duration = Duration::from_millis(50);

/// What a level's share loses in one step at the target, and up to four times as much far above it.
const LOSS: u32 = WHOLE / 16;

/// How long a level takes from nothing to everything. Slow, because its return is a new load.
const RECOVERY: Duration = Duration::from_secs(4);

/// Smaller writes cost mostly what their number costs: leaving messages out would not make them much cheaper. By the
/// benchmark page a write of one message takes about 7 µs (a quiet room), and one of 28 KiB about 12 (overload), so less
/// than a third could be saved here.
const LARGE_WRITE: usize = 16 * 1024;

/// Decides which share of LOW and NORMAL a node shows, from how late its writes go out.
#[derive(Debug)]
pub struct Thinning {
    lag_target: Duration,
    keep: Keep,
    /// The worst lag of a large write since the last decision.
    worst: Duration,
    /// The same at the last decision.
    before: Duration,
    decided_at: Duration,
    observed_at: Duration,
}

impl Thinning {
    /// `lag_target`: writes that come later than this show that there is too much to write.
    #[must_use]
    pub fn new(lag_target: Duration, seed: u64) -> Self {
        Self {
            lag_target,
            keep: Keep { seed, normal: WHOLE, low: WHOLE },
            worst: Duration::ZERO,
            before: Duration::ZERO,
            decided_at: Duration::ZERO,
            observed_at: Duration::ZERO,
        }
    }

    /// A write of `bytes` to each member of a block went out; its oldest frame had waited for `lag`.
    pub fn observe(&mut self, lag: Duration, bytes: usize, now: Duration) {
        if let Some(silence) = self.silence(now) {
            self.keep.recover(silence);
            (self.worst, self.before, self.decided_at) = (Duration::ZERO, Duration::ZERO, now);
        }
        self.observed_at = self.observed_at.max(now);
        if bytes >= LARGE_WRITE {
            self.worst = self.worst.max(lag);
        }
        if now.saturating_sub(self.decided_at) >= STEP {
            self.decide(now);
        }
    }

    /// What may be shown now. A node that had nothing to write has recovered meanwhile.
    #[must_use]
    pub fn keep(&self, now: Duration) -> Keep {
        let mut keep = self.keep;
        if let Some(silence) = self.silence(now) {
            keep.recover(silence);
        }
        keep
    }

    /// How long nothing was written, beyond the pause between two decisions.
    fn silence(&self, now: Duration) -> Option<Duration> {
        now.checked_sub(self.observed_at + STEP).filter(|silence| !silence.is_zero())
    }

    fn decide(&mut self, now: Duration) {
        let worst = std::mem::take(&mut self.worst);
        // What was left out shows only when the frames before it have gone: a lag that falls is left to fall.
        let falls = worst < self.before - self.before / 8;
        // Once too late, it goes on until half of the target is near: HIGH is to notice little of all this.
        let too_late = if self.keep.all() { self.lag_target } else { self.lag_target * 2 / 3 };
        if worst > too_late && !falls {
            self.keep.thin(LOSS * overload(worst, self.lag_target));
        } else if worst <= self.lag_target / 2 {
            self.keep.recover(now - self.decided_at);
        }
        self.before = worst;
        self.decided_at = now;
    }
}

/// How many times later than wanted, from 1 to 4.
fn overload(lag: Duration, target: Duration) -> u32 {
    let times = lag.as_nanos() / target.as_nanos().max(1);
    u32::try_from(times).unwrap_or(u32::MAX).clamp(1, 4)
}

/// Which messages are shown: all of HIGH, and a sample of the others that is the same for all members of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    seed: u64,
    /// Shares of [`WHOLE`].
    normal: u32,
    low: u32,
}

impl Keep {
    /// Whether nothing is left out.
    #[must_use]
    pub fn all(&self) -> bool {
        self.normal == WHOLE && self.low == WHOLE
    }

    /// Whether the message at this position of its lane is shown to the members of this class. What a smaller share
    /// shows, a larger one shows, too.
    #[must_use]
    pub fn shows(&self, level: Level, position: u64, class: u64) -> bool {
        let share = self.parts(level);
        share == WHOLE || {
            let lane = self.seed ^ u64::from(level.to_wire().unsigned_abs());
            let drawn = scatter(scatter(lane.wrapping_add(scatter(class))) ^ position);
            // The highest 16 bits: as many as a share has.
            u32::from(u16::try_from(drawn >> 48).unwrap_or(u16::MAX)) < share
        }
    }

    /// The share of a level that is shown, from 0 to 1.
    #[must_use]
    pub fn share(&self, level: Level) -> f64 {
        f64::from(self.parts(level)) / f64::from(WHOLE)
    }

    fn parts(&self, level: Level) -> u32 {
        match level {
            Level::High => WHOLE,
            Level::Normal => self.normal,
            Level::Low => self.low,
        }
    }

    /// NORMAL loses nothing while there is LOW to lose.
    fn thin(&mut self, loss: u32) {
        let share = if self.low > 0 { &mut self.low } else { &mut self.normal };
        *share = share.saturating_sub(loss);
    }

    /// NORMAL comes back first.
    fn recover(&mut self, time: Duration) {
        let gain = time.as_nanos() * u128::from(WHOLE) / RECOVERY.as_nanos();
        let gain = u32::try_from(gain).unwrap_or(u32::MAX);
        let for_normal = gain.min(WHOLE - self.normal);
        self.normal += for_normal;
        self.low += (gain - for_normal).min(WHOLE - self.low);
    }
}

/// Mixes all bits into all others, by the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
fn scatter(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
