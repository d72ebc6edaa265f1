//! The texts inside a message that is JSON: found, and put back with all else left as it was.

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

/// The texts in a message that is JSON; `None` when it is none. Of typed messages these are the values of `_lctext`; of
/// others, all strings that are values.
///
/// JSON may name a key twice, and then clients read the last one: all are found. Nor do escapes hide anything, in keys
/// or in values.
pub(super) fn texts(json: &str) -> Option<Vec<Span>> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let places = match json.trim_ascii_start().as_bytes().first()? {
        b'{' => {
            let Fields { typed, raw } = reader.deserialize_map(FieldsVisitor).ok()?;
            // The values are parts of the message itself.
            let start = |raw: &RawValue| raw.get().as_ptr() as usize - json.as_ptr() as usize;
            let place = |raw: &RawValue| start(raw)..start(raw) + raw.get().len();
            typed.then(|| raw.into_iter().map(place).collect())
        }
        b'[' | b'"' => IgnoredAny::deserialize(&mut reader).map(|_| None).ok()?,
        _ => return None,
    };
    reader.end().ok()?;
    let places = places.unwrap_or_else(|| values(json));
    let span = |place: Range<usize>| {
        let Lossy(text) = serde_json::from_str(&json[place.clone()]).ok()?;
        Some(Span { place, text })
    };
    Some(places.into_iter().filter_map(span).collect())
}

/// Where the strings stand that are no keys. The text is known to be JSON, so every quote begins or ends a string, but
/// for those behind a backslash. No depth of nesting costs anything here.
fn values(json: &str) -> Vec<Range<usize>> {
    let (mut values, mut read) = (Vec::new(), 0);
    while let Some(before) = json[read..].find('"') {
        let start = read + before;
        let mut within = json.as_bytes()[start + 1..].iter().enumerate();
        let mut end = json.len();
        while let Some((at, byte)) = within.next() {
            match byte {
                b'\\' => drop(within.next()),
                b'"' => {
                    end = start + 1 + at + 1;
                    break;
                }
                _ => {}
            }
        }
        read = end;
        if !json[read..].trim_ascii_start().starts_with(':') {
            values.push(start..end);
        }
    }
    values
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
