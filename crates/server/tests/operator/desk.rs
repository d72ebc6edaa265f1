//! A running server, and an operator who asks it.

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    running::{self, Running, body, connect, read_to_end, status},
    server::APP,
};

pub(crate) const MASTER_KEY: &str = "the-master-key";

/// A server with one app, and a folder to work in.
pub(crate) struct Desk {
    pub(crate) server: Running,
    pub(crate) folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program without any setting of whoever runs the tests.
pub(crate) fn operator(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    command.env_clear().current_dir(folder.path());
    command
}

/// Runs a command with something on its standard input, which is no terminal.
pub(crate) fn run(command: &mut Command, input: &str) -> Said {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read is gone before.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

impl Desk {
    pub(crate) fn open() -> Self {
        Self::open_with("")
    }

    /// With lines of configuration for the app.
    pub(crate) fn open_with(app_lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[[apps]]\nid = \"{APP}\"\nkey = \"the-key\"\nmaster_key = \"{MASTER_KEY}\"\n{app_lines}\n"
        );
        Self { server: Running::start_with(folder.path(), &config), folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.public)
    }

    /// The program with everything that it needs in its environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = operator(&self.folder);
        command.env("GRANDSTAND_URL", self.url()).env("GRANDSTAND_APP_ID", APP);
        command.env("GRANDSTAND_MASTER_KEY", MASTER_KEY);
        command
    }

    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        run(self.command().args(arguments), "")
    }

    /// Standard output of a command that has to succeed, and say nothing else.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.say(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {}", said.out);
        said.out
    }

    /// The same with `--json`: a value for each line.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.ok(&[arguments, &["--json"]].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What a command says that has to fail.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], code: i32) -> String {
        let said = self.say(arguments);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{arguments:?}: {}", said.err);
        assert!(said.err.starts_with("grandstand: ") && !said.err.contains(MASTER_KEY), "{}", said.err);
        said.err
    }

    /// Makes a room; its id.
    pub(crate) fn room(&self, name: &str) -> String {
        self.json(&["rooms", "create", name])[0]["objectId"].as_str().unwrap().to_owned()
    }
}

/// The app's back end posts, without the command line.
pub(crate) fn post(address: SocketAddr, path: &str, content: &Value) -> Value {
    let content = content.to_string();
    let mut stream = connect(address);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-LC-Id: {APP}\r\n\
         X-LC-Key: {MASTER_KEY},master\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    stream.write_all(format!("{head}{content}").as_bytes()).unwrap();
    let answer = read_to_end(&mut stream);
    assert!(running::status(&answer) < 300 && status(&answer) > 0, "{answer}");
    serde_json::from_str(body(&answer)).unwrap()
}
