//! The recording: a header and one event a line, in the order in which they passed.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the first line calls itself.
pub const FORMAT: &str = "grandstand-recording";

/// The version that this program writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// Longer lines are no recording of ours: messages and bodies are kept up to 1 MiB.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub format: String,
    pub version: u32,
    pub made_by: String,
    /// ISO 8601, UTC.
    pub started_at: String,
    /// The server that was recorded, without keys.
    pub to: String,
    /// Whether texts stand in it as they were. Otherwise their lengths and digests do.
    pub texts_kept: bool,
}

/// Any other line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Milliseconds since the start.
    pub at: u64,
    /// Counted from 1; a WebSocket is one, and so is each HTTP connection.
    pub connection: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    App,
    Server,
}

/// What passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The app asks for a WebSocket.
    Upgrade {
        path: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        subprotocol: Option<String>,
        /// The same as a parameter of the URL, as old SDKs name it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        in_url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        agent: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        origin: Option<String>,
    },
    /// The server's answer to that: 101, or a refusal.
    Upgraded {
        status: u16,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        subprotocol: Option<String>,
    },
    /// A message that is a command.
    Command {
        from: Side,
        /// Whether it came as text.
        #[serde(skip_serializing_if = "is_false", default)]
        text: bool,
        fields: Map<String, Value>,
        /// Bytes of fields that the schema does not have.
        #[serde(skip_serializing_if = "is_zero", default)]
        unknown: usize,
    },
    /// A message that is none, or that is too long to be read here.
    Message {
        from: Side,
        text: bool,
        content: Content,
        note: String,
    },
    Ping {
        from: Side,
        bytes: usize,
    },
    Pong {
        from: Side,
        bytes: usize,
    },
    Close {
        from: Side,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<u16>,
        reason: String,
    },
    /// What follows on this side is no WebSocket; it is passed on, and counted when it ends.
    Broken {
        from: Side,
        note: String,
    },
    /// One side has ended its half of the connection, or the connection broke.
    End {
        from: Side,
        #[serde(skip_serializing_if = "is_zero", default)]
        unreadable: usize,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<String>,
    },
    /// A call over HTTP.
    Request(Box<Request>),
    /// Its answer.
    Answer {
        exchange: u64,
        status: u16,
        body: Body,
    },
    /// The server did not answer: nor does the app get an answer.
    Unanswered {
        exchange: u64,
        note: String,
    },
}

/// A call over HTTP, without what proves who calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Counted from 1 over all connections.
    pub exchange: u64,
    pub method: String,
    /// Whether it is about chat. Of other calls, only the beginning of the path is kept.
    pub chat: bool,
    pub path: String,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub query: Vec<(String, Value)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<Proof>,
    /// The token of a session, redacted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<String>,
    pub body: Body,
}

/// With which key a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    AppKey,
    MasterKey,
}

/// A body: JSON about chat, something else of a known length, or nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    None,
    Json(Value),
    Other(Content),
}

/// What is not shown: how long it is, and by what to recognise it within the recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub bytes: usize,
    pub digest: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("line {line} is no line of a recording: {cause}")]
    Line { line: usize, cause: String },
    #[error("it does not begin with the header of a recording; was it made by `grandstand record`?")]
    NoHeader,
    #[error("it is a recording of version {0}, and this program reads version {VERSION}")]
    Version(u32),
    #[error("the recorder did not end it: its last line is cut off. Remove that line to use the rest")]
    CutOff,
}

/// A recording in memory; the number of a line in its file is its index here plus 2.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    pub header: Header,
    pub lines: Vec<Line>,
}

impl Recording {
    /// Reads a whole recording.
    ///
    /// # Errors
    /// [`Unreadable`] when it is none, or none of this version.
    pub fn read(mut from: impl BufRead) -> Result<Self, Unreadable> {
        let mut text = String::new();
        let mut next = |line: usize| -> Result<Option<String>, Unreadable> {
            text.clear();
            let mut limited = io::Read::take(&mut from, LONGEST_LINE);
            limited.read_line(&mut text).map_err(|cause| match cause.kind() {
                io::ErrorKind::InvalidData => Unreadable::Line { line, cause: "it is not UTF-8".to_owned() },
                _ => Unreadable::Io(cause),
            })?;
            Ok((!text.is_empty()).then(|| text.clone()))
        };
        let first = next(1)?.ok_or(Unreadable::NoHeader)?;
        let header: Header = serde_json::from_str(&first).map_err(|_| Unreadable::NoHeader)?;
        match (header.format.as_str(), header.version) {
            (FORMAT, VERSION) => {}
            (FORMAT, other) => return Err(Unreadable::Version(other)),
            _ => return Err(Unreadable::NoHeader),
        }
        let mut lines = Vec::new();
        while let Some(text) = next(lines.len() + 2)? {
            if !text.ends_with('\n') {
                return Err(Unreadable::CutOff);
            }
            let line = lines.len() + 2;
            let parsed = serde_json::from_str(&text);
            lines.push(parsed.map_err(|cause| Unreadable::Line { line, cause: cause.to_string() })?);
        }
        Ok(Self { header, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"format":"grandstand-recording","version":1,"made_by":"g","started_at":"2026-11-23T00:00:00Z","to":"http://x","texts_kept":false}"#;

    fn read(text: &str) -> Result<Recording, String> {
        Recording::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_come_back_as_they_were_written() {
        let fields = serde_json::json!({"cmd": "echo", "i": 1}).as_object().cloned().unwrap();
        let request = Request {
            exchange: 1,
            method: "GET".to_owned(),
            chat: true,
            path: "/1.2/rtm/stats".to_owned(),
            query: vec![("limit".to_owned(), "1".into())],
            app: Some("app".to_owned()),
            proof: Some(Proof::MasterKey),
            session: None,
            agent: None,
            body: Body::None,
        };
        let events = [
            Event::Command { from: Side::App, text: true, fields, unknown: 0 },
            Event::Close { from: Side::Server, code: Some(4108), reason: String::new() },
            Event::Request(Box::new(request)),
            Event::Answer { exchange: 1, status: 200, body: Body::Json(serde_json::json!({"a": 1})) },
        ];
        let mut text = format!("{HEADER}\n");
        let lines: Vec<Line> = events.into_iter().map(|event| Line { at: 7, connection: 2, event }).collect();
        for line in &lines {
            text.push_str(&serde_json::to_string(line).unwrap());
            text.push('\n');
        }
        assert_eq!(read(&text).unwrap().lines, lines);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_a_sentence() {
        assert!(read("").unwrap_err().contains("header"));
        assert!(read("{}\n").unwrap_err().contains("header"));
        let newer = HEADER.replace("\"version\":1", "\"version\":2");
        assert!(read(&format!("{newer}\n")).unwrap_err().contains("version 2"));
        assert!(read(&format!("{HEADER}\n{{}}\n")).unwrap_err().contains("line 2"));
        let cut = format!("{HEADER}\n{{\"at\":1,\"connection\":1,\"event\":\"end\",\"from\":\"app\"}}");
        assert!(read(&cut).unwrap_err().contains("cut off"));
        assert_eq!(read(&format!("{cut}\n")).unwrap().lines.len(), 1);
    }
}
