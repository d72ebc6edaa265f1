//! How a figure grows: the slope of the line that is nearest to all that was seen.

use std::time::Duration;

const TEN_MINUTES: f64 = 600.0;

/// Sums of what was seen: seconds, and bytes at that time.
#[derive(Debug, Default)]
pub(super) struct Growth {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Growth {
    pub(super) fn add(&mut self, at: Duration, bytes: u64) {
        let (x, y) = (at.as_secs_f64(), bytes as f64);
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    pub(super) fn mean(&self) -> f64 {
        if self.count > 0.0 { self.y / self.count } else { 0.0 }
    }

    /// Least squares, as a share of the mean; none without two moments.
    pub(super) fn per_ten_minutes(&self) -> Option<f64> {
        let spread = self.count * self.xx - self.x * self.x;
        let slope = (self.count * self.xy - self.x * self.y) / spread;
        (spread > 0.0 && self.mean() > 0.0).then(|| slope * TEN_MINUTES / self.mean())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(points: impl IntoIterator<Item = (u64, u64)>, expected: f64) {
        let mut growth = Growth::default();
        for (second, bytes) in points {
            growth.add(Duration::from_secs(second), bytes);
        }
        let found = growth.per_ten_minutes().unwrap();
        assert!((found - expected).abs() < 1e-3, "{found} instead of {expected}");
    }

    #[test]
    fn a_slope_is_found_in_noise() {
        check((0..1000).map(|second| (second, 1_000_000_000)), 0.0);
        // 1,000 bytes a second around 1 GB are 0.06 % in ten minutes.
        check((0..1000).map(|second| (second, 999_500_000 + 1000 * second)), 0.0006);
        check((0..1000).map(|second| (second, 999_500_000 + 1000 * second + second % 2 * 10_000)), 0.0006);
        check((240..1200).map(|second| (second, 2_000_000 - 1000 * second)), -600_000.0 / 1_280_500.0);
    }

    #[test]
    fn one_moment_has_no_slope() {
        let mut growth = Growth::default();
        assert_eq!((growth.per_ten_minutes(), growth.mean()), (None, 0.0));
        growth.add(Duration::from_secs(5), 100);
        assert_eq!((growth.per_ten_minutes(), growth.mean()), (None, 100.0));
    }
}
