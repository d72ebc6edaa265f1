//! Messages over REST 1.2 (protocol 6.2, 6.3): sent, read, edited, recalled and deleted by an app's back end.

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::{Body, ClientId, Level, Mentions, MessageId, RoomId, limits};
use grandstand_room::clock::Millis;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{
    auth::{BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    history::{Page, Signed, number},
    parameters::{Path, Query},
    routes::Routes,
};
use crate::{
    apps::App,
    node::Node,
    quota::Call,
    service::{
        caller::Caller,
        history,
        modify::{self, Change, Modification},
        post::{Post, post},
    },
};

/// The routes of messages.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/chatrooms/{room}/messages", send)
        .get("/1.2/rtm/chatrooms/{room}/messages", of_room)
        .put("/1.2/rtm/chatrooms/{room}/messages/{message}", edit)
        .put("/1.2/rtm/chatrooms/{room}/messages/{message}/recall", recall)
        .delete("/1.2/rtm/chatrooms/{room}/messages/{message}", delete)
        // Every conversation of this server is a chat room.
        .post("/1.2/rtm/conversations/{room}/messages", send)
        .get("/1.2/rtm/conversations/{room}/messages", of_room)
        .put("/1.2/rtm/conversations/{room}/messages/{message}", edit)
        .put("/1.2/rtm/conversations/{room}/messages/{message}/recall", recall)
        .delete("/1.2/rtm/conversations/{room}/messages/{message}", delete)
        .get("/1.2/rtm/messages", of_app)
        .get("/1.2/rtm/clients/{client}/messages", of_client)
}

/// What back ends add for other kinds of conversations: it means nothing in a room, and is passed over.
pub(super) type NotInRooms = IgnoredAny;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    from_client: String,
    message: String,
    #[serde(default)]
    transient: bool,
    priority: Option<String>,
    #[serde(default)]
    mention_all: bool,
    #[serde(default)]
    mention_client_ids: Vec<String>,
    #[serde(rename = "no_sync")]
    _no_sync: Option<NotInRooms>,
    #[serde(rename = "push_data")]
    _push_data: Option<NotInRooms>,
}

async fn send(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(sent): JsonBody<Sent>,
) -> Result<Json<Value>, ApiError> {
    let message = Post {
        room: RoomId::from(room),
        from: client_id("from_client", &sent.from_client)?,
        body: Body::Text(sent.message),
        mentions: mentions(sent.mention_all, sent.mention_client_ids)?,
        level: level(sent.priority.as_deref())?,
        default_level: Level::Normal,
        transient: sent.transient,
        dedupe: None,
        extras: 0,
    };
    send_as(&node, app, caller, message).await
}

/// Sends a message; the answer is what REST 1.1 and 1.2 share.
pub(super) async fn send_as(
    node: &Arc<Node>,
    app: Arc<App>,
    caller: Caller,
    message: Post,
) -> Result<Json<Value>, ApiError> {
    node.quotas.take(&app, Call::Message, node.uptime())?;
    let worker = Arc::clone(node);
    let sent = node.see_through(async move {
        let posted = post(&worker, &app, &caller, message).await?;
        let answer = json!({ "msg-id": posted.id.as_str(), "timestamp": posted.timestamp.0 });
        posted.announce(&worker).await;
        Ok(Json(answer))
    });
    sent.await
}

async fn of_room(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(room): Path<String>,
    Query(page): Query<Page>,
    Query(signed): Query<Signed>,
) -> Result<Json<Value>, ApiError> {
    let room = RoomId::from(room);
    signed.check(&node, &app, &room)?;
    let messages = history::of_room(&node, &app, &room, &page.query()?).await?;
    Ok(Json(page.items(messages)))
}

async fn of_app(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let messages = history::of_app(&node, &app, None, &page.query()?).await?;
    Ok(Json(page.items(messages)))
}

