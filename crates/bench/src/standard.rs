//! `standard`: the workloads of the benchmark page, each in a process of its own, and the page.

mod median;
mod page;
mod rows;
mod words;

use std::{collections::BTreeMap, env, fs, path::Path, process::Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{options::StandardOptions, plot, report::Plots};
use rows::{CALM, HIGHEST, OVERLOAD, ROWS, Row};

/// What was measured, by row.
type Measured = BTreeMap<&'static str, Value>;

/// What the page shows, for the terminal and for scripts.
#[derive(Debug)]
pub struct Standard {
    table: String,
    rows: Measured,
}

impl Standard {
    #[must_use]
    pub fn json(&self) -> Value {
        json!({"workload": "standard", "rows": self.rows})
    }

    #[must_use]
    pub fn table(&self) -> String {
        self.table.clone()
    }
}

pub(crate) async fn run(options: &StandardOptions) -> Result<Standard> {
    let folder = options.out.join("benchmarks");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let mut measured = read(&folder)?;
    let mut failed = Vec::new();
    for row in chosen(options)? {
        eprintln!("{}: {}", row.name, row.command);
        match measure(row, options, &measured).await {
            Ok(found) => {
                save(&folder, row, &found)?;
                measured.insert(row.name, found);
            }
            // The other rows are worth having.
            Err(error) => failed.push(format!("{}: {error:#}", row.name)),
        }
    }
    for language in [&words::ENGLISH, &words::CHINESE] {
        let path = options.out.join(language.file);
        let page = page::page(language, &measured);
        fs::write(&path, page).with_context(|| format!("failed to write {}", path.display()))?;
    }
    ensure!(failed.is_empty(), "not measured:\n  {}", failed.join("\n  "));
    Ok(Standard { table: page::table(&words::ENGLISH, &measured), rows: measured })
}

fn chosen(options: &StandardOptions) -> Result<Vec<&'static Row>> {
    for name in &options.only {
        if !ROWS.iter().any(|row| row.name == name) {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            bail!("there is no row {name:?}; there are {}", names.join(", "));
        }
    }
    let is_named = |row: &Row| options.only.iter().any(|name| name == row.name);
    let is_chosen =
        |row: &&Row| if options.only.is_empty() { row.is_long == options.long } else { is_named(row) };
    Ok(ROWS.iter().filter(is_chosen).collect())
}

/// What earlier runs have saved.
fn read(folder: &Path) -> Result<Measured> {
    let mut measured = Measured::new();
    for row in ROWS {
        let path = folder.join(format!("{}.json", row.name));
        if let Ok(text) = fs::read_to_string(&path) {
            let saved = serde_json::from_str(&text);
            measured.insert(row.name, saved.with_context(|| format!("{} is no run", path.display()))?);
        }
    }
    Ok(measured)
}

fn save(folder: &Path, row: &Row, found: &Value) -> Result<()> {
    let path = folder.join(format!("{}.json", row.name));
    let text = serde_json::to_string(found)? + "\n";
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    let plots: Plots = serde_json::from_value(found["plots"].clone())?;
    plot::write(folder, row.name, words::ENGLISH.row(row.name).0, &plots).map(drop)
}

async fn measure(row: &Row, options: &StandardOptions, measured: &Measured) -> Result<Value> {
    let words = words_of(row.command, measured)?;
    let words = if options.quick { quick(words) } else { words };
    let mut runs = Vec::new();
    for _ in 0..if options.quick { 1 } else { row.runs } {
        runs.push(one(&words, options).await?);
    }
    let mut found = median::median(runs)?;
    if options.quick {
        let warning = json!("a quick run, to try the tool: not to be published");
        found["warnings"].as_array_mut().context("a run has warnings")?.push(warning);
    }
    Ok(found)
}

/// The command with the rates that follow from what was measured before.
fn words_of(command: &str, measured: &Measured) -> Result<Vec<String>> {
    if !command.contains('{') {
        return Ok(command.split_whitespace().map(str::to_owned).collect());
    }
    let highest = measured.get(HIGHEST).and_then(|row| row["messages_per_s"].as_f64());
    let highest = highest.with_context(|| format!("the row {HIGHEST} is needed first"))?;
    let rate = |part: f64| format!("{:.0}", (highest * part).max(1.0));
    let command = command.replace("{calm}", &rate(CALM)).replace("{overload}", &rate(OVERLOAD));
    Ok(command.split_whitespace().map(str::to_owned).collect())
}

/// A hundredth of the members or messages, and short times.
fn quick(mut words: Vec<String>) -> Vec<String> {
    for at in 1..words.len() {
        let value = match words[at - 1].as_str() {
            "--members" | "--messages" | "--senders" => {
                words[at].parse::<u64>().map(|many| (many / 100).max(20).to_string()).ok()
            }
            "--duration" => Some("2s".to_owned()),
            "--trial" | "--without" | "--warm-up" => Some("1s".to_owned()),
            "--rounds" => Some("1".to_owned()),
            "--rate" => words[at].parse::<f64>().map(|rate| rate.min(100.0).to_string()).ok(),
            _ => None,
        };
        if let Some(value) = value {
            words[at] = value;
        }
    }
    words
}

/// One run, in a process of its own: what one workload leaves behind must not burden the next.
async fn one(words: &[String], options: &StandardOptions) -> Result<Value> {
    let mut command = Command::new(env::current_exe().context("failed to find this program")?);
    command.args(words).arg("--json").arg("--serve").arg(&options.serve);
    if let Some(data) = &options.data {
        command.arg("--data").arg(data);
    }
    let output = command.stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "the tool ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("the tool printed no report")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[&str], long: bool) -> StandardOptions {
        StandardOptions {
            serve: "grandstand".into(),
            data: None,
            out: "docs".into(),
            only: only.iter().map(|&name| name.to_owned()).collect(),
            long,
            quick: false,
        }
    }

    #[test]
    fn rows_are_chosen_by_name_or_length() {
        let names = |options: &StandardOptions| -> Vec<_> {
            chosen(options).unwrap().iter().map(|row| row.name).collect()
        };
        assert_eq!(names(&options(&["soak", "idle"], false)), ["idle", "soak"]);
        assert!(names(&options(&[], false)).contains(&"idle"));
        assert!(!names(&options(&[], false)).contains(&"soak"));
        assert!(names(&options(&[], true)).contains(&"soak"));
        let error = chosen(&options(&["nothing"], false)).unwrap_err().to_string();
        assert!(error.contains("busy-room"), "{error}");
    }

    #[test]
    fn rates_follow_from_the_highest_one() {
        let mut measured = Measured::new();
        assert!(words_of("fan --rate {calm}", &measured).is_err());
        measured.insert(HIGHEST, json!({"messages_per_s": 900.4}));
        assert_eq!(words_of("fan --rate {calm}", &measured).unwrap(), ["fan", "--rate", "90"]);
        assert_eq!(words_of("fan --rate {overload}", &measured).unwrap(), ["fan", "--rate", "2701"]);
    }

    #[test]
    fn a_quick_run_is_small() {
        let words = words_of("slow --members 18000 --stalled 0.5 --duration 20s", &Measured::new()).unwrap();
        assert_eq!(quick(words).join(" "), "slow --members 180 --stalled 0.5 --duration 2s");
    }
}
