//! `where`, `attr`, `results`: text in protobuf, objects and arrays in JSON.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::wire::JsonObjectMessage;

impl Serialize for JsonObjectMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match parse(&self.data) {
            Some(document) => document.serialize(serializer),
            None => serializer.serialize_str(&self.data),
        }
    }
}

impl<'de> Deserialize<'de> for JsonObjectMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let data = match Value::deserialize(deserializer)? {
            Value::String(text) => parse(&text).map_or(text, |document| document.to_string()),
            document => document.to_string(),
        };
        Ok(Self { data })
    }
}

/// The document in `text` if it is an object or array. Parsed inside a list, because it will stand one level
/// deeper in the frame: what passes here can be read again under the same limit of depth.
fn parse(text: &str) -> Option<Value> {
    let [document] = serde_json::from_str(&format!("[{text}]")).ok()?;
    matches!(document, Value::Object(_) | Value::Array(_)).then_some(document)
}
