//! A deployment to examine, and the doctor who does.

use std::{net::SocketAddr, process::Command};

use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    certificates::{self, NAME, Shown},
    proxy::{self, Faults},
    running::{Running, run},
};

pub(crate) const APP: &str = "examined-app";
pub(crate) const KEY: &str = "the-app-key";
pub(crate) const MASTER_KEY: &str = "the-master-key";

/// A server behind a proxy with TLS.
pub(crate) struct Deployment {
    pub(crate) url: String,
    pub(crate) server: Running,
    folder: TempDir,
    _proxy: JoinSet<()>,
}

/// What the doctor said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
}

impl Deployment {
    pub(crate) async fn new(shown: Shown, faults: Faults) -> Self {
        Self::with(shown, faults, "https", "", "").await
    }

    /// With the scheme of its `public_url`, lines of configuration, and lines for the app.
    pub(crate) async fn with(shown: Shown, faults: Faults, scheme: &str, lines: &str, app: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[server]\npublic_url = \"{scheme}://{NAME}:{port}\"\n{lines}\n[[apps]]\nid = \"{APP}\"\nkey = \"{KEY}\"\n\
             master_key = \"{MASTER_KEY}\"\n{app}\n"
        );
        let server = Running::start_with(folder.path(), &config);
        let (tls, pem) = certificates::make(shown);
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let proxy = proxy::start(listener, server.public, Some(tls), faults);
        Self { url: format!("https://{NAME}:{port}"), server, folder, _proxy: proxy }
    }

    /// With both keys, and the authority.
    pub(crate) fn doctor(&self) -> Command {
        let mut doctor = self.stranger();
        doctor
            .args(["--ca", "ca.pem"])
            .env("GRANDSTAND_APP_KEY", KEY)
            .env("GRANDSTAND_MASTER_KEY", MASTER_KEY);
        doctor
    }

    /// The server's database, to break it.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("data/grandstand.db")).unwrap()
    }

    /// Without any key, and only the public authorities.
    pub(crate) fn stranger(&self) -> Command {
        let mut doctor = doctor(&self.url);
        doctor.current_dir(self.folder.path()).args(["--address", "127.0.0.1"]);
        doctor
    }
}

/// The doctor before a URL.
pub(crate) fn doctor(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    command.env_clear().env("GRANDSTAND_APP_ID", APP).args(["doctor", url]);
    command
}

/// A plain server's URL.
pub(crate) fn plain(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Runs the doctor to the end.
pub(crate) fn hear(mut doctor: Command) -> Said {
    let output = tokio::task::block_in_place(|| run(&mut doctor));
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err, "", "nothing but the report");
    Said { code: output.status.code().unwrap(), out: String::from_utf8(output.stdout).unwrap() }
}

impl Said {
    /// Fails with 1, and these words.
    #[track_caller]
    pub(crate) fn fails_with(&self, words: &[&str]) {
        assert_eq!(self.code, 1, "{}", self.out);
        assert!(self.out.contains("FAILED"), "{}", self.out);
        self.says(words);
    }

    /// Passes with 0, warns, and says these words.
    #[track_caller]
    pub(crate) fn warns_with(&self, words: &[&str]) {
        assert_eq!(self.code, 0, "{}", self.out);
        assert!(self.out.contains("\nwarning "), "{}", self.out);
        self.says(words);
    }

    /// No failure and no warning.
    #[track_caller]
    pub(crate) fn is_fine(&self) {
        assert_eq!(self.code, 0, "{}", self.out);
        assert!(self.out.ends_with("is fine. 一切正常。\n"), "{}", self.out);
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.out.contains(word), "no {word:?} in {}", self.out);
        }
    }
}
