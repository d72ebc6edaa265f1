//! The standard set, quick and in part: runs in processes of their own, files, and pages in both languages.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn server() -> PathBuf {
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

fn standard(server: &Path, out: &Path, only: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grandstand-bench"))
        .args(["standard", "--quick", "--only", only, "--serve"])
        .arg(server)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

/// A second run adds its rows to those of the first.
#[test]
fn rows_are_measured_and_the_pages_written() {
    let folder = tempfile::tempdir().unwrap();
    for only in ["idle,connect", "storm,acks"] {
        let output = standard(&server(), folder.path(), only);
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
    let joined =
        read("benchmarks.md").lines().find(|line| line.contains("connected, logged in")).unwrap().to_owned();
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
    let output = standard(&server(), folder.path(), "everything");
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no row"), "{output:?}");
}
