//! `--compare`: two saved runs, figure by figure, and what is better.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    machine::{Machine, Tool},
    options::CompareOptions,
    report::{Goal, Meaning, Unit},
};

/// Differences below this say nothing: two runs of the same thing differ by as much.
const NOISE: f64 = 0.03;

/// A run that was saved with `--json`.
#[derive(Debug, Deserialize)]
struct Saved {
    workload: String,
    tool: Tool,
    machine: Machine,
    warnings: Vec<String>,
    legend: Map<String, Value>,
    /// The figures, by the keys of the legend.
    #[serde(flatten)]
    values: Map<String, Value>,
}

/// Two runs side by side.
#[derive(Debug)]
pub struct Comparison {
    runs: [String; 2],
    rows: Vec<Row>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Row {
    key: String,
    label: String,
    unit: Unit,
    values: [Value; 2],
    /// The second as a multiple of the first.
    ratio: Option<f64>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Better,
    Worse,
    Same,
    /// Nothing to judge.
    None,
}

pub(crate) fn run(options: &CompareOptions) -> Result<Comparison> {
    let [before, after] = [&options.before, &options.after].map(|path| Saved::read(path));
    Comparison::new(&before?, &after?)
}

impl Saved {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no run saved with --json", path.display()))
    }

    fn meanings(&self) -> Result<Vec<(&str, Meaning)>> {
        let meanings = self.legend.iter();
        meanings.map(|(key, meaning)| Ok((key.as_str(), serde_json::from_value(meaning.clone())?))).collect()
    }
}

impl Comparison {
    fn new(before: &Saved, after: &Saved) -> Result<Self> {
        let mut warnings = Vec::new();
        if before.workload != after.workload {
            warnings.push(format!("different workloads: {} and {}", before.workload, after.workload));
        }
        if before.machine != after.machine {
            warnings.push(format!("different machines: {}; and {}", before.machine, after.machine));
        }
        let mut rows = Vec::new();
        for (key, meaning) in before.meanings()? {
            let value = |run: &Saved| run.values.get(key).cloned().unwrap_or_default();
            let values = [value(before), value(after)];
            if meaning.goal == Goal::Same && values[0] != values[1] {
                let [a, b] = values.each_ref().map(|value| meaning.unit.show(value));
                warnings.push(format!("different {}: {a} and {b}", meaning.label));
            }
            rows.push(Row::new(key, meaning, values));
        }
        for (key, meaning) in after.meanings()? {
            if !before.legend.contains_key(key) {
                let value = after.values.get(key).cloned().unwrap_or_default();
                if meaning.goal == Goal::Same {
                    warnings.push(format!(
                        "only the second has {}: {}",
                        meaning.label,
                        meaning.unit.show(&value)
                    ));
                }
                rows.push(Row::new(key, meaning, [Value::Null, value]));
            }
        }
        for (name, run) in [("first", before), ("second", after)] {
            warnings.extend(run.warnings.iter().map(|warning| format!("of the {name}: {warning}")));
        }
        Ok(Self { runs: [before, after].map(|run| run.tool.to_string()), rows, warnings })
    }

    #[must_use]
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let [before, after] = &row.values;
            let verdict = row.verdict.word();
            (
                row.key.clone(),
                json!({"first": before, "second": after, "ratio": row.ratio, "verdict": verdict}),
            )
        });
        json!({
            "workload": "compare",
            "runs": self.runs,
            "figures": rows.collect::<Map<_, _>>(),
            "warnings": self.warnings,
        })
    }

    /// Label, first, second, second / first, and whether that is better.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![["", "first", "second", "ratio", ""].map(str::to_owned)];
        rows.extend(self.rows.iter().map(|row| {
            let [before, after] = row.values.each_ref().map(|value| row.unit.show(value));
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} ×"));
            [row.label.clone(), before, after, ratio, row.verdict.word().to_owned()]
        }));
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let [label, before, after, ratio] = [0, 1, 2, 3].map(width);
        let mut table = format!("first   {}\nsecond  {}\n", self.runs[0], self.runs[1]);
        for [name, one, two, times, verdict] in &rows {
            let line = format!("  {name:label$}  {one:>before$}  {two:>after$}  {times:>ratio$}  {verdict}");
            // Writing to a string cannot fail.
            writeln!(table, "{}", line.trim_end()).ok();
        }
        for warning in &self.warnings {
            writeln!(table, "  ! {warning}").ok();
        }
        table
    }
}

