//! A server of the tool's own: started on free ports with a new data folder, killed at the end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::tls::{self, Trust};

pub(crate) const APP: &str = "grandstand-bench";
pub(crate) const MASTER_KEY: &str = "bench-master-key";

/// How long a start may take.
const START: Duration = Duration::from_secs(30);

pub(crate) struct Served {
    child: Child,
    /// Kept open, so that the server may go on printing.
    _stdout: Lines<BufReader<ChildStdout>>,
    data: Folder,
    pub(crate) url: String,
    /// Of the operator's port.
    pub(crate) admin: String,
    pub(crate) pid: u32,
    /// With TLS.
    pub(crate) trust: Option<Trust>,
}

/// Where the server keeps its data.
pub(crate) enum Folder {
    /// Removed at the end.
    Own(TempDir),
    Kept(PathBuf),
}

impl Served {
    /// With `tls`, the server gets a certificate that the tool makes and trusts; with `more`, settings of its own.
    pub(crate) async fn start(
        program: &Path,
        data: Folder,
        tls: bool,
        more: &[(String, String)],
    ) -> Result<Self> {
        let issued = tls.then(|| tls::issue(data.path())).transpose()?;
        let files = issued
            .iter()
            .flat_map(|issued| [("CERTIFICATE", &issued.certificate), ("PRIVATE_KEY", &issued.private_key)]);
        let mut child = Command::new(program)
            .envs(files.map(|(key, file)| (format!("GRANDSTAND_TLS__{key}"), file)))
            // All load comes from a few addresses.
            .env("GRANDSTAND_LIMITS__HANDSHAKES_PER_SECOND_PER_ADDRESS", "1000000")
            .args(["serve", "--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"])
            .env("GRANDSTAND_APPS__0__ID", APP)
            .env("GRANDSTAND_APPS__0__KEY", "bench-key")
            .env("GRANDSTAND_APPS__0__MASTER_KEY", MASTER_KEY)
            .env("GRANDSTAND_APPS__0__QUOTAS__MESSAGES_PER_MINUTE", u32::MAX.to_string())
            .envs(more.iter().map(|(key, value)| (key, value)))
            .args(["--client-limits", "off", "--log", "warn", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {}", program.display()))?;
        let pid = child.id().context("the server ended at once")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = timeout(START, ready(&mut lines)).await;
        let (url, admin) = ready.context("the server does not become ready")??;
        let trust = issued.map(|issued| issued.trust);
        Ok(Self { child, _stdout: lines, data, url, admin, pid, trust })
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("failed to stop the server")?;
        match self.data {
            Folder::Own(data) => data.close().context("failed to remove the data folder"),
            Folder::Kept(_) => Ok(()),
        }
    }
}

impl Folder {
    /// A new one below `parent`, to be removed.
    pub(crate) fn new(parent: Option<&Path>) -> Result<Self> {
        let made = parent.map_or_else(tempfile::tempdir, tempfile::tempdir_in);
        Ok(Self::Own(made.context("failed to make a data folder")?))
    }

    /// This one, with what is in it.
    pub(crate) fn keep(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        Ok(Self::Kept(folder.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}

/// The addresses of a server that says that it is ready: for clients, and for the operator.
async fn ready(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<(String, String)> {
    let mut websocket = None;
    while let Some(line) = lines.next_line().await? {
        websocket = value(&line, "WebSocket").map(str::to_owned).or(websocket);
        if let (Some(url), Some(admin)) = (&websocket, value(&line, "Admin")) {
            return Ok((url.clone(), admin.to_owned()));
        }
    }
    bail!("the server ended without becoming ready")
}

/// The last word of a line that begins with the label.
fn value<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let rest = line.trim_start().strip_prefix(label)?;
    rest.starts_with(char::is_whitespace).then(|| rest.split_whitespace().last()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_by_its_label() {
        let line = "  WebSocket   长连接地址    ws://127.0.0.1:44281/";
        assert_eq!(value(line, "WebSocket"), Some("ws://127.0.0.1:44281/"));
        assert_eq!(value(line, "Web"), None);
        assert_eq!(value("WebSocket", "WebSocket"), None);
        assert_eq!(value("Stop with Ctrl-C.", "WebSocket"), None);
    }

    #[tokio::test]
    async fn a_program_that_is_no_server_is_reported() {
        let start = |program| Served::start(Path::new(program), Folder::new(None).unwrap(), false, &[]);
        let Err(error) = start("/bin/true").await else { panic!("started") };
        assert!(error.to_string().contains("without becoming ready"), "{error:#}");
        let Err(error) = start("/does/not/exist").await else { panic!("started") };
        assert!(error.to_string().contains("failed to start /does/not/exist"), "{error:#}");
    }
}
