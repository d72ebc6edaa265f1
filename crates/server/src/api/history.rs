//! History over REST (protocol 6.4, 6.5): which page is asked for, and how its messages are written.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, ClientId, Direction, Level, MessageId, RoomId, Signature};
use grandstand_room::{
    clock::Millis,
    history::{Edge, HistoryQuery},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

use super::{error::ApiError, messages::client_id};
use crate::{
    apps::App,
    node::Node,
    service::signature::{self, Asked},
    store::StoredMessage,
};

/// Messages of a page that names no number, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

/// The parameters of REST 1.2. An empty one counts as absent, and so does a time of 0.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    #[serde(deserialize_with = "number")]
    pub(super) timestamp: Option<i64>,
    pub(super) msgid: Option<String>,
    #[serde(deserialize_with = "number")]
    pub(super) till_timestamp: Option<i64>,
    pub(super) till_msgid: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) include_start: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) include_stop: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) reversed: bool,
    #[serde(deserialize_with = "number")]
    pub(super) limit: Option<i64>,
}

impl Page {
    /// The page to read. Start and end are seen from where reading begins.
    pub(super) fn query(&self) -> Result<HistoryQuery, ApiError> {
        let start = edge("timestamp", self.timestamp, "msgid", self.msgid.as_deref(), self.include_start)?;
        let end = edge(
            "till_timestamp",
            self.till_timestamp,
            "till_msgid",
            self.till_msgid.as_deref(),
            self.include_stop,
        )?;
        let (direction, older, newer) =
            if self.reversed { (Direction::New, start, end) } else { (Direction::Old, end, start) };
        let limit = match self.limit.map(u32::try_from) {
            None => USUAL,
            Some(Ok(limit)) => limit.min(MOST),
            Some(Err(_)) if self.limit > Some(0) => MOST,
            Some(Err(_)) => return Err(ApiError::bad_request("limit has to be a number from 0 to 1000")),
        };
        Ok(HistoryQuery { older, newer, direction, limit, lctype: None })
    }

    /// The messages of the page as they are sent: newest first, or oldest first when `reversed`.
    pub(super) fn items(&self, messages: Vec<(RoomId, StoredMessage)>) -> Value {
        let items = messages.into_iter().map(|(room, message)| item(&room, message));
        if self.reversed { items.collect() } else { items.rev().collect() }
    }
}

/// For whom the back end reads, where an app wants that signed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Signed {
    #[serde(alias = "peerid")]
    client_id: Option<String>,
    nonce: Option<String>,
    #[serde(deserialize_with = "number")]
    signature_ts: Option<i64>,
    signature: Option<String>,
}

impl Signed {
    /// Refuses what the app wants signed and is not.
    pub(super) fn check(self, node: &Node, app: &App, room: &RoomId) -> Result<(), ApiError> {
        if !app.signatures.history {
            return Ok(());
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let asked = Asked::History { room };
        let (client, signature) = (given(self.client_id), given(self.signature));
        if client.is_none() && signature.is_none() {
            return Err(signature::missing(asked).into());
        }
        let signature = signature.map(|signature| Signature {
            signature,
            timestamp: self.signature_ts.unwrap_or_default(),
            nonce: self.nonce.unwrap_or_default(),
        });
        let client = client_id("client_id", &client.unwrap_or_default())?;
        signature::may(node, app, &client, asked, signature.as_ref())?;
        Ok(())
    }
}

/// One end. A message id goes with its time, so that a message that is gone still stands for a place.
fn edge(
    time_name: &str,
    timestamp: Option<i64>,
    id_name: &str,
    id: Option<&str>,
    included: bool,
) -> Result<Option<Edge>, ApiError> {
    let timestamp = timestamp.filter(|time| *time != 0).map(Millis);
    let message = id.filter(|id| !id.is_empty()).map(MessageId::from);
    if message.is_some() && timestamp.is_none() {
        let error = format!("{id_name} goes together with {time_name}: give the message's time, too");
        return Err(ApiError::bad_request(error));
    }
    Ok(timestamp.map(|time| Edge { timestamp: Some(time), message, included }))
}

/// A message as LeanCloud's back ends know it, and what else is kept of it: whoever leaves with their data leaves with
/// all of it. Rooms have no receipts, so there is no `ack-at`.
pub(super) fn item(room: &RoomId, message: StoredMessage) -> Value {
    let bin = matches!(message.body, Body::Binary(_));
    let data = match message.body {
        Body::Text(text) => text,
        Body::Binary(bytes) => STANDARD.encode(bytes),
    };
    let mut item = json!({
        "timestamp": message.timestamp.0,
        "conv-id": room.as_str(),
        "data": data,
        "from": message.from,
        "msg-id": message.id.as_str(),
        "is-conv": true,
        "is-room": false,
        "to": room.as_str(),
        "bin": bin,
        "priority": priority(message.level),
    });
    if let Some(address) = message.address {
        item["from-ip"] = address.to_string().into();
    }
    if message.mentions.all {
        item["mention-all"] = true.into();
    }
    if !message.mentions.clients.is_empty() {
        item["mention-client-ids"] = message.mentions.clients.into();
    }
    if let Some(time) = message.patched_at {
        item["patch-timestamp"] = time.0.into();
    }
    if message.recalled {
        item["recalled"] = true.into();
    }
    if let Some(named) = &message.audience {
        item["audience"] = named.iter().map(ClientId::as_str).collect();
    }
    item
}

/// As `priority` of a message that is sent.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::High => "high",
        Level::Normal => "normal",
        Level::Low => "low",
    }
}

/// A whole number in a query.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| D::Error::custom("a number is no whole number of 64 bits"))
}

/// A truth value in a query: back ends write it as `true` and as `1`.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(D::Error::custom("a truth value is neither true nor false")),
    }
}
