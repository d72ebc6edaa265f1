//! Broadcast over REST: one message to all rooms of an app, or to those that match.

use std::{hash::BuildHasher, time::Duration};

use axum::Json;
use grandstand_protocol::{Body, Level, RoomId};
use grandstand_room::query::{Filter, RoomQuery};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::BackEnd,
    body::JsonBody,
    error::ApiError,
    messages::{client_id, level, mentions},
    routes::Routes,
};
use crate::{
    exclusive::Work,
    quota::Call,
    service::{
        Refused,
        broadcast::{Order, begin},
        post::{Post, for_many},
    },
};

/// How soon to ask again while another broadcast of the app is under way.
const BUSY: Duration = Duration::from_secs(1);

/// Characters of an id.
const ID: usize = 64;

pub(super) fn routes() -> Routes {
    Routes::new().post("/1.2/rtm/chatrooms/broadcast", broadcast)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    from_client: String,
    message: String,
    #[serde(rename = "where")]
    filter: Option<Value>,
    priority: Option<String>,
    #[serde(default)]
    transient: bool,
    #[serde(default)]
    mention_all: bool,
    #[serde(default)]
    mention_client_ids: Vec<String>,
    /// By which a retry is known.
    id: Option<String>,
}

async fn broadcast(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(sent): JsonBody<Sent>,
) -> Result<Json<Value>, ApiError> {
    let id = match &sent.id {
        Some(id) if id.is_empty() || id.chars().count() > ID => {
            return Err(ApiError::bad_request(format!("an id has between 1 and {ID} characters")));
        }
        Some(id) => id.clone(),
        None => node.new_message_id().to_string(),
    };
    let mark = sent.id.clone();
    let (post, filter, asked) = read(sent)?;
    let transient = post.transient;
    let digest = node.broadcasts.digests.hash_one(asked);
    let watch = match node.broadcasts.find(&app.id, &id, digest)? {
        Some(watch) => watch,
        None => {
            let turn = node.exclusive.begin(&app.id, Work::Broadcast);
            let turn = turn.ok_or_else(|| ApiError::too_many_requests(BUSY))?;
            let message = for_many(&node, &app, &caller, post)?;
            node.quotas.take(&app, Call::Broadcast, node.uptime())?;
            let order = Order { message, transient, filter, mark };
            begin(&node, &app, &caller, order, (&id, digest), turn)
        }
    };
    let progress = watch.end(&node, &app.id, &id).await?;
    let more = progress.outcome.is_none();
    Ok(Json(json!({ "id": id, "rooms": progress.rooms, "failed": progress.failed, "more": more })))
}

/// What is asked, and the whole of it in words, by which a retry is told from something else.
fn read(sent: Sent) -> Result<(Post, Filter, String), ApiError> {
    let filter = match &sent.filter {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Object(object)) => Some(Value::Object(object.clone()).to_string()),
        Some(_) => return Err(ApiError::bad_request("where has to be an object, or its text")),
    };
    let level = level(sent.priority.as_deref())?;
    let whole = json!([
        sent.from_client,
        sent.message,
        filter,
        level.map(|level| level.name()),
        sent.transient,
        sent.mention_all,
        sent.mention_client_ids,
    ]);
    let query = RoomQuery::listing(filter.as_deref(), None, 0, 0).map_err(|cause| Refused::query(&cause))?;
    let post = Post {
        room: RoomId::from(""),
        from: client_id("from_client", &sent.from_client)?,
        body: Body::Text(sent.message),
        mentions: mentions(sent.mention_all, sent.mention_client_ids)?,
        level,
        default_level: Level::High,
        transient: sent.transient,
        dedupe: None,
        extras: 0,
    };
    Ok((post, query.filter, whole.to_string()))
}
