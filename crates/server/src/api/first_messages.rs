//! Messages over REST 1.1 (protocol 6.5), as old back ends still send, read and change them.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, Level, Mentions, RoomId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::{Authenticated, BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    history::{Page, Signed, flag, number},
    messages::{Named, NotInRooms, change_as, client_id, delete_as, level, mentions, send_as},
    parameters::{Path, Query},
    routes::Routes,
};
use crate::{
    node::Node,
    service::{history, modify::Change, post::Post},
};

/// The routes of messages in REST 1.1.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.1/rtm/messages", send)
        .get("/1.1/rtm/messages/history", past)
        .get("/1.1/rtm/messages/logs", past)
        .put("/1.1/rtm/messages/logs", rewrite)
        .delete("/1.1/rtm/messages/logs", delete)
        .put("/1.1/rtm/patch/message", patch)
        .get("/1.1/rtm/messages/unread/{client}", unread)
        .get("/1.1/rtm/messages/unread/{client}/{room}", unread_in)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    from_peer: String,
    conv_id: String,
    message: String,
    #[serde(default = "yes")]
    transient: bool,
    priority: Option<String>,
    #[serde(default)]
    to_peers: Vec<String>,
    #[serde(default)]
    mention_all: bool,
    #[serde(default)]
    mention_client_ids: Vec<String>,
    #[serde(rename = "no_sync")]
    _no_sync: Option<NotInRooms>,
    #[serde(rename = "push_data")]
    _push_data: Option<NotInRooms>,
}

/// Who does not say otherwise means those who are there now.
const fn yes() -> bool {
    true
}

async fn send(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(sent): JsonBody<Sent>,
) -> Result<Json<Value>, ApiError> {
    if !sent.to_peers.is_empty() {
        let error = "to_peers is for service conversations, which this server does not have: a message to a room is \
            for everybody in it";
        return Err(ApiError::bad_request(error));
    }
    let message = Post {
        room: RoomId::from(sent.conv_id),
        from: client_id("from_peer", &sent.from_peer)?,
        body: Body::Text(sent.message),
        mentions: mentions(sent.mention_all, sent.mention_client_ids)?,
        level: level(sent.priority.as_deref())?,
        default_level: Level::High,
        transient: sent.transient,
        dedupe: None,
        extras: 0,
    };
    send_as(&node, app, caller, message).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Past {
    convid: Option<String>,
    /// Only what this client sent, in all rooms.
    from: Option<String>,
    #[serde(deserialize_with = "number")]
    max_ts: Option<i64>,
    #[serde(deserialize_with = "number")]
    timestamp: Option<i64>,
    msgid: Option<String>,
    #[serde(deserialize_with = "number")]
    limit: Option<i64>,
    #[serde(deserialize_with = "flag")]
    reversed: bool,
}

/// History of a room, of a sender, or of the app.
async fn past(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Query(asked): Query<Past>,
    Query(signed): Query<Signed>,
) -> Result<Json<Value>, ApiError> {
    let page = Page {
        timestamp: asked.max_ts.or(asked.timestamp),
        msgid: asked.msgid,
        limit: asked.limit,
        reversed: asked.reversed,
        ..Page::default()
    };
    let query = page.query()?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let messages = match (given(asked.convid), given(asked.from)) {
        (Some(room), None) => {
            let room = RoomId::from(room);
            signed.check(&node, &app, &room)?;
            history::of_room(&node, &app, &room, &query).await?
        }
        (None, Some(from)) => {
            let from = client_id("from", &from)?;
            history::of_app(&node, &app, Some(&from), &query).await?
        }
        (None, None) => history::of_app(&node, &app, None, &query).await?,
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request(
                "name convid or from: a room's history, or what a client sent",
            ));
        }
    };
    Ok(Json(page.items(messages)))
}

/// A message in the form in which history shows it. What cannot be changed only has to agree, and what else stands in
/// an item is passed over: back ends send back what they got.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "conv-id", alias = "convid")]
    room: String,
    #[serde(rename = "msg-id", alias = "msgid")]
    message: String,
    timestamp: i64,
    from: Option<String>,
    data: String,
    #[serde(default)]
    bin: bool,
}

async fn rewrite(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(item): JsonBody<Item>,
) -> Result<Json<Value>, ApiError> {
    let body = match item.bin {
        false => Body::Text(item.data),
        true => Body::Binary(
            STANDARD
                .decode(item.data)
                .map_err(|_| ApiError::bad_request("data is no Base64, although bin is true"))?
                .into(),
        ),
    };
    let named = Named {
        room: item.room.into(),
        message: item.message.into(),
        author: item.from.map(|from| client_id("from", &from)).transpose()?,
        timestamp: Some(item.timestamp),
    };
    let change = Change::Edit { body, mentions: Mentions::default() };
    change_as(&node, app, caller, named, change).await
}

#[derive(Debug, Deserialize)]
struct Deleted {
    convid: String,
    msgid: String,
    #[serde(default, deserialize_with = "number")]
    timestamp: Option<i64>,
    from: Option<String>,
}

async fn delete(
    BackEnd { node, app, caller }: BackEnd,
    Query(deleted): Query<Deleted>,
) -> Result<Json<Value>, ApiError> {
    let from = deleted.from.filter(|from| !from.is_empty());
    let named = Named {
        room: deleted.convid.into(),
        message: deleted.msgid.into(),
        author: from.map(|from| client_id("from", &from)).transpose()?,
        timestamp: deleted.timestamp,
    };
    delete_as(&node, app, caller, named).await
}

/// LeanCloud names this call, and no source says what it takes: it takes what REST 1.2 does, with the room and the
/// message in the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patched {
    conv_id: String,
    msg_id: String,
    timestamp: Option<i64>,
    from_peer: String,
    message: Option<String>,
    #[serde(default)]
    recall: bool,
}

async fn patch(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(patched): JsonBody<Patched>,
) -> Result<Json<Value>, ApiError> {
    let change = match (patched.message, patched.recall) {
        (None, true) => Change::Recall,
        (Some(text), false) => Change::Edit { body: Body::Text(text), mentions: Mentions::default() },
        (None, false) | (Some(_), true) => {
            return Err(ApiError::bad_request("name what to do: a new message, or recall: true"));
        }
    };
    let named = Named {
        room: patched.conv_id.into(),
        message: patched.msg_id.into(),
        author: Some(client_id("from_peer", &patched.from_peer)?),
        timestamp: patched.timestamp,
    };
    change_as(&node, app, caller, named, change).await
}

/// Rooms keep nothing unread.
async fn unread(_: Authenticated, Path(client): Path<String>) -> Result<Json<Value>, ApiError> {
    client_id("the client id", &client)?;
    Ok(Json(json!({ "count": 0 })))
}

async fn unread_in(
    by: Authenticated,
    Path((client, _room)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    unread(by, Path(client)).await
}
