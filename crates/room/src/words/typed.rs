//! The text inside a typed message: found in its JSON, and put back with all else left as it was.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer as _,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A text in the JSON of a message.
#[derive(Debug)]
pub(super) struct Span {
    place: Range<usize>,
    text: String,
}

/// The values of `_lctext` in a typed message; `None` when this is none: no JSON object with `_lctype`.
///
/// JSON may name a key twice, and then clients read the last one: all are found. Nor do escapes hide anything, in keys
/// or in values.
pub(super) fn texts(json: &str) -> Option<Vec<Span>> {
    if !json.trim_ascii_start().starts_with('{') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let Fields { typed, raw } = reader.deserialize_map(FieldsVisitor).ok()?;
    reader.end().ok()?;
    let span = |raw: &RawValue| {
        let Lossy(text) = serde_json::from_str(raw.get()).ok()?;
        // The value is a part of the message itself.
        let start = raw.get().as_ptr() as usize - json.as_ptr() as usize;
        Some(Span { place: start..start + raw.get().len(), text })
    };
    typed.then(|| raw.into_iter().filter_map(span).collect())
}

/// The message with these texts as `mask` leaves them, if it changes any; and what it says of all of them.
pub(super) fn rewrite(
    json: &str,
    spans: Vec<Span>,
    mask: impl Fn(&str) -> Option<(String, Vec<usize>)>,
) -> Option<(String, Vec<usize>)> {
    let mut rewritten = String::with_capacity(json.len());
    let (mut copied, mut all) = (0, Vec::new());
    for Span { place, text } in spans {
        let Some((masked, hits)) = mask(&text) else { continue };
        rewritten.push_str(&json[copied..place.start]);
        rewritten.push_str(&serde_json::Value::String(masked).to_string());
        copied = place.end;
        all.extend(hits);
    }
    rewritten.push_str(&json[copied..]);
    (!all.is_empty()).then_some((rewritten, all))
}

struct Fields<'a> {
    typed: bool,
    raw: Vec<&'a RawValue>,
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields { typed: false, raw: Vec::new() };
        while let Some(Lossy(key)) = map.next_key_seed(LossySeed)? {
            match key.as_str() {
                "_lctext" => fields.raw.push(map.next_value()?),
                "_lctype" => {
                    fields.typed = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

/// A JSON string that may hold half a surrogate pair, which JavaScript takes and Rust does not: it is replaced.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        LossySeed.deserialize(deserializer)
    }
}

struct LossySeed;

impl<'de> DeserializeSeed<'de> for LossySeed {
    type Value = Lossy;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Lossy, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for LossySeed {
    type Value = Lossy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Lossy, E> {
        Ok(Lossy(String::from_utf8_lossy(bytes).into_owned()))
    }
}
