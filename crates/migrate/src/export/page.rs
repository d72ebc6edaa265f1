//! A page of history: whether it is what was asked for.

use serde_json::Value;

use super::{cursor::Anchor, item};
use crate::archive::{MessageLine, SourceKind};

/// A page of history.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) lines: Vec<MessageLine>,
    /// Rows that are no messages, and why.
    pub(super) broken: Vec<(Value, &'static str)>,
    /// Whether it begins with the message from which it was to begin.
    pub(super) begins: bool,
    /// Whether no message is older than the one before.
    pub(super) ordered: bool,
    /// Rows that came.
    pub(super) rows: usize,
}

impl Page {
    /// Reads an answer, a list. `from`: the message with which it has to begin.
    pub(super) fn read(answer: Value, from: Option<&Anchor>, room: Option<&str>, kind: SourceKind) -> Self {
        let items = if let Value::Array(items) = answer { items } else { Vec::new() };
        let rows = items.len();
        let (mut lines, mut broken) = (Vec::with_capacity(rows), Vec::new());
        for value in items {
            match item::line(&value, room, kind) {
                Ok(line) => lines.push(line),
                Err(why) => broken.push((value, why)),
            }
        }
        let begins = from.is_none_or(|from| {
            lines.first().is_some_and(|first| first.id == from.id && first.timestamp == from.timestamp)
        });
        let ordered = lines.is_sorted_by_key(|line| line.timestamp);
        Self { lines, broken, begins, ordered, rows }
    }

    /// Whether no message is newer than the one before.
    pub(super) fn is_descending(&self) -> bool {
        self.lines.is_sorted_by(|one, next| one.timestamp >= next.timestamp)
    }

    /// Whether there is nothing to wonder about.
    pub(super) fn is_sound(&self) -> bool {
        self.begins && self.ordered && self.broken.is_empty()
    }
}
