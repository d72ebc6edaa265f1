//! What a run found, as a table for people and as JSON for scripts, for `--compare` and for plots.

mod figure;

use std::{fmt::Write, time::Duration};

use indicatif::ProgressStyle;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    latency::Latencies,
    machine::{Machine, Tool},
};

use figure::{Figure, rounded};
pub(crate) use figure::{Goal, Meaning, Unit};

/// A load process that used this share of a core may have been the limit itself.
const CLIENT_BOUND: f64 = 0.9;

/// The outcome of a workload.
#[derive(Debug)]
pub struct Report {
    workload: &'static str,
    tool: Tool,
    machine: Machine,
    figures: Vec<Figure>,
    warnings: Vec<String>,
    plots: Plots,
}

/// What can be drawn of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plots {
    /// Latency in ms over the share of deliveries that took at most so long.
    #[serde(default)]
    pub(crate) distribution: Vec<Series>,
    /// Deliveries per second over seconds.
    #[serde(default)]
    pub(crate) over_time: Vec<Series>,
}

/// One line of a plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Report {
    pub(crate) fn new(workload: &'static str) -> Self {
        Self {
            workload,
            tool: Tool::this(),
            machine: Machine::this(),
            figures: Vec::new(),
            warnings: Vec::new(),
            plots: Plots::default(),
        }
    }

    /// What the reader must know to trust the figures, or not to.
    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// How the run was made, in words; runs that differ in it cannot be compared.
    pub(crate) fn text(&mut self, key: &'static str, label: &str, text: &str) {
        self.figure(key, label, text.into(), Unit::Text, Goal::Same);
    }

    /// How the run was made, as a number; runs that differ in it cannot be compared.
    pub(crate) fn setting(&mut self, key: &'static str, label: &str, number: u64) {
        self.figure(key, label, number.into(), Unit::Count, Goal::Same);
    }

    /// How the run was made, as a size; runs that differ in it cannot be compared.
    pub(crate) fn size(&mut self, key: &'static str, label: &str, bytes: u64) {
        self.figure(key, label, bytes.into(), Unit::Bytes, Goal::Same);
    }

    /// A number that is neither good nor bad.
    pub(crate) fn count(&mut self, key: &'static str, label: &str, count: u64) {
        self.figure(key, label, count.into(), Unit::Count, Goal::Neither);
    }

    /// A number of what should not happen.
    pub(crate) fn faults(&mut self, key: &'static str, label: &str, count: u64) {
        self.figure(key, label, count.into(), Unit::Count, Goal::Lower);
    }

    pub(crate) fn rate(&mut self, key: &'static str, label: &str, count: u64, over: Duration) {
        let value = rounded(per_second(count, over), Unit::PerSecond);
        self.figure(key, label, value, Unit::PerSecond, Goal::Higher);
    }

    pub(crate) fn milliseconds(&mut self, key: &'static str, label: &str, time: Duration) {
        let value = rounded(time.as_secs_f64() * 1000.0, Unit::Milliseconds);
        self.figure(key, label, value, Unit::Milliseconds, Goal::Lower);
    }

    pub(crate) fn microseconds(&mut self, key: &'static str, label: &str, microseconds: f64) {
        let value = rounded(microseconds, Unit::Microseconds);
        self.figure(key, label, value, Unit::Microseconds, Goal::Lower);
    }

    pub(crate) fn bytes(&mut self, key: &'static str, label: &str, bytes: i64) {
        self.figure(key, label, bytes.into(), Unit::Bytes, Goal::Lower);
    }

    /// How much of what should have happened did.
    pub(crate) fn share(&mut self, key: &'static str, label: &str, part: u64, all: u64) {
        let share = if all == 0 { Value::Null } else { rounded(part as f64 / all as f64, Unit::Share) };
        self.figure(key, label, share, Unit::Share, Goal::Higher);
    }

    /// How much more there is after a time, as a share of what there is.
    pub(crate) fn growth(&mut self, key: &'static str, label: &str, growth: Option<f64>) {
        let value = growth.map_or(Value::Null, |growth| rounded(growth, Unit::Share));
        self.figure(key, label, value, Unit::Share, Goal::Lower);
    }

    /// How many times as much as at the best.
    pub(crate) fn ratio(&mut self, key: &'static str, label: &str, ratio: f64) {
        self.figure(key, label, rounded(ratio, Unit::Ratio), Unit::Ratio, Goal::Lower);
    }

    /// CPU time as a share of one core.
    pub(crate) fn cpu(&mut self, key: &'static str, label: &str, used: Duration, over: Duration) {
        let share = used.as_secs_f64() / over.as_secs_f64();
        self.figure(key, label, rounded(share, Unit::Cores), Unit::Cores, Goal::Lower);
    }

    /// CPU time of this process, with a warning when it was the limit.
    pub(crate) fn load_cpu(&mut self, used: Duration, over: Duration) {
        let share = used.as_secs_f64() / over.as_secs_f64();
        self.figure("load_cpu", "CPU of the load", rounded(share, Unit::Cores), Unit::Cores, Goal::Neither);
        if share >= CLIENT_BOUND {
            self.warn("client-bound: the load used its whole core, the figures are a lower bound");
        }
    }

    /// A line in the plot of latencies.
    pub(crate) fn distribution(&mut self, name: &str, latencies: &Latencies) {
        self.plots.distribution.push(Series { name: name.to_owned(), points: latencies.curve() });
    }

    /// A line in the plot over time: what was delivered in each second.
    pub(crate) fn over_time(&mut self, name: &str, seconds: &[u64]) {
        let points =
            (0_u32..).zip(seconds).map(|(second, &count)| (f64::from(second), count as f64)).collect();
        self.plots.over_time.push(Series { name: name.to_owned(), points });
    }

    fn figure(&mut self, key: &'static str, label: &str, value: Value, unit: Unit, goal: Goal) {
        let meaning = Meaning { label: label.to_owned(), unit, goal };
        self.figures.push(Figure { key, value, meaning });
    }

    pub(crate) fn workload(&self) -> &'static str {
        self.workload
    }

    /// The workload and its settings in one line.
    pub(crate) fn title(&self) -> String {
        let settings = self.figures.iter().filter(|figure| figure.meaning.goal == Goal::Same);
        let settings = settings.map(|Figure { meaning, value, .. }| match meaning.unit {
            Unit::Text => meaning.unit.show(value),
            unit => format!("{} {}", unit.show(value), meaning.label),
        });
        format!("{}: {}", self.workload, settings.collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn plots(&self) -> &Plots {
        &self.plots
    }

    /// One JSON object: keys carry their unit, times in ms, sizes in bytes; `legend` says what each key means.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = Map::from_iter([
            ("workload".to_owned(), Value::from(self.workload)),
            ("tool".to_owned(), json!(self.tool)),
            ("machine".to_owned(), json!(self.machine)),
        ]);
        object.extend(self.figures.iter().map(|figure| (figure.key.to_owned(), figure.value.clone())));
        object.insert("warnings".to_owned(), json!(self.warnings));
        let legend = self.figures.iter().map(|figure| (figure.key.to_owned(), json!(figure.meaning)));
        object.insert("legend".to_owned(), Value::Object(legend.collect()));
        object.insert("plots".to_owned(), json!(self.plots));
        Value::Object(object)
    }

    /// Labels and values in two columns, then the warnings.
    #[must_use]
    pub fn table(&self) -> String {
        let labels = self.figures.iter().map(|figure| figure.meaning.label.chars().count());
        let width = labels.max().unwrap_or_default();
        let mut table = format!("{}\n  {}\n  {}\n", self.workload, self.tool, self.machine);
        for Figure { meaning, value, .. } in &self.figures {
            // Writing to a string cannot fail.
            writeln!(table, "  {:width$}  {}", meaning.label, meaning.unit.show(value)).ok();
        }
        for warning in &self.warnings {
            writeln!(table, "  ! {warning}").ok();
        }
        table
    }
}

