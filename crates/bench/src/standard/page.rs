//! The benchmark page: an overview, then each row with what it means, how to repeat it, and what the tool said.

use std::fmt::Write;

use serde_json::Value;

use super::{
    Measured,
    rows::{Bound, ROWS, Row, Shown},
    words::Language,
};
use crate::report::{Meaning, Unit};

/// One figure of one row, as it is shown.
struct Cell {
    figure: &'static str,
    measured: String,
    goal: String,
    /// Whether the goal is met, if there is one and something was measured.
    is_met: Option<bool>,
}

// Writing to a string cannot fail.
pub(super) fn page(language: &Language, measured: &Measured) -> String {
    let Language { title, link, introduction, overview, .. } = language;
    let mut page = format!("# {title}\n\n{link}\n\n{introduction}\n\n{}", machine(language, measured));
    writeln!(page, "\n## {overview}\n\n{}", table(language, measured)).ok();
    for row in ROWS {
        section(&mut page, language, row, measured);
    }
    page
}

/// Only what has a goal.
pub(super) fn table(language: &Language, measured: &Measured) -> String {
    let [what, figure, found, goal, met] = language.columns;
    let mut table = format!("| {what} | {figure} | {found} | {goal} | {met} |\n|---|---|---|---|---|\n");
    for row in ROWS {
        let mut title = language.row(row.name).0;
        for cell in cells(language, row, measured).filter(|cell| !cell.goal.is_empty()) {
            writeln!(table, "| {title} | {} |", cell.show(language)).ok();
            // Said once is enough.
            title = "";
        }
    }
    table
}

/// Of the first row that was measured; rows that differ say so.
fn machine(language: &Language, measured: &Measured) -> String {
    let Some(run) = ROWS.iter().find_map(|row| measured.get(row.name)) else { return String::new() };
    let [processors, memory, kernel, folder, version, commit, time] = language.machine;
    let (machine, tool) = (&run["machine"], &run["tool"]);
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let rows = [
        (processors, format!("{} × {}", machine["cores"], text(&machine["model"]))),
        (memory, Unit::Bytes.show(&machine["memory_bytes"])),
        (kernel, format!("Linux {}", text(&machine["kernel"]))),
        (folder, text(&run["file_system"])),
        (version, text(&tool["version"])),
        (commit, text(&tool["commit"])),
        (time, text(&tool["time"])),
    ];
    let lines = rows.map(|(heading, value)| format!("| {heading} | {value} |\n"));
    format!("| | |\n|---|---|\n{}", lines.concat())
}

fn section(page: &mut String, language: &Language, row: &Row, measured: &Measured) {
    let (title, meaning) = language.row(row.name);
    writeln!(page, "## {title}\n\n{meaning}\n").ok();
    let command = row.command;
    write!(page, "{} `grandstand-bench {command}` (`{}`", language.command, row.name).ok();
    let Some(run) = measured.get(row.name) else {
        writeln!(page, ")\n\n{}\n", language.not_measured).ok();
        return;
    };
    match run["runs"].as_u64() {
        Some(runs) if runs > 1 => writeln!(page, "; {runs} {})\n", language.runs).ok(),
        _ => writeln!(page, ")\n").ok(),
    };
    let [_, figure, found, goal, met] = language.columns;
    writeln!(page, "| {figure} | {found} | {goal} | {met} |\n|---|---|---|---|").ok();
    for cell in cells(language, row, measured) {
        writeln!(page, "| {} |", cell.show(language)).ok();
    }
    let first = ROWS.iter().find_map(|row| measured.get(row.name)).unwrap_or(run);
    if (&first["machine"], &first["tool"]["commit"]) != (&run["machine"], &run["tool"]["commit"]) {
        let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
        let (commit, time) = (text(&run["tool"]["commit"]), text(&run["tool"]["time"]));
        let cores = &run["machine"]["cores"];
        let model = text(&run["machine"]["model"]);
        writeln!(page, "\n{} {commit}, {cores} × {model}, {time}", language.elsewhere).ok();
    }
    let warnings = run["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (at, warning) in warnings.enumerate() {
        let heading = if at == 0 { format!("\n{}\n\n", language.warnings) } else { String::new() };
        writeln!(page, "{heading}- {warning}").ok();
    }
    for (plot, what) in [("distribution", "latency"), ("over_time", "deliveries")] {
        if run["plots"][plot].as_array().is_some_and(|lines| !lines.is_empty()) {
            writeln!(page, "\n![{title}](benchmarks/{}-{what}.svg)", row.name).ok();
        }
    }
    page.push('\n');
}

fn cells<'a>(
    language: &'a Language,
    row: &'a Row,
    measured: &'a Measured,
) -> impl Iterator<Item = Cell> + 'a {
    let run = measured.get(row.name);
    row.figures.iter().map(move |Shown { key, goal }| {
        let value = run.map(|run| run[key].clone()).unwrap_or_default();
        let unit = unit(run, key);
        let bound = goal.and_then(|goal| goal.number(key, measured));
        Cell {
            figure: language.figure(key),
            measured: if run.is_some() { unit.show(&value) } else { language.not_measured.to_owned() },
            goal: goal.map(|goal| goal.show(unit, language)).unwrap_or_default(),
            is_met: goal
                .zip(bound)
                .zip(value.as_f64())
                .map(|((goal, bound), value)| goal.is_met(value, bound)),
        }
    })
}

