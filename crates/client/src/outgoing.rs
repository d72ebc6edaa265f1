//! Messages on their way out, and the names of those that were accepted.

use bytes::Bytes;
use grandstand_protocol::{Body, Bound, HistoryItem, Level, Mentions, MessageId, Push, RoomId, Send};
use serde_json::{Value, json};

/// A message to be sent; by default stored, and of level NORMAL.
///
/// It carries a dedupe token: sent twice, it is accepted once and answered alike for 30 minutes, even after a restart
/// of the server. Clone it to try again, make a new one to say the same thing again. Transient messages are not
/// covered.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    body: Body,
    level: Option<Level>,
    transient: bool,
    will: bool,
    dedupe: String,
    mentions: Mentions,
}

impl Outgoing {
    /// A typed text (`_lctype` -1), which every SDK shows as a text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::json(&json!({ "_lctype": -1, "_lctext": text }))
    }

    /// A message whose body is JSON, with an `_lctype` for those who use typed messages.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        Self::new(Body::Text(body.to_string()))
    }

    /// A binary message. The ObjC and C# SDKs do not see those.
    #[must_use]
    pub fn binary(body: impl Into<Bytes>) -> Self {
        Self::new(Body::Binary(body.into()))
    }

    /// A message with any body of at most 5 KiB; longer ones are refused with 4109.
    #[must_use]
    pub fn new(body: Body) -> Self {
        let dedupe = format!("{:032x}", rand::random::<u128>());
        Self { body, level: None, transient: false, will: false, dedupe, mentions: Mentions::default() }
    }

    /// What goes first when there is too much: HIGH reaches everybody, LOW is left out first.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Not stored, only for those online now; without order, and not repeated after a reconnect.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Held by the server and delivered when this session ends without [`crate::Client::close`]. At most 8 a session.
    #[must_use]
    pub fn will(mut self) -> Self {
        self.will = true;
        self
    }

    /// Mentions a client; at most 20 by name.
    #[must_use]
    pub fn mention(mut self, client: &str) -> Self {
        self.mentions.clients.push(client.to_owned());
        self
    }

    /// Mentions everybody in the room.
    #[must_use]
    pub fn mention_all(mut self) -> Self {
        self.mentions.all = true;
        self
    }

    /// A dedupe token of the application's own, to be the same message across restarts of the application.
    #[must_use]
    pub fn dedupe(mut self, token: &str) -> Self {
        token.clone_into(&mut self.dedupe);
        self
    }

    /// Its body, for an edit.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Whether sending it again after a reconnect is sending it once.
    pub(crate) fn is_repeatable(&self) -> bool {
        !self.transient
    }

    pub(crate) fn into_command(self, room: RoomId) -> Send {
        Send {
            room,
            body: self.body,
            level: self.level,
            transient: self.transient,
            will: self.will,
            dedupe: Some(self.dedupe),
            push_data: None,
            mentions: self.mentions,
        }
    }
}

/// Names a message: what edits, recalls and history bounds need.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageRef {
    /// The room.
    pub room: RoomId,
    /// Its id, unique in the app.
    pub message: MessageId,
    /// Its time, ms of the server's clock.
    pub timestamp: i64,
}

impl MessageRef {
    /// The name of a message from a history page of `room`.
    #[must_use]
    pub fn of(room: &RoomId, item: &HistoryItem) -> Self {
        Self { room: room.clone(), message: item.message.clone(), timestamp: item.timestamp }
    }
}

impl From<&Push> for MessageRef {
    fn from(push: &Push) -> Self {
        Self { room: push.room.clone(), message: push.message.clone(), timestamp: push.timestamp }
    }
}

impl From<&MessageRef> for Bound {
    /// The place of the message; the message itself is outside.
    fn from(message: &MessageRef) -> Self {
        Self { timestamp: Some(message.timestamp), message: Some(message.message.clone()), included: false }
    }
}

/// The words of a typed message (`_lctext`), if it is one.
#[must_use]
pub fn text_of(body: &Body) -> Option<String> {
    let Body::Text(text) = body else { return None };
    let value: Value = serde_json::from_str(text).ok()?;
    value.get("_lctype")?;
    Some(value.get("_lctext")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_messages_are_not_the_same_but_a_clone_is() {
        let message = Outgoing::text("hello");
        assert_ne!(
            message.clone().into_command("r".into()).dedupe,
            Outgoing::text("hello").into_command("r".into()).dedupe
        );
        assert_eq!(message.clone(), message);
    }

    #[test]
    fn typed_texts_are_read_back_and_others_are_not() {
        assert_eq!(text_of(&Outgoing::text("a \"b\" 你好").body).as_deref(), Some("a \"b\" 你好"));
        for body in [r#"{"_lctext":"x"}"#, r#"{"_lctype":-2}"#, "plain", "[]", ""] {
            assert_eq!(text_of(&Body::Text(body.to_owned())), None, "{body}");
        }
        assert_eq!(text_of(&Body::Binary(Bytes::from_static(b"x"))), None);
    }
}
