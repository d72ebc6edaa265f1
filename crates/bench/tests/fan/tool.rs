//! The tool and the server as programs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

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

/// Runs the tool against a server that it starts.
pub(crate) async fn serve(line: &str) -> Value {
    run(&format!("{line} --serve {}", program().to_str().unwrap())).await
}

/// The same, with a setting of the server in the environment.
pub(crate) async fn serve_with(setting: (&str, &str), line: &str) -> Value {
    start(&format!("{line} --serve {}", program().to_str().unwrap()), Some(setting)).await
}

/// Runs the tool as a program, since it starts itself for its load processes.
pub(crate) async fn run(line: &str) -> Value {
    start(line, None).await
}

async fn start(line: &str, setting: Option<(&str, &str)>) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_grandstand-bench"))
        .envs(setting)
        .args(line.split_whitespace())
        .arg("--json")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
pub(crate) fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("no {key}: {report}"))
}

/// What went wrong other than that the machine was busy.
pub(crate) fn faults(report: &Value) -> Vec<&str> {
    let warnings = report["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap());
    let harmless = ["client-bound", "disturbed", "in memory", "behind its time"];
    warnings.filter(|warning| !harmless.iter().any(|harmless| warning.contains(harmless))).collect()
}

/// A server with an app called `bench-test`.
pub(crate) struct Server {
    child: Child,
    /// Kept open, so that the server may go on printing.
    _stdout: Lines<BufReader<ChildStdout>>,
    _data: TempDir,
    pub(crate) url: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--log", "warn"])
            .args(["--app", "bench-test:key:master-key", "--client-limits", "off", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("the server becomes ready");
            if let Some(rest) = line.trim_start().strip_prefix("WebSocket ") {
                break rest.split_whitespace().last().unwrap().to_owned();
            }
        };
        Self { child, _stdout: lines, _data: data, url }
    }

    pub(crate) async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}