async fn of_client(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(client): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let client = client_id("the client id", &client)?;
    let messages = history::of_app(&node, &app, Some(&client), &page.query()?).await?;
    Ok(Json(page.items(messages)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edited {
    from_client: String,
    message: String,
    timestamp: Option<i64>,
    #[serde(default)]
    mention_all: bool,
    #[serde(default)]
    mention_client_ids: Vec<String>,
    #[serde(rename = "no_sync")]
    _no_sync: Option<NotInRooms>,
    #[serde(rename = "push_data")]
    _push_data: Option<NotInRooms>,
}

async fn edit(
    BackEnd { node, app, caller }: BackEnd,
    Path((room, message)): Path<(String, String)>,
    JsonBody(edited): JsonBody<Edited>,
) -> Result<Json<Value>, ApiError> {
    let mentions = mentions(edited.mention_all, edited.mention_client_ids)?;
    let named = Named {
        room: room.into(),
        message: message.into(),
        author: Some(client_id("from_client", &edited.from_client)?),
        timestamp: edited.timestamp,
    };
    let change = Change::Edit { body: Body::Text(edited.message), mentions };
    change_as(&node, app, caller, named, change).await
}

/// Who wrote it may be left out, which is ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recalled {
    from_client: Option<String>,
    timestamp: Option<i64>,
}

async fn recall(
    BackEnd { node, app, caller }: BackEnd,
    Path((room, message)): Path<(String, String)>,
    JsonBody(recalled): JsonBody<Recalled>,
) -> Result<Json<Value>, ApiError> {
    let named = Named {
        room: room.into(),
        message: message.into(),
        author: recalled.from_client.map(|author| client_id("from_client", &author)).transpose()?,
        timestamp: recalled.timestamp,
    };
    change_as(&node, app, caller, named, Change::Recall).await
}

#[derive(Debug, Deserialize)]
struct Deleted {
    from_client: String,
    #[serde(default, deserialize_with = "number")]
    timestamp: Option<i64>,
}

async fn delete(
    BackEnd { node, app, caller }: BackEnd,
    Path((room, message)): Path<(String, String)>,
    Query(deleted): Query<Deleted>,
) -> Result<Json<Value>, ApiError> {
    let named = Named {
        room: room.into(),
        message: message.into(),
        author: Some(client_id("from_client", &deleted.from_client)?),
        timestamp: deleted.timestamp,
    };
    delete_as(&node, app, caller, named).await
}

/// A stored message as back ends name it: by its id, and if they like by its author and its time, which must be right.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) room: RoomId,
    pub(super) message: MessageId,
    pub(super) author: Option<ClientId>,
    pub(super) timestamp: Option<i64>,
}

/// Edits or recalls a message.
pub(super) async fn change_as(
    node: &Arc<Node>,
    app: Arc<App>,
    caller: Caller,
    named: Named,
    change: Change,
) -> Result<Json<Value>, ApiError> {
    node.quotas.take(&app, Call::Message, node.uptime())?;
    let worker = Arc::clone(node);
    let changed = node.see_through(async move {
        let Named { room, message, author, timestamp } = named;
        let (place, time) = ((&room, &message), timestamp.map(Millis));
        let author = modify::author_of(&worker, &app, place, author, time).await?;
        let modification = Modification { room, message, author, change };
        let modified = modify::change(&worker, &app, &caller, modification).await?;
        modified.announce(&worker).await;
        Ok(Json(json!({})))
    });
    changed.await
}

/// Deletes a message from the history; nobody is told.
pub(super) async fn delete_as(
    node: &Arc<Node>,
    app: Arc<App>,
    caller: Caller,
    named: Named,
) -> Result<Json<Value>, ApiError> {
    let worker = Arc::clone(node);
    let deleted = node.see_through(async move {
        let Named { room, message, author, timestamp } = named;
        let (place, time) = ((&room, &message), timestamp.map(Millis));
        let author = modify::author_of(&worker, &app, place, author, time).await?;
        modify::delete(&worker, &app, &caller, place, &author).await?;
        Ok(Json(json!({})))
    });
    deleted.await
}

/// A client id in a request.
pub(super) fn client_id(what: &str, text: &str) -> Result<ClientId, ApiError> {
    ClientId::new(text).map_err(|cause| ApiError::bad_request(format!("{what} is no client id: {cause}")))
}

/// `high`, `normal` or `low`, in letters of any case.
pub(super) fn level(priority: Option<&str>) -> Result<Option<Level>, ApiError> {
    let Some(priority) = priority.filter(|priority| !priority.is_empty()) else { return Ok(None) };
    let named = |level: &Level| level.name().eq_ignore_ascii_case(priority);
    let level = [Level::High, Level::Normal, Level::Low].into_iter().find(named);
    level.map(Some).ok_or_else(|| ApiError::bad_request("priority has to be high, normal or low"))
}

pub(super) fn mentions(all: bool, clients: Vec<String>) -> Result<Mentions, ApiError> {
    if clients.len() > limits::MENTIONS {
        let error = format!("a message mentions at most {} clients", limits::MENTIONS);
        return Err(ApiError::bad_request(error));
    }
    clients.iter().try_for_each(|id| client_id("a mentioned client", id).map(drop))?;
    Ok(Mentions { all, clients })
}
