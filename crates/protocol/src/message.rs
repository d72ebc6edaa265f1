//! The parts of a message that commands, pushes and history share.

use bytes::Bytes;

/// What goes first when there is too much: HIGH is never shed, LOW is shed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Priority 1 on the wire.
    High,
    /// Priority 2 on the wire, and the default.
    Normal,
    /// Priority 3 on the wire.
    Low,
}

impl Level {
    /// The level behind a wire number; unknown numbers are `None`.
    #[must_use]
    pub fn from_wire(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::High),
            2 => Some(Self::Normal),
            3 => Some(Self::Low),
            _ => None,
        }
    }

    /// The wire number: 1 HIGH, 2 NORMAL, 3 LOW.
    #[must_use]
    pub fn to_wire(self) -> i32 {
        match self {
            Self::High => 1,
            Self::Normal => 2,
            Self::Low => 3,
        }
    }

    /// Its name in configuration and figures: `high`, `normal` or `low`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// The content of a message: opaque to the server but for `_lctype` and `_lctext` of typed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `msg` on the wire. Typed messages are JSON text with `_lctype`.
    Text(String),
    /// `binaryMsg` on the wire.
    Binary(Bytes),
}

impl Body {
    /// Size in bytes, as counted by the message limit.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is no content at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// Whom a message mentions. The server only hands it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Everybody in the room.
    pub all: bool,
    /// Client ids, at most [`crate::limits::MENTIONS`].
    pub clients: Vec<String>,
}
