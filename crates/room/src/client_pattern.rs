//! How a setting names clients: one id, or all that begin so.

use std::{fmt, str::FromStr};

/// A client id, or with a `*` at its end all that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientPattern {
    Exactly(String),
    BeginsWith(String),
}

impl ClientPattern {
    /// Whether a client id is meant.
    #[must_use]
    pub fn matches(&self, client: &str) -> bool {
        match self {
            Self::Exactly(id) => client == id,
            Self::BeginsWith(prefix) => client.starts_with(prefix),
        }
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("it is empty; leave it out if it does not matter")]
    Empty,
    #[error("`*` may stand only at the end")]
    StarInside,
}

impl FromStr for ClientPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let prefix = text.strip_suffix('*');
        match prefix.unwrap_or(text) {
            _ if text.is_empty() => Err(PatternError::Empty),
            known if known.contains('*') => Err(PatternError::StarInside),
            known if prefix.is_some() => Ok(Self::BeginsWith(known.to_owned())),
            known => Ok(Self::Exactly(known.to_owned())),
        }
    }
}

impl fmt::Display for ClientPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(id) => f.write_str(id),
            Self::BeginsWith(prefix) => write!(f, "{prefix}*"),
        }
    }
}
