//! Why an export stops before its end. What was sealed stays; run again, it goes on.

use serde_json::Value;

use crate::archive::ArchiveError;

/// Why an export stops.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder, or the disk below it.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The server says no.
    #[error("{0}")]
    Refused(Refusal),
    /// There is no way to the server.
    #[error("cannot reach {server}: {cause}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What the system says.
        cause: String,
    },
    /// No answer in time.
    #[error("{server} did not answer in time")]
    TooSlow {
        /// Its address.
        server: String,
    },
    /// The server, or what is in its place, sends elsewhere, where the key should not go unasked.
    #[error("{server} sends elsewhere, to {place}")]
    SentElsewhere {
        /// Who sends.
        server: String,
        /// Where to.
        place: String,
    },
    /// An answer that neither LeanCloud nor Grandstand would give.
    #[error("the server answers nonsense: {0}")]
    Strange(String),
    /// A room was asked for by its id, and is not there.
    #[error("the app has no chat room {0}")]
    NoRoom(String),
    /// In the folder is an export of something else.
    #[error("{folder} holds an export of something else ({difference})")]
    Another {
        /// The folder.
        folder: String,
        /// What is different.
        difference: String,
    },
    /// Somebody else writes into the folder.
    #[error("another export is writing to {0}")]
    Busy(String),
}

/// What a server said that refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// Its own code, if it gives one.
    pub code: Option<i64>,
    /// Its own words.
    pub words: String,
}

/// Longest piece of what a server says that is passed on.
const WORDS: usize = 300;

impl Refusal {
    pub(super) fn read(path: &str, status: u16, answer: Option<&Value>) -> Self {
        let code = answer.and_then(|answer| answer["code"].as_i64());
        let words = answer.and_then(|answer| answer["error"].as_str()).unwrap_or_default();
        Self { path: path.to_owned(), status, code, words: words.chars().take(WORDS).collect() }
    }

    /// Whether the room is not there: 404, or what the protocol and the storage say of it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == 404 || (self.status < 500 && matches!(self.code, Some(101 | 4303 | 4401)))
    }

    /// Whether the server does not show what was asked for, rather than not now, or not to whoever asks.
    pub(super) fn is_of_the_list(&self) -> bool {
        (400..500).contains(&self.status) && !matches!(self.status, 401 | 408 | 429)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, status, code, words } = self;
        write!(f, "the server answers {status} to {path}")?;
        if let Some(code) = code.filter(|code| *code != i64::from(*status)) {
            write!(f, " (code {code})")?;
        }
        if !words.is_empty() {
            write!(f, ": {words}")?;
        }
        Ok(())
    }
}
