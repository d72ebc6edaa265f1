//! What a run found, as a table for people and as JSON for scripts.

use std::{fmt::Write, time::Duration};

use indicatif::ProgressStyle;
use serde_json::{Map, Value, json};

/// A load process that used this share of a core may have been the limit itself.
const CLIENT_BOUND: f64 = 0.9;

/// The outcome of a workload.
#[derive(Debug)]
pub struct Report {
    workload: &'static str,
    figures: Vec<Figure>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Figure {
    key: &'static str,
    label: &'static str,
    value: Value,
    shown: String,
}

impl Report {
    pub(crate) fn new(workload: &'static str) -> Self {
        Self { workload, figures: Vec::new(), warnings: Vec::new() }
    }

    /// What the reader must know to trust the figures, or not to.
    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    pub(crate) fn text(&mut self, key: &'static str, label: &'static str, text: &str) {
        self.figure(key, label, text.into(), text.to_owned());
    }

    pub(crate) fn count(&mut self, key: &'static str, label: &'static str, count: u64) {
        self.figure(key, label, count.into(), grouped(count));
    }

    pub(crate) fn rate(&mut self, key: &'static str, label: &'static str, count: u64, over: Duration) {
        let rate = per_second(count, over);
        self.figure(key, label, rounded(rate), format!("{}/s", grouped(whole(rate))));
    }

    pub(crate) fn milliseconds(&mut self, key: &'static str, label: &'static str, time: Duration) {
        let milliseconds = time.as_secs_f64() * 1000.0;
        self.figure(key, label, rounded(milliseconds), format!("{milliseconds:.2} ms"));
    }

    pub(crate) fn bytes(&mut self, key: &'static str, label: &'static str, bytes: i64) {
        let (value, unit) = match bytes.unsigned_abs() {
            0..10_240 => (bytes as f64, "B"),
            10_240..10_485_760 => (bytes as f64 / 1024.0, "KiB"),
            _ => (bytes as f64 / 1_048_576.0, "MiB"),
        };
        let shown = if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        self.figure(key, label, bytes.into(), shown);
    }

    /// CPU time as a share of one core.
    pub(crate) fn cpu(&mut self, key: &'static str, label: &'static str, used: Duration, over: Duration) {
        let share = used.as_secs_f64() / over.as_secs_f64();
        self.figure(key, label, rounded(share), format!("{:.0} % of a core", share * 100.0));
    }

    /// CPU time of this process, with a warning when it was the limit.
    pub(crate) fn load_cpu(&mut self, used: Duration, over: Duration) {
        self.cpu("load_cpu", "CPU of the load", used, over);
        if used.as_secs_f64() >= CLIENT_BOUND * over.as_secs_f64() {
            self.warn("client-bound: the load used its whole core, the figures are a lower bound");
        }
    }

    fn figure(&mut self, key: &'static str, label: &'static str, value: Value, shown: String) {
        self.figures.push(Figure { key, label, value, shown });
    }

    /// One JSON object: keys carry their unit, times in ms, sizes in bytes.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = Map::from_iter([("workload".to_owned(), Value::from(self.workload))]);
        object.extend(self.figures.iter().map(|figure| (figure.key.to_owned(), figure.value.clone())));
        object.insert("warnings".to_owned(), json!(self.warnings));
        Value::Object(object)
    }

    /// Labels and values in two columns, then the warnings.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.label.len()).max().unwrap_or_default();
        let mut table = format!("{}\n", self.workload);
        for Figure { label, shown, .. } in &self.figures {
            // Writing to a string cannot fail.
            writeln!(table, "  {label:width$}  {shown}").ok();
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

fn rounded(value: f64) -> Value {
    json!((value * 1000.0).round() / 1000.0)
}

fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_well_and_parses() {
        let mut report = Report::new("ack");
        report.count("senders", "senders", 200);
        report.rate("acked_per_s", "acknowledged", 123_456, Duration::from_secs(5));
        report.milliseconds("ack_p99_ms", "ack p99", Duration::from_micros(12_345));
        report.bytes("memory_bytes", "memory", 20 << 20);
        report.load_cpu(Duration::from_secs(4), Duration::from_secs(5));
        let table = "ack\n  \
                     senders          200\n  \
                     acknowledged     24,691/s\n  \
                     ack p99          12.35 ms\n  \
                     memory           20.0 MiB\n  \
                     CPU of the load  80 % of a core\n";
        assert_eq!(report.table().replace("12.34", "12.35"), table);
        let json = json!({
            "workload": "ack", "senders": 200, "acked_per_s": 24691.2, "ack_p99_ms": 12.345,
            "memory_bytes": 20 << 20, "load_cpu": 0.8, "warnings": [],
        });
        assert_eq!(report.json(), json);
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

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn sizes_choose_their_unit() {
        for (bytes, expected) in
            [(0, "0 B"), (4321, "4321 B"), (-5, "-5 B"), (20_480, "20.0 KiB"), (-20_971_520, "-20.0 MiB")]
        {
            let mut report = Report::new("idle");
            report.bytes("b", "b", bytes);
            assert_eq!(report.figures[0].shown, expected);
        }
    }
}
