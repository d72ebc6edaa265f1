//! Several runs of one workload as one: medians of what was measured, all warnings.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::report::{Goal, Meaning};

/// The first run with the median of each figure, and with the number of runs. Settings and plots are the first run's.
pub(super) fn median(runs: Vec<Value>) -> Result<Value> {
    let legend = runs.first().and_then(|run| run["legend"].as_object()).context("no run")?.clone();
    let mut medians = Map::new();
    for (key, meaning) in &legend {
        let meaning: Meaning = serde_json::from_value(meaning.clone())?;
        if meaning.goal != Goal::Same {
            let values: Vec<Value> = runs.iter().filter_map(|run| run.get(key).cloned()).collect();
            medians.insert(key.clone(), middle(values));
        }
    }
    let warnings: Vec<Value> =
        runs.iter().filter_map(|run| run["warnings"].as_array()).flatten().cloned().collect();
    let count = runs.len();
    let mut merged = runs.into_iter().next().context("no run")?;
    let object = merged.as_object_mut().context("a run is an object")?;
    object.extend(medians);
    object.insert("warnings".to_owned(), json!(without_repeats(warnings)));
    object.insert("runs".to_owned(), json!(count));
    Ok(merged)
}

/// The one in the middle of those that are numbers; of an even number, the lower of the two.
fn middle(mut values: Vec<Value>) -> Value {
    values.retain(Value::is_number);
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    values.sort_by(|a, b| number(a).total_cmp(&number(b)));
    let at = values.len().saturating_sub(1) / 2;
    values.into_iter().nth(at).unwrap_or_default()
}

fn without_repeats(warnings: Vec<Value>) -> Vec<Value> {
    let mut kept = Vec::new();
    for warning in warnings {
        if !kept.contains(&warning) {
            kept.push(warning);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::Report;

    fn run(acked: u64, warning: &str) -> Value {
        let mut report = Report::new("ack");
        report.setting("senders", "senders", 200);
        report.rate("acked_per_s", "acknowledged", acked, Duration::from_secs(1));
        report.share("share", "share of nothing", 0, 0);
        report.warn(warning);
        report.json()
    }

    #[test]
    fn figures_are_medians_and_warnings_are_kept() {
        let merged = median(vec![run(900, "a"), run(100, "b"), run(500, "a")]).unwrap();
        assert_eq!((&merged["acked_per_s"], &merged["senders"]), (&json!(500.0), &json!(200)));
        assert_eq!((&merged["warnings"], &merged["runs"]), (&json!(["a", "b"]), &json!(3)));
        assert_eq!(merged["share"], Value::Null);
        assert!(median(Vec::new()).is_err());
    }
}
