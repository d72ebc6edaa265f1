//! The line of a message.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, Level};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageLine {
    /// Its id.
    pub id: String,
    /// The room's id.
    pub room: String,
    /// Who sent it.
    pub from: String,
    /// Unix milliseconds.
    pub timestamp: i64,
    /// The content; binary ones stand as Base64.
    pub body: Body,
    /// `None` when the source does not tell.
    pub level: Option<Level>,
    /// Whether it mentions all.
    pub mention_all: bool,
    /// Whom it mentions.
    pub mentions: Vec<String>,
    /// The last edit or recall, in Unix milliseconds.
    pub patched_at: Option<i64>,
    /// Whether it was taken back.
    pub recalled: bool,
    /// The only ones who got it, if not everybody did.
    pub audience: Option<Vec<String>>,
    /// Where it came from.
    pub ip: Option<String>,
    /// When its receiver confirmed it, in Unix milliseconds: of conversations that are no rooms.
    pub ack_at: Option<i64>,
    /// What else the source said of it.
    pub extra: Map<String, Value>,
}

impl MessageLine {
    /// One with what every source tells.
    #[must_use]
    pub fn new(
        (id, room, from): (impl Into<String>, impl Into<String>, impl Into<String>),
        timestamp: i64,
        body: Body,
    ) -> Self {
        Self {
            id: id.into(),
            room: room.into(),
            from: from.into(),
            timestamp,
            body,
            level: None,
            mention_all: false,
            mentions: Vec::new(),
            patched_at: None,
            recalled: false,
            audience: None,
            ip: None,
            ack_at: None,
            extra: Map::new(),
        }
    }
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    from: Cow<'a, str>,
    timestamp: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    binary: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    level: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    mention_all: bool,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    mentions: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patched_at: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    recalled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audience: Option<Cow<'a, [String]>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    ip: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ack_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    extra: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Serialize for MessageLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (text, binary) = match &self.body {
            Body::Text(text) => (Some(text.into()), None),
            Body::Binary(bytes) => (None, Some(STANDARD.encode(bytes).into())),
        };
        let written = Written {
            id: (&self.id).into(),
            room: (&self.room).into(),
            from: (&self.from).into(),
            timestamp: self.timestamp,
            text,
            binary,
            level: self.level.map(|level| level.name().into()),
            mention_all: self.mention_all,
            mentions: (&self.mentions).into(),
            patched_at: self.patched_at,
            recalled: self.recalled,
            audience: self.audience.as_ref().map(Into::into),
            ip: self.ip.as_ref().map(Into::into),
            ack_at: self.ack_at,
            extra: self.extra.clone(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MessageLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let body = match (written.text, written.binary) {
            (Some(text), None) => Body::Text(text.into_owned()),
            (None, Some(binary)) => {
                let bytes = STANDARD.decode(binary.as_bytes());
                Body::Binary(bytes.map_err(|_| de::Error::custom("`binary` is no Base64"))?.into())
            }
            _ => return Err(de::Error::custom("a message has either `text` or `binary`")),
        };
        let level = written.level.map(|name| level(&name)).transpose().map_err(de::Error::custom)?;
        Ok(Self {
            id: written.id.into_owned(),
            room: written.room.into_owned(),
            from: written.from.into_owned(),
            timestamp: written.timestamp,
            body,
            level,
            mention_all: written.mention_all,
            mentions: written.mentions.into_owned(),
            patched_at: written.patched_at,
            recalled: written.recalled,
            audience: written.audience.map(Cow::into_owned),
            ip: written.ip.map(Cow::into_owned),
            ack_at: written.ack_at,
            extra: written.extra,
        })
    }
}

fn level(name: &str) -> Result<Level, String> {
    let known = [Level::High, Level::Normal, Level::Low].into_iter().find(|level| level.name() == name);
    known.ok_or_else(|| format!("the level {name:?} is none of high, normal and low"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(line: &MessageLine, expected: &str) {
        assert_eq!(serde_json::to_string(line).unwrap(), expected);
        assert_eq!(&serde_json::from_str::<MessageLine>(expected).unwrap(), line);
    }

    #[test]
    fn what_is_not_known_is_not_written() {
        let line = MessageLine::new(("m", "r", "a"), 1, Body::Text("早\n\"".to_owned()));
        check(&line, r#"{"id":"m","room":"r","from":"a","timestamp":1,"text":"早\n\""}"#);
    }

    #[test]
    fn everything_is_kept() {
        let line = MessageLine {
            level: Some(Level::High),
            mention_all: true,
            mentions: vec!["b".to_owned()],
            patched_at: Some(2),
            recalled: true,
            audience: Some(vec!["c".to_owned()]),
            ip: Some("::1".to_owned()),
            ack_at: Some(3),
            extra: json!({ "is-room": true }).as_object().cloned().unwrap(),
            ..MessageLine::new(("m", "r", "a"), 1, Body::Binary(vec![0, 255].into()))
        };
        check(
            &line,
            r#"{"id":"m","room":"r","from":"a","timestamp":1,"binary":"AP8=","level":"high","mentionAll":true,"mentions":["b"],"patchedAt":2,"recalled":true,"audience":["c"],"ip":"::1","ackAt":3,"extra":{"is-room":true}}"#,
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            r#"{"id":"m","room":"r","from":"a","timestamp":1}"#,
            r#"{"id":"m","room":"r","from":"a","timestamp":1,"text":"x","binary":"AA=="}"#,
            r#"{"id":"m","room":"r","from":"a","timestamp":1,"binary":"?"}"#,
            r#"{"id":"m","room":"r","from":"a","timestamp":1,"text":"x","level":"HIGHEST"}"#,
            r#"{"id":"m","room":"r","from":"a","timestamp":"1","text":"x"}"#,
            r#"{"room":"r","from":"a","timestamp":1,"text":"x"}"#,
        ] {
            assert!(serde_json::from_str::<MessageLine>(text).is_err(), "{text}");
        }
        let unknown = r#"{"id":"m","room":"r","from":"a","timestamp":1,"text":"x","new":1}"#;
        assert!(serde_json::from_str::<MessageLine>(unknown).is_ok());
    }
}
