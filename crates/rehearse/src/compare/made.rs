//! What is sent in the place of what the recording does not hold: made from digests, so that equal stays equal.

use std::collections::{HashMap, HashSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// A redacted value as it stands in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hidden<'a> {
    pub(super) kind: &'a str,
    pub(super) bytes: usize,
    pub(super) digest: &'a str,
    pub(super) lctype: Option<i64>,
}

impl<'a> Hidden<'a> {
    /// Reads a redacted value.
    pub(super) fn read(value: &'a Value) -> Option<Self> {
        let object = value.as_object()?;
        Some(Self {
            kind: object.get("redacted")?.as_str()?,
            bytes: usize::try_from(object.get("bytes")?.as_u64()?).ok()?,
            digest: object.get("digest")?.as_str()?,
            lctype: object.get("lctype").and_then(Value::as_i64),
        })
    }
}

/// Longer texts are refused by any server; a recording that asks for more is not obeyed.
const LONGEST: usize = 1024 * 1024;

/// The texts that were made, each for one digest.
#[derive(Debug, Default)]
pub(super) struct Made {
    texts: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Made {
    /// The text for a digest: of the same length if any such is left, and of the same kind.
    pub(super) fn text(&mut self, hidden: Hidden<'_>) -> String {
        if let Some(text) = self.texts.get(hidden.digest) {
            return text.clone();
        }
        let shell = |filling: &str| match hidden.lctype {
            Some(kind) => json!({ "_lctype": kind, "_lctext": filling }).to_string(),
            None => filling.to_owned(),
        };
        let length = hidden.bytes.min(LONGEST).saturating_sub(shell("").len());
        let mut text = shell(&filling(hidden.digest, length));
        let mut more = 0;
        while self.taken.contains(&text) {
            more += 1;
            // Few short texts are different: after some tries they become longer.
            let length = if more < 64 { length } else { length + 8 };
            text = shell(&filling(&format!("{more:x}{}", hidden.digest), length));
        }
        self.taken.insert(text.clone());
        self.texts.insert(hidden.digest.to_owned(), text.clone());
        text
    }

    /// Bytes for a digest, as Base64.
    pub(super) fn bytes(hidden: Hidden<'_>) -> String {
        BASE64_STANDARD.encode(filling(hidden.digest, hidden.bytes.min(LONGEST)))
    }
}

fn filling(digest: &str, length: usize) -> String {
    digest.chars().cycle().take(if digest.is_empty() { 0 } else { length }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(digest: &str, bytes: usize, lctype: Option<i64>) -> Hidden<'_> {
        Hidden { kind: "text", bytes, digest, lctype }
    }

    #[test]
    fn texts_have_the_length_and_the_kind_of_what_they_stand_for() {
        let mut made = Made::default();
        let text = made.text(hidden("ab12", 200, None));
        assert_eq!((text.len(), &text[..4]), (200, "ab12"));
        assert_eq!(made.text(hidden("ab12", 200, None)), text, "equal stays equal");
        let typed = made.text(hidden("cd34", 60, Some(-1)));
        assert_eq!(typed.len(), 60);
        assert_eq!(serde_json::from_str::<Value>(&typed).unwrap()["_lctype"], -1);
        assert_eq!(made.text(hidden("", 0, None)), "");
    }

    #[test]
    fn different_stays_different_even_when_short() {
        let mut made = Made::default();
        let texts: HashSet<String> =
            (0..500).map(|number| made.text(hidden(&format!("{number:032x}"), 1, None))).collect();
        assert_eq!(texts.len(), 500);
    }
}
