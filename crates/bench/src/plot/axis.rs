//! An axis of a plot: its range, where a value stands on it, and its ticks.

/// About so many ticks on a linear axis.
const TICKS: f64 = 6.0;

/// Ticks of each decade on a logarithmic axis.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

/// With more decades than this, only their beginnings are labelled.
const CROWDED: f64 = 4.0;

pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number above the largest value; none without a value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Option<Self> {
        let largest = values.reduce(f64::max)?.max(1e-9);
        let step = step(largest / TICKS);
        let high = (largest / step).ceil() * step;
        let count = (high / step).round() as u32;
        let ticks = (0..=count).map(|at| (f64::from(at) * step, short(f64::from(at) * step)));
        Some(Self { low: 0.0, high, logarithmic: false, ticks: ticks.collect() })
    }

    /// Between round numbers around all values, which are above 0.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let smallest = values.clone().reduce(f64::min)?;
        let largest = values.reduce(f64::max)?;
        let mut candidates = round_numbers(smallest, largest);
        let first = candidates.iter().rposition(|&number| number <= smallest).unwrap_or_default();
        candidates.drain(..first);
        let last = candidates.iter().skip(1).position(|&number| number >= largest);
        candidates.truncate(last.map_or(candidates.len(), |last| last + 2));
        let (low, high) = (*candidates.first()?, *candidates.last()?);
        let crowded = (high / low).log10() > CROWDED;
        let is_shown = |number: &f64| {
            !crowded || short(*number).starts_with(['1']) || *number < 1.0 && is_power(*number)
        };
        let ticks = candidates.into_iter().filter(is_shown).map(|number| (number, short(number)));
        Some(Self { low, high, logarithmic: true, ticks: ticks.collect() })
    }

    /// Of shares given as nines, from 0 to the most nines there are.
    pub(super) fn shares(nines: impl Iterator<Item = f64>) -> Option<Self> {
        let high = nines.reduce(f64::max)?.max(1.0);
        let mut ticks = vec![(0.0, "0 %".to_owned()), (0.5_f64.log10().abs(), "50 %".to_owned())];
        let mut nines = 1_u8;
        // 0.99 is a little less than two nines in binary.
        while f64::from(nines) <= high + 1e-6 {
            let digits = usize::from(nines.saturating_sub(2));
            let percent = 100.0 - 100.0 * 0.1_f64.powi(nines.into());
            ticks.push((nines.into(), format!("{percent:.digits$} %")));
            nines += 1;
        }
        Some(Self { low: 0.0, high, logarithmic: false, ticks })
    }

    /// Where a value stands: 0 at the beginning, 1 at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let (low, high, value) = if self.logarithmic {
            (self.low.log10(), self.high.log10(), value.log10())
        } else {
            (self.low, self.high, value)
        };
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Places and labels.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.ticks.iter().map(|(value, label)| (self.place(*value), label.as_str()))
    }
}

/// 1, 2, 5, 10, 20, 50 … that is at least so large.
fn step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    STEPS.into_iter().map(|step| step * decade).find(|&step| step >= least).unwrap_or(10.0 * decade)
}

/// All of 1, 2, 5, 10 … with some to spare at both ends.
fn round_numbers(smallest: f64, largest: f64) -> Vec<f64> {
    let decades = smallest.log10().floor() as i32 - 1..=largest.log10().ceil() as i32 + 1;
    decades.flat_map(|decade| STEPS.map(|step| step * 10_f64.powi(decade))).collect()
}

fn is_power(number: f64) -> bool {
    (number.log10() - number.log10().round()).abs() < 1e-6
}

/// 1500000 as 1.5 M, 20000 as 20 k, 0.05 as 0.05.
fn short(number: f64) -> String {
    let (value, unit) = match number {
        millions if millions >= 1e6 => (millions / 1e6, " M"),
        thousands if thousands >= 1e4 => (thousands / 1e3, " k"),
        few => (few, ""),
    };
    // Rounding takes away what binary fractions add.
    let digits = format!("{value:.4}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn labels(axis: &Axis, expected: &[&str]) {
        assert_eq!(axis.ticks().map(|tick| tick.1).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_linear_axis_begins_at_nothing_and_ends_at_a_round_number() {
        let axis = Axis::linear([3.0, 4_100_000.0].into_iter()).unwrap();
        labels(&axis, &["0", "1 M", "2 M", "3 M", "4 M", "5 M"]);
        assert_eq!((axis.place(0.0), axis.place(2_500_000.0)), (0.0, 0.5));
        labels(&Axis::linear([9.0].into_iter()).unwrap(), &["0", "2", "4", "6", "8", "10"]);
        assert!(Axis::linear([0.0].into_iter()).unwrap().place(0.0) == 0.0);
        assert!(Axis::linear(std::iter::empty()).is_none());
    }

    #[test]
    fn a_logarithmic_axis_holds_all_values_between_round_numbers() {
        let axis = Axis::logarithmic([3.0, 40.0].into_iter()).unwrap();
        labels(&axis, &["2", "5", "10", "20", "50"]);
        assert_eq!((axis.place(2.0), axis.place(50.0)), (0.0, 1.0));
        labels(&Axis::logarithmic([0.05, 0.05].into_iter()).unwrap(), &["0.05", "0.1"]);
        labels(
            &Axis::logarithmic([0.01, 5000.0].into_iter()).unwrap(),
            &["0.01", "0.1", "1", "10", "100", "1000"],
        );
    }

    #[test]
    fn shares_are_told_in_nines() {
        let axis = Axis::shares([3.3].into_iter()).unwrap();
        labels(&axis, &["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
        assert!(Axis::shares(std::iter::empty()).is_none());
    }
}
