//! What the whole machine is doing: other programs disturb a measurement, and the reader must know.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// Clock ticks per second in `/proc/stat`; Linux fixes it for all programs.
const TICKS: u32 = 100;

/// CPU time of all programs so far, on all cores. Without that of interrupts: loopback's is in them, and is our own.
pub(crate) fn now() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("failed to read /proc/stat")?;
    programs(&stat).context("a /proc/stat of another shape")
}

/// `user`, `nice` and `system` of all cores, and `steal`: what other virtual machines took.
fn programs(stat: &str) -> Option<Duration> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Option<Vec<u64>> = line.split_whitespace().map(|ticks| ticks.parse().ok()).collect();
    let ticks = ticks?;
    let sum = ticks.get(..3)?.iter().sum::<u64>() + ticks.get(7)?;
    Some(Duration::from_secs(sum) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_other_machines_count_and_waiting_does_not() {
        let stat = "cpu  100 20 300 9999 50 60 70 80 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(programs(stat), Some(Duration::from_secs(5)));
        assert_eq!(programs("cpu  1 2 3"), None);
        assert!(now().is_ok());
    }
}
