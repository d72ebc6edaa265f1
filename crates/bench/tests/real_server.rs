//! Each workload once, small, against the real server.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use clap::Parser;
use grandstand_bench::options::Options;
use serde_json::Value;

/// `GRANDSTAND_BIN`, or what was built last.
fn program() -> PathBuf {
    if let Some(path) = env::var_os("GRANDSTAND_BIN") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    ["target/release/grandstand", "target/debug/grandstand"]
        .map(|path| root.join(path))
        .into_iter()
        .find(|path| path.exists())
        .expect("build the server first: cargo build -p grandstand (or set GRANDSTAND_BIN)")
}

async fn run(line: &str) -> Value {
    tell(&format!("{line} --serve {}", program().to_str().unwrap())).await
}

async fn tell(line: &str) -> Value {
    let words = ["grandstand-bench"].into_iter().chain(line.split_whitespace());
    let report = grandstand_bench::run(Options::try_parse_from(words).unwrap()).await.unwrap();
    assert!(!report.table().is_empty());
    report.json()
}

/// Whatever the load may have been short of, no message was refused or lost.
fn faults(report: &Value) -> Vec<&str> {
    let warnings = report["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap());
    warnings.filter(|warning| !warning.contains("client-bound") && !warning.contains("in memory")).collect()
}

#[tokio::test]
async fn acks_are_counted_and_timed() {
    for how in ["--in-flight 3", "--rate 200"] {
        let report = run(&format!("ack --senders 4 --warm-up 0s --duration 1s {how}")).await;
        assert!(report["acked_per_s"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["ack_p50_ms"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(faults(&report), [""; 0]);
    }
}

#[tokio::test]
async fn messages_over_http_are_counted_and_timed() {
    for (how, calls) in [("", None), ("--rate 200", None), ("--rate 200 --hook", Some(200))] {
        let report = run(&format!("rest --senders 4 --warm-up 0s --duration 1s {how}")).await;
        assert!(report["answered_per_s"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["answer_p99_ms"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(report["hook_calls"].as_u64(), calls, "{report}");
        assert_eq!(faults(&report), [""; 0]);
    }
}

/// All of them and no more: at 200 messages a second for a second.
#[tokio::test]
async fn a_rate_is_kept() {
    let report = run("ack --senders 4 --warm-up 0s --duration 1s --rate 200").await;
    assert_eq!(report["samples"], 200, "{report}");
}

/// A run is saved, drawn, and compared with itself.
#[tokio::test]
async fn runs_are_drawn_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let plots = folder.path().join("plots").to_str().unwrap().to_owned();
    let report = run(&format!("ack --senders 2 --warm-up 0s --duration 1s --rate 50 --plots {plots}")).await;
    assert!(fs::read_to_string(format!("{plots}/ack-latency.svg")).unwrap().contains("acknowledged"));
    let saved = folder.path().join("a.json").to_str().unwrap().to_owned();
    fs::write(&saved, report.to_string()).unwrap();
    let comparison = tell(&format!("--compare {saved} {saved}")).await;
    assert_eq!(comparison["figures"]["acked_per_s"]["verdict"], "same", "{comparison}");
    assert_eq!(comparison["figures"]["senders"]["second"], 2, "{comparison}");
}

#[tokio::test]
async fn idle_members_join_and_are_counted_by_the_server() {
    let report = run("idle --members 50 --settle 0s").await;
    assert_eq!(report["members"], 50);
    assert!(report["joins_per_s"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["server_after_bytes"].as_i64().unwrap() > 1_000_000, "{report}");
    assert_eq!(faults(&report), [""; 0]);
}

/// All of them come back by themselves, and nobody misses a HIGH message.
#[tokio::test]
async fn a_storm_ends_with_everybody_back() {
    for how in ["--at-once", ""] {
        let report = run(&format!("storm --members 40 --settle 0s {how}")).await;
        assert_eq!(
            (&report["not_back"], &report["high_delivered_share"]),
            (&0.into(), &1.0.into()),
            "{report}"
        );
        assert_eq!(report["joins_failed"], 0, "{report}");
        assert!(report["all_back_ms"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["server_peak_bytes"].as_i64() >= report["server_steady_bytes"].as_i64(), "{report}");
        assert_eq!(faults(&report), [""; 0]);
    }
}

#[tokio::test]
async fn members_connect_all_at_once() {
    let report = run("storm --members 60 --connect-only").await;
    assert_eq!((&report["parallel"], &report["joins_failed"]), (&60.into(), &0.into()), "{report}");
    assert!(report["joins_per_s"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report.get("all_back_ms").is_none(), "{report}");
}

/// The first run fills the room, the second one finds it full.
#[tokio::test]
async fn pages_come_out_of_a_long_history() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("data").to_str().unwrap().to_owned();
    for messages in [2000, 1000] {
        let line =
            format!("history --senders 20 --warm-up 0s --duration 1s --keep {keep} --messages {messages}");
        let report = run(&line).await;
        assert!(report["pages_per_s"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["page_p99_ms"].as_f64() >= report["page_p50_ms"].as_f64(), "{report}");
        assert!(report["store_bytes"].as_i64().unwrap() > 2000 * 200, "{report}");
        assert_eq!(report["short_pages"], 0, "{report}");
        assert_eq!(faults(&report), [""; 0]);
    }
}

/// The short form of `make soak`: every kind of visit ends well, and what the server held for visitors is given back.
#[tokio::test]
async fn a_minute_of_coming_and_going_leaves_nothing_behind() {
    let report = run("soak --rate 100 --rooms 5 --warm-up 20s --duration 60s").await;
    assert!(report["visits"].as_u64().unwrap() > 5500, "{report}");
    assert!(report["rooms_made"].as_u64().unwrap() > 250, "{report}");
    assert!(report["returned"].as_u64().unwrap() > 250, "{report}");
    assert_eq!((&report["visits_failed"], &report["not_back"]), (&0.into(), &0.into()), "{report}");
    assert!(report["stock_figures"].as_u64().unwrap() >= 3, "{report}");
    assert!(report["growth_per_10_min"].is_number(), "{report}");
    // The store may keep so much in memory, and has little to keep so far.
    assert!(report["server_bytes"].as_i64().unwrap() < 128 << 20, "{report}");
}

fn standard(server: &Path, out: &Path, only: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grandstand-bench"))
        .args(["standard", "--quick", "--only", only, "--serve"])
        .arg(server)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

/// A second run of the standard set adds its rows to those of the first, on pages in both languages.
#[test]
fn rows_are_measured_and_the_pages_written() {
    let folder = tempfile::tempdir().unwrap();
    for only in ["idle,connect", "storm,acks"] {
        let output = standard(&program(), folder.path(), only);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let idle: Value = serde_json::from_str(&read("benchmarks/idle.json")).unwrap();
    assert_eq!((&idle["workload"], &idle["members"]), (&"idle".into(), &150.into()));
    let warnings = idle["warnings"].to_string();
    assert!(warnings.contains("not to be published"), "{warnings}");
    assert!(read("benchmarks/storm-latency.svg").starts_with("<svg"));
    for (page, cell) in [
        ("benchmarks.md", "| 18,000 lose their connection |"),
        ("benchmarks.zh-CN.md", "| 18,000 人同时断线 |"),
    ] {
        let page = read(page);
        assert!(page.contains(cell) && page.contains("(benchmarks/storm-latency.svg)"), "{page}");
    }
    let page = read("benchmarks.md");
    let joined = page.lines().find(|line| line.contains("connected, logged in")).unwrap();
    assert!(joined.contains("/s |"), "of the first run: {joined}");
}

/// What could not be measured is said, the rest is kept.
#[test]
fn a_row_that_fails_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = standard(Path::new("/does/not/exist"), folder.path(), "idle");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("not measured") && error.contains("idle"), "{error}");
    assert!(fs::read_to_string(folder.path().join("benchmarks.md")).unwrap().contains("not measured yet"));
    let output = standard(&program(), folder.path(), "everything");
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no row"), "{output:?}");
}