/// As the run says; before there is one, as the key ends.
fn unit(run: Option<&Value>, key: &str) -> Unit {
    let meaning = run.and_then(|run| serde_json::from_value::<Meaning>(run["legend"][key].clone()).ok());
    meaning.map_or_else(|| unit_of_key(key), |meaning| meaning.unit)
}

fn unit_of_key(key: &str) -> Unit {
    let units = [
        ("_per_s", Unit::PerSecond),
        ("_ms", Unit::Milliseconds),
        ("_us", Unit::Microseconds),
        ("_bytes", Unit::Bytes),
        ("_ratio", Unit::Ratio),
        ("_share", Unit::Share),
        ("_min", Unit::Share),
    ];
    units.into_iter().find(|(end, _)| key.ends_with(end)).map_or(Unit::Count, |(_, unit)| unit)
}

impl Cell {
    /// Figure, measured, goal, met.
    fn show(&self, language: &Language) -> String {
        let met = match self.is_met {
            Some(true) => language.met,
            Some(false) => language.missed,
            None => "",
        };
        format!("{} | {} | {} | {met}", self.figure, self.measured, self.goal)
    }
}

impl Bound {
    /// The number that the goal comes to, if the row that it refers to was measured.
    fn number(self, key: &str, measured: &Measured) -> Option<f64> {
        match self {
            Self::UpTo(bound) | Self::OrMore(bound) => Some(bound),
            Self::UpToTimes(factor, row) => Some(measured.get(row)?[key].as_f64()? * factor),
        }
    }

    fn is_met(self, value: f64, bound: f64) -> bool {
        match self {
            Self::UpTo(_) | Self::UpToTimes(..) => value <= bound,
            Self::OrMore(_) => value >= bound,
        }
    }

    fn show(self, unit: Unit, language: &Language) -> String {
        match self {
            Self::UpTo(0.0) => "0".to_owned(),
            Self::OrMore(1.0) if unit == Unit::Share => "100 %".to_owned(),
            Self::UpTo(bound) => format!("≤ {}", round(unit, bound)),
            Self::OrMore(bound) => format!("≥ {}", round(unit, bound)),
            Self::UpToTimes(factor, row) => {
                let [before, after] = language.of;
                format!("≤ {factor} × {before}{}{after}", language.row(row).0)
            }
        }
    }
}

/// Goals are round numbers.
fn round(unit: Unit, bound: f64) -> String {
    unit.show(&bound.into()).replace(".00 ", " ").replace(".0 ", " ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        report::Report,
        standard::words::{CHINESE, ENGLISH},
    };

    fn measured() -> Measured {
        let mut fan = Report::new("fan");
        fan.text("file_system", "data folder on", "ext4");
        fan.ratio("cpu_ratio", "", 1.1);
        fan.ratio("p99_ratio", "", 1.3);
        fan.share("delivered_share", "", 10, 10);
        fan.over_time("server", &[1, 2]);
        fan.warn("client-bound");
        let high = |milliseconds| {
            let mut report = Report::new("fan");
            report.milliseconds("high_p99_ms", "", Duration::from_millis(milliseconds));
            report.json()
        };
        let mut other = high(50);
        other["tool"]["commit"] = "0123abc".into();
        other["runs"] = 3.into();
        Measured::from([("busy-room", fan.json()), ("calm", high(20)), ("overload", other)])
    }

    #[test]
    fn the_overview_says_what_is_met() {
        let table = table(&ENGLISH, &measured());
        for line in [
            "| A busy room of 5,000 | CPU per delivery, as a multiple of the floor's | 1.10 × | ≤ 1.25 × | met |",
            "|  | p99, as a multiple | 1.30 × | ≤ 1.25 × | missed |",
            "|  | delivered | 100.00 % | 100 % | met |",
            "|  | p99 of HIGH | 50.00 ms | ≤ 500 ms | met |",
            "|  | p99 of HIGH | 50.00 ms | ≤ 2 × (of the row All levels, calm) | missed |",
            "| 15,000 connect at once | connected, logged in, in the room | not measured yet | ≥ 5,000/s |  |",
        ] {
            assert!(table.contains(line), "{line} is missing:\n{table}");
        }
        assert!(!table.contains("CPU per delivery, floor"), "figures without a goal stand below:\n{table}");
    }

    #[test]
    fn a_page_says_where_and_how_it_was_measured() {
        let english = page(&ENGLISH, &measured());
        let chinese = page(&CHINESE, &measured());
        for part in
            ["Linux ", "| ext4 |", "- client-bound\n", "(benchmarks/busy-room-deliveries.svg)", "0123abc"]
        {
            assert!(english.contains(part), "{part} is missing:\n{english}");
            assert!(chinese.contains(part), "{part} is missing:\n{chinese}");
        }
        assert!(english.contains("(`overload`; 3 runs, medians of them)"), "{english}");
        assert!(!english.contains("busy-room-latency.svg"), "nothing was drawn:\n{english}");
        assert!(chinese.contains("| 尚未测量 |"), "{chinese}");
    }

    #[test]
    fn without_any_run_nothing_is_claimed() {
        let page = page(&ENGLISH, &Measured::new());
        assert!(page.contains("not measured yet") && !page.contains("| met |"), "{page}");
    }
}