impl Row {
    fn new(key: &str, meaning: Meaning, values: [Value; 2]) -> Self {
        let numbers = values.each_ref().map(Value::as_f64);
        let judged = matches!(meaning.goal, Goal::Higher | Goal::Lower);
        let (ratio, verdict) = match numbers {
            [Some(before), Some(after)] if judged => {
                let ratio = (before > 0.0 && after >= 0.0).then(|| rounded(after / before));
                (ratio, Verdict::new(meaning.goal, before, after))
            }
            _ => (None, Verdict::None),
        };
        Self { key: key.to_owned(), label: meaning.label, unit: meaning.unit, values, ratio, verdict }
    }
}

impl Verdict {
    fn new(goal: Goal, before: f64, after: f64) -> Self {
        if (after - before).abs() <= NOISE * before.abs() {
            return Self::Same;
        }
        let is_better = (after > before) == (goal == Goal::Higher);
        if is_better { Self::Better } else { Self::Worse }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::None => "",
        }
    }
}

fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::Report;

    fn saved(workload: &'static str, fill: impl FnOnce(&mut Report)) -> Saved {
        let mut report = Report::new(workload);
        fill(&mut report);
        serde_json::from_str(&report.json().to_string()).unwrap()
    }

    fn ack(senders: u64, acked: u64, p99: u64) -> Saved {
        saved("ack", |report| {
            report.setting("senders", "senders", senders);
            report.rate("acked_per_s", "acknowledged", acked, Duration::from_secs(1));
            report.milliseconds("ack_p99_ms", "ack p99", Duration::from_millis(p99));
            report.count("samples", "measured", acked);
        })
    }

    #[test]
    fn the_direction_says_what_is_better() {
        let comparison = Comparison::new(&ack(200, 1000, 10), &ack(200, 1500, 12)).unwrap();
        let json = comparison.json();
        let figure = |key: &str| json["figures"][key].clone();
        assert_eq!(
            figure("acked_per_s"),
            json!({"first": 1000.0, "second": 1500.0, "ratio": 1.5, "verdict": "better"})
        );
        assert_eq!(
            (&figure("ack_p99_ms")["ratio"], &figure("ack_p99_ms")["verdict"]),
            (&json!(1.2), &json!("worse"))
        );
        assert_eq!((&figure("samples")["verdict"], &figure("senders")["verdict"]), (&json!(""), &json!("")));
        assert_eq!(json["warnings"], json!([]));
        let table = comparison.table();
        assert!(table.contains("  acknowledged   1,000/s   1,500/s  1.50 ×  better\n"), "{table}");
    }

    #[test]
    fn noise_is_no_difference() {
        let comparison = Comparison::new(&ack(200, 1000, 100), &ack(200, 1029, 98)).unwrap();
        let verdicts: Vec<_> = comparison.rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Verdict::None, Verdict::Same, Verdict::Same, Verdict::None]);
        assert_eq!(Verdict::new(Goal::Lower, 0.0, 0.0), Verdict::Same);
        assert_eq!(Verdict::new(Goal::Lower, 0.0, 1.0), Verdict::Worse);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let mut elsewhere = saved("idle", |report| {
            report.setting("senders", "senders", 100);
            report.text("tls", "connections", "TLS");
            report.warn("client-bound");
        });
        elsewhere.machine.cores += 1;
        let comparison = Comparison::new(&ack(200, 1, 1), &elsewhere).unwrap();
        let warnings = comparison.warnings.join("\n");
        for part in [
            "different workloads: ack and idle",
            "different machines: ",
            "different senders: 200 and 100",
            "only the second has connections: TLS",
            "of the second: client-bound",
        ] {
            assert!(warnings.contains(part), "{part} is missing:\n{warnings}");
        }
        assert_eq!(comparison.rows.len(), 5, "figures of either run are shown");
    }

    #[test]
    fn a_file_that_is_no_run_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let read = || format!("{:#}", Saved::read(&path).unwrap_err());
        assert!(read().contains("failed to read"), "{}", read());
        fs::write(&path, "{}").unwrap();
        assert!(read().contains("is no run saved with --json"), "{}", read());
    }
}