/// A style of progress bar; they are shown on terminals only.
pub(crate) fn bar(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of the program's own")
}

pub(crate) fn per_second(count: u64, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { count as f64 / over.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("ack");
        report.setting("senders", "senders", 200);
        report.rate("acked_per_s", "acknowledged", 123_456, Duration::from_secs(5));
        report.milliseconds("ack_p99_ms", "ack p99", Duration::from_micros(12_346));
        report.bytes("memory_bytes", "memory", 20 << 20);
        report.share("delivered_share", "delivered", 999, 1000);
        report.load_cpu(Duration::from_secs(4), Duration::from_secs(5));
        report
    }

    #[test]
    fn a_report_reads_well() {
        let report = report();
        let table = format!(
            "ack\n  {}\n  {}\n  \
             senders          200\n  \
             acknowledged     24,691/s\n  \
             ack p99          12.35 ms\n  \
             memory           20.0 MiB\n  \
             delivered        99.90 %\n  \
             CPU of the load  80 % of a core\n",
            report.tool, report.machine
        );
        assert_eq!(report.table(), table);
    }

    #[test]
    fn a_report_parses_and_says_what_its_figures_mean() {
        let json = report().json();
        for (key, expected) in [
            ("workload", json!("ack")),
            ("senders", json!(200)),
            ("acked_per_s", json!(24691.2)),
            ("ack_p99_ms", json!(12.346)),
            ("memory_bytes", json!(20 << 20)),
            ("delivered_share", json!(0.999)),
            ("load_cpu", json!(0.8)),
            ("warnings", json!([])),
        ] {
            assert_eq!(json[key], expected, "{key}");
        }
        assert_eq!(json["legend"]["senders"]["goal"], "same");
        assert_eq!(
            json["legend"]["acked_per_s"],
            json!({"label": "acknowledged", "unit": "per_second", "goal": "higher"})
        );
        assert_eq!(json["legend"]["ack_p99_ms"]["goal"], "lower");
        assert_eq!(json["tool"]["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_title_tells_the_settings() {
        let mut report = report();
        report.size("size_bytes", "of text", 200);
        report.text("file_system", "data folder on", "ext4");
        assert_eq!(report.title(), "ack: 200 senders, 200 B of text, ext4");
    }

    #[test]
    fn plots_are_kept_as_points() {
        let mut report = report();
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(2));
        report.distribution("server", &latencies);
        report.over_time("server", &[7, 9]);
        let plots: Plots = serde_json::from_value(report.json()["plots"].clone()).unwrap();
        assert_eq!(&plots, report.plots());
        assert_eq!(plots.over_time[0].points, [(0.0, 7.0), (1.0, 9.0)]);
        assert!(!plots.distribution[0].points.is_empty());
    }

    #[test]
    fn a_share_of_nothing_is_no_number() {
        let mut report = Report::new("ack");
        report.share("delivered_share", "delivered", 0, 0);
        assert_eq!(report.json()["delivered_share"], Value::Null);
        assert!(report.table().ends_with("delivered  –\n"));
    }

    #[test]
    fn a_load_at_its_limit_is_said_to_be() {
        let warnings = |used| {
            let mut report = Report::new("ack");
            report.load_cpu(Duration::from_millis(used), Duration::from_secs(1));
            report.warnings.len()
        };
        assert_eq!((warnings(899), warnings(900)), (0, 1));
        let mut report = Report::new("ack");
        report.load_cpu(Duration::from_secs(1), Duration::from_secs(1));
        assert!(report.table().contains("! client-bound"), "{}", report.table());
    }
}
