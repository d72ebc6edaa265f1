//! BSON rows: documents one behind the other, as mongodump writes them.

use std::io::{self, BufRead, Read};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bson::{RawBsonRef, RawDocument, raw::RawArray};
use serde_json::{Map, Value, json};

use super::{DEPTH, Found, MAX_ROW, Row, plain};

/// The shortest document: a length and the end mark.
const SHORTEST: usize = 5;

pub(super) struct Documents<R> {
    source: R,
    row: u64,
}

impl<R: BufRead> Documents<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, row: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Found> {
        let lost = |problem: String| Ok(Found::Lost { row: self.row, problem });
        let mut raw = Vec::new();
        (&mut self.source).take(4).read_to_end(&mut raw)?;
        if raw.is_empty() {
            return Ok(Found::End);
        }
        let Ok(length) = <[u8; 4]>::try_from(raw.as_slice()) else {
            return lost("it ends within a length".to_owned());
        };
        let length = u32::from_le_bytes(length) as usize;
        if !(SHORTEST..=MAX_ROW).contains(&length) {
            return lost(format!("a document cannot have {length} bytes"));
        }
        // Grows as bytes come: a length alone takes no memory.
        (&mut self.source).take(length as u64 - 4).read_to_end(&mut raw)?;
        if raw.len() < length {
            return lost(format!("the last document has {} bytes instead of {length}", raw.len()));
        }
        self.row += 1;
        let columns = RawDocument::from_bytes(&raw).map_err(|error| error.to_string());
        let columns = columns.and_then(|document| object(document, DEPTH));
        let columns = columns.map_err(|problem| format!("it is no BSON document: {problem}"));
        let raw = if columns.is_ok() { Vec::new() } else { raw };
        Ok(Found::Row(Row { number: self.row, columns, raw }))
    }
}

fn object(document: &RawDocument, levels: usize) -> Result<Map<String, Value>, String> {
    let levels = levels.checked_sub(1).ok_or("it is nested too deep")?;
    let mut object = Map::new();
    for element in document {
        let (key, element) = element.map_err(|error| error.to_string())?;
        object.insert(key.as_str().to_owned(), value(element, levels)?);
    }
    Ok(object)
}

fn array(items: &RawArray, levels: usize) -> Result<Value, String> {
    let levels = levels.checked_sub(1).ok_or("it is nested too deep")?;
    let items: Result<_, String> =
        items.into_iter().map(|item| value(item.map_err(|error| error.to_string())?, levels)).collect();
    items.map(Value::Array)
}

/// As LeanCloud's REST API would show it; types that it has no word for as Extended JSON.
fn value(element: RawBsonRef<'_>, levels: usize) -> Result<Value, String> {
    Ok(match element {
        RawBsonRef::Double(number) => double(number),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => text.into(),
        RawBsonRef::Array(items) => array(items, levels)?,
        RawBsonRef::Document(document) => document_value(document, levels)?,
        RawBsonRef::Boolean(value) => value.into(),
        RawBsonRef::Null | RawBsonRef::Undefined => Value::Null,
        RawBsonRef::Int32(number) => number.into(),
        RawBsonRef::Int64(number) => number.into(),
        RawBsonRef::ObjectId(id) => id.to_hex().into(),
        RawBsonRef::DateTime(date) => plain::date(date.timestamp_millis()),
        RawBsonRef::Binary(binary) => plain::bytes(&STANDARD.encode(binary.bytes)),
        RawBsonRef::Decimal128(number) => json!({ "$numberDecimal": number.to_string() }),
        RawBsonRef::Timestamp(at) => json!({ "$timestamp": { "t": at.time, "i": at.increment } }),
        RawBsonRef::RegularExpression(regex) => {
            let (pattern, options) = (regex.pattern.as_str(), regex.options.as_str());
            json!({ "$regularExpression": { "pattern": pattern, "options": options } })
        }
        RawBsonRef::JavaScriptCode(code) => json!({ "$code": code }),
        RawBsonRef::JavaScriptCodeWithScope(code) => {
            json!({ "$code": code.code, "$scope": object(code.scope, levels)? })
        }
        // Gone from MongoDB since its first years, and the library does not show its parts.
        RawBsonRef::DbPointer(_) => return Err("it holds a DBPointer".to_owned()),
        RawBsonRef::MinKey => json!({ "$minKey": 1 }),
        RawBsonRef::MaxKey => json!({ "$maxKey": 1 }),
    })
}

/// Tools write whole numbers as doubles; JSON has no infinity.
fn double(number: f64) -> Value {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE {
        return (number as i64).into();
    }
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

fn document_value(document: &RawDocument, levels: usize) -> Result<Value, String> {
    let object = object(document, levels)?;
    match (object.get("$ref"), object.get("$id")) {
        (Some(class), Some(id)) => Ok(plain::pointer(class, id)),
        _ => Ok(Value::Object(object)),
    }
}
