//! Latencies in a histogram, and what is told of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longer ones are counted as this long.
const LONGEST: Duration = Duration::from_secs(600);

/// Points of a curve for each halving of what is left above.
const CURVE_STEPS: u32 = 8;

/// Three significant digits from a microsecond to ten minutes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(crate) struct Latencies {
    microseconds: Histogram<u64>,
}

/// The quantiles that reports show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_micros()).expect("ten minutes fit");
        Self { microseconds: Histogram::new_with_bounds(1, longest, 3).expect("the bounds are fine") }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.record_micros(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn record_micros(&mut self, microseconds: u64) {
        self.microseconds.saturating_record(microseconds);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.microseconds.add(&other.microseconds).expect("all have the same bounds");
    }

    pub(crate) fn summary(&self) -> Summary {
        let quantile = |q| Duration::from_micros(self.microseconds.value_at_quantile(q));
        Summary {
            count: self.microseconds.len(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: Duration::from_micros(self.microseconds.max()),
        }
    }

    /// For plots: shares of all latencies, from 0 to 1 and denser towards 1, with the ms that they do not exceed.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let steps = self.microseconds.iter_quantiles(CURVE_STEPS);
        steps.map(|step| (step.quantile_iterated_to(), step.value_iterated_to() as f64 / 1000.0)).collect()
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

/// Values with their counts: most of a histogram is empty.
impl From<Latencies> for Vec<(u64, u64)> {
    fn from(latencies: Latencies) -> Self {
        let steps = latencies.microseconds.iter_recorded();
        steps.map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }
}

impl From<Vec<(u64, u64)>> for Latencies {
    fn from(counts: Vec<(u64, u64)>) -> Self {
        let mut latencies = Self::new();
        for (value, count) in counts {
            latencies.microseconds.saturating_record_n(value, count);
        }
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: Duration, expected: Duration) -> bool {
        actual.abs_diff(expected) <= expected / 500
    }

    #[test]
    fn quantiles_of_a_known_distribution() {
        let mut latencies = Latencies::new();
        for milliseconds in 1..=1000 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let summary = latencies.summary();
        assert_eq!(summary.count, 1000);
        assert!(close(summary.p50, Duration::from_millis(500)), "{summary:?}");
        assert!(close(summary.p99, Duration::from_millis(990)), "{summary:?}");
        assert!(close(summary.max, Duration::from_secs(1)), "{summary:?}");
    }

    #[test]
    fn one_outlier_in_a_hundred_is_not_in_the_p99_but_in_the_max() {
        let mut latencies = Latencies::new();
        for _ in 0..99 {
            latencies.record(Duration::from_millis(1));
        }
        latencies.record(Duration::from_secs(9));
        let summary = latencies.summary();
        assert!(close(summary.p99, Duration::from_millis(1)), "{summary:?}");
        assert!(close(summary.max, Duration::from_secs(9)), "{summary:?}");
    }

    #[test]
    fn a_curve_rises_to_the_slowest() {
        let mut latencies = Latencies::new();
        for milliseconds in 1..=1000 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let curve = latencies.curve();
        assert!(curve.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1), "{curve:?}");
        assert!(
            curve.iter().any(|&(share, ms)| (0.49..0.51).contains(&share) && (480.0..520.0).contains(&ms))
        );
        let last = curve.last().unwrap();
        assert!((last.0, last.1 > 990.0) == (1.0, true), "{last:?}");
        assert!(Latencies::new().curve().len() <= 1);
    }

    #[test]
    fn extremes_are_counted_and_nothing_is_no_number() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.summary().count, 0);
        latencies.record(Duration::ZERO);
        latencies.record(Duration::from_secs(100_000));
        let summary = latencies.summary();
        assert_eq!(summary.count, 2);
        assert!(close(summary.max, LONGEST), "{summary:?}");
    }
}
