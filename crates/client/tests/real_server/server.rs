//! The real program as a child process on a free port.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use grandstand_client::{Client, ClientBuilder};
use tempfile::TempDir;

pub(crate) const APP: &str = "client-test-app";

/// Killed when dropped, as by `kill -9`.
pub(crate) struct Server {
    child: Child,
    data: TempDir,
    pub(crate) url: String,
    pub(crate) websocket: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With further sections of configuration.
    pub(crate) fn start_with(sections: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = format!("[limits]\nwill_grace = \"100ms\"\n{sections}");
        fs::write(data.path().join("grandstand.toml"), config).unwrap();
        Self::start_in(data, "127.0.0.1:0")
    }

    fn start_in(data: TempDir, bind: &str) -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--bind", bind, "--admin-bind", "127.0.0.1:0", "--client-limits", "off"])
            .args(["--app", &format!("{APP}:client-test-key:client-test-master"), "--log", "warn", "--data"])
            .arg(data.path())
            .arg("--config")
            .arg(data.path().join("grandstand.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut value = |label: &str| {
            let line = lines.by_ref().find(|line| line.trim_start().starts_with(label));
            let line = line.unwrap_or_else(|| panic!("the server did not print {label:?}"));
            line.split_whitespace().last().unwrap().to_owned()
        };
        let (url, websocket) = (value("Server URL"), value("WebSocket"));
        Self { child, data, url, websocket }
    }

    /// `kill -9`, then the same folder on the same port.
    pub(crate) fn crash_and_restart(self) -> Self {
        let bind = self.url.trim_start_matches("http://").to_owned();
        let mut stopped = self;
        stopped.stop();
        let data = std::mem::replace(&mut stopped.data, tempfile::tempdir().unwrap());
        Self::start_in(data, &bind)
    }

    pub(crate) fn client(&self, id: &str) -> ClientBuilder {
        Client::builder(&self.websocket, APP, id)
    }

    fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

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
