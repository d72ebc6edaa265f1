//! An item of history, and its line in the archive.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, Level};
use grandstand_room::content::{RECALLED, lctype};
use serde_json::{Map, Value};

use crate::archive::{MessageLine, SourceKind};

/// Reads an item; what it cannot be without is its id, its time, its room and its content. In the history of a room,
/// `room` is that one.
pub(super) fn line(item: &Value, room: Option<&str>, kind: SourceKind) -> Result<MessageLine, &'static str> {
    let mut item = item.as_object().cloned().ok_or("it is no object")?;
    let id = text(&mut item, "msg-id").filter(|id| !id.is_empty()).ok_or("it has no msg-id")?;
    let timestamp = item.shift_remove("timestamp").as_ref().and_then(number).ok_or("it has no timestamp")?;
    let (conversation, to) = (text(&mut item, "conv-id"), text(&mut item, "to"));
    let told = conversation.or(to).filter(|id| !id.is_empty());
    let room = match (told, room) {
        (Some(told), Some(room)) if told != room => return Err("it is of another conversation"),
        (told, room) => told.or(room.map(str::to_owned)).ok_or("it names no conversation")?,
    };
    let bin = item.shift_remove("bin").is_some_and(|bin| bin == true || bin == 1);
    let data = match item.shift_remove("data") {
        Some(Value::String(data)) => data,
        // An app that stores objects gets them back as such in some places: its text is the same to whoever parses it.
        Some(data @ (Value::Object(_) | Value::Array(_))) => data.to_string(),
        _ => return Err("it has no data"),
    };
    let body = match bin {
        false => Body::Text(data),
        true => Body::Binary(
            STANDARD.decode(data).map_err(|_| "its data is no Base64, although bin is true")?.into(),
        ),
    };
    let recalled = match kind {
        SourceKind::Grandstand => item.shift_remove("recalled") == Some(Value::Bool(true)),
        // It does not tell: what is left of a recalled message does.
        SourceKind::LeanCloud => lctype(&body) == Some(RECALLED),
    };
    let mut line = MessageLine {
        recalled,
        mention_all: item.shift_remove("mention-all") == Some(Value::Bool(true)),
        mentions: texts(item.shift_remove("mention-client-ids")),
        audience: match kind {
            SourceKind::Grandstand => item.shift_remove("audience").map(|named| texts(Some(named))),
            SourceKind::LeanCloud => None,
        },
        level: text(&mut item, "priority").as_deref().and_then(level),
        patched_at: item.shift_remove("patch-timestamp").as_ref().and_then(number),
        ip: text(&mut item, "from-ip"),
        ack_at: item.shift_remove("ack-at").as_ref().and_then(number),
        ..MessageLine::new((id, room, text(&mut item, "from").unwrap_or_default()), timestamp, body)
    };
    // What is true of every room says nothing.
    item.retain(|key, value| !matches!((key.as_str(), value), ("is-conv" | "is-room", Value::Bool(_))));
    line.extra = item;
    Ok(line)
}

fn text(item: &mut Map<String, Value>, key: &str) -> Option<String> {
    match item.get(key) {
        Some(Value::String(_)) => match item.shift_remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn texts(value: Option<Value>) -> Vec<String> {
    let Some(Value::Array(values)) = value else { return Vec::new() };
    values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// Milliseconds, as a number or as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn level(name: &str) -> Option<Level> {
    match name {
        "high" => Some(Level::High),
        "normal" => Some(Level::Normal),
        "low" => Some(Level::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_of_leancloud() {
        let item = json!({
            "timestamp": 5, "conv-id": "r", "data": "hello", "from": "ann", "msg-id": "m", "is-conv": true,
            "is-room": false, "to": "r", "bin": false, "from-ip": "10.0.0.1", "ack-at": 7, "new": { "x": 1 },
        });
        let line = line(&item, Some("r"), SourceKind::LeanCloud).unwrap();
        let expected = MessageLine {
            ip: Some("10.0.0.1".to_owned()),
            ack_at: Some(7),
            extra: json!({ "new": { "x": 1 } }).as_object().cloned().unwrap(),
            ..MessageLine::new(("m", "r", "ann"), 5, Body::Text("hello".to_owned()))
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn grandstand_tells_who_got_it() {
        let item = json!({ "timestamp": 5, "conv-id": "r", "data": "x", "msg-id": "m", "from": "ann", "audience": ["bob"] });
        let told = line(&item, None, SourceKind::Grandstand).unwrap();
        assert_eq!((told.audience, told.extra), (Some(vec!["bob".to_owned()]), Map::new()));
    }

    #[test]
    fn what_is_left_of_a_recalled_message_is_known() {
        let item = json!({ "timestamp": 5, "conv-id": "r", "data": "{\"_lctype\":-127}", "msg-id": "m" });
        assert!(line(&item, None, SourceKind::LeanCloud).unwrap().recalled);
        // Grandstand tells: what only looks so was written so.
        assert!(!line(&item, None, SourceKind::Grandstand).unwrap().recalled);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = json!({ "timestamp": 5, "conv-id": "r", "data": "x", "msg-id": "m", "from": "ann" });
        assert!(line(&whole, None, SourceKind::LeanCloud).is_ok());
        for key in ["timestamp", "conv-id", "data", "msg-id"] {
            let mut item = whole.clone();
            item.as_object_mut().unwrap().shift_remove(key);
            assert!(line(&item, None, SourceKind::LeanCloud).is_err(), "{key}");
        }
        assert!(line(&whole, Some("another"), SourceKind::LeanCloud).is_err());
        let mut binary = whole;
        binary["bin"] = true.into();
        binary["data"] = "?".into();
        assert!(line(&binary, None, SourceKind::LeanCloud).is_err());
    }
}
