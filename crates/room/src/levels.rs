//! Rules by which an app gives levels to messages, since many clients set none.

use std::{fmt, str::FromStr};

use grandstand_protocol::Level;
use serde::Deserialize;

/// A rule of an app: all conditions that it names must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRule {
    /// `_lctype` of a typed message.
    pub lctype: Option<i32>,
    pub sender: Option<SenderPattern>,
    pub via: Option<Via>,
    /// What the message gets.
    pub level: Level,
    /// Whether messages that carry a level get this one, too.
    pub overrides: bool,
}

/// The way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// From a client's socket.
    Client,
    /// From the app's back end.
    Rest,
}

/// What rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    pub lctype: Option<i32>,
    pub sender: &'a str,
    pub via: Via,
    /// The level that the message carries.
    pub carried: Option<Level>,
}

/// What the first rule that applies says: the level, and the index of the rule. Rules that do not override are passed
/// over for a message that carries a level.
#[must_use]
pub fn ruled(rules: &[LevelRule], message: &Origin<'_>) -> Option<(Level, usize)> {
    let index = rules.iter().position(|rule| rule.applies(message))?;
    Some((rules[index].level, index))
}

impl LevelRule {
    fn applies(&self, message: &Origin<'_>) -> bool {
        (self.overrides || message.carried.is_none())
            && self.lctype.is_none_or(|lctype| message.lctype == Some(lctype))
            && self.sender.as_ref().is_none_or(|pattern| pattern.matches(message.sender))
            && self.via.is_none_or(|via| message.via == via)
    }
}

/// A client id, or with a `*` at its end all that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderPattern {
    Exactly(String),
    BeginsWith(String),
}

impl SenderPattern {
    fn matches(&self, sender: &str) -> bool {
        match self {
            Self::Exactly(id) => sender == id,
            Self::BeginsWith(prefix) => sender.starts_with(prefix),
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

impl FromStr for SenderPattern {
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

impl fmt::Display for SenderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(id) => f.write_str(id),
            Self::BeginsWith(prefix) => write!(f, "{prefix}*"),
        }
    }
}
