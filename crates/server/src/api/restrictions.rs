//! Silence and blocks over REST (protocol 6.2, 6.3, 6.5).

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::{Fault, RoomId};
use grandstand_room::{
    clock::Millis,
    moderation::{DEFAULT_PAGE, LONGEST_TEMPORARY, List},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::{BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    messages::client_id,
    parameters::{Path, Query},
    routes::Routes,
};
use crate::{
    apps::App,
    node::Node,
    service::{
        caller::Caller,
        moderate::{self, BLOCKS, Change, Order, restrict},
    },
    store::RuleError,
};

/// Milliseconds of the longest block that has an end: ten years. Longer ones are for good.
const LONGEST_BLOCK: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// Every conversation of this server is a chat room: they are found under either name.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/chatrooms/{room}/temporary-silenceds", silence_for_a_time)
        .delete("/1.2/rtm/chatrooms/{room}/temporary-silenceds", end_temporary_silence)
        .get("/1.2/rtm/chatrooms/{room}/temporary-silenceds", silenced_for_a_time)
        .post("/1.2/rtm/chatrooms/{room}/permanent-silenceds", silence)
        .delete("/1.2/rtm/chatrooms/{room}/permanent-silenceds", end_silence)
        .get("/1.2/rtm/chatrooms/{room}/permanent-silenceds", silenced)
        .post("/1.2/rtm/chatrooms/{room}/blacklists", block)
        .delete("/1.2/rtm/chatrooms/{room}/blacklists", end_block)
        .get("/1.2/rtm/chatrooms/{room}/blacklists", blocked)
        .post("/1.2/rtm/conversations/{room}/temporary-silenceds", silence_for_a_time)
        .delete("/1.2/rtm/conversations/{room}/temporary-silenceds", end_temporary_silence)
        .get("/1.2/rtm/conversations/{room}/temporary-silenceds", silenced_for_a_time)
        .post("/1.2/rtm/conversations/{room}/permanent-silenceds", silence)
        .delete("/1.2/rtm/conversations/{room}/permanent-silenceds", end_silence)
        .get("/1.2/rtm/conversations/{room}/permanent-silenceds", silenced)
        .post("/1.2/rtm/conversations/{room}/blacklists", block)
        .delete("/1.2/rtm/conversations/{room}/blacklists", end_block)
        .get("/1.2/rtm/conversations/{room}/blacklists", blocked)
        .post("/1.1/rtm/conversation/blacklist", silence_named)
        .delete("/1.1/rtm/conversation/blacklist", end_silence_named)
        .post("/1.2/rtm/clients/{client}/blacklists", refuse_room)
        .delete("/1.2/rtm/clients/{client}/blacklists", accept_room)
        .get("/1.2/rtm/clients/{client}/blacklists", refused_rooms)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForATime {
    client_id: String,
    ttl: i64,
}

async fn silence_for_a_time(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(ForATime { client_id, ttl }): JsonBody<ForATime>,
) -> Result<Json<Value>, ApiError> {
    let list = List::SilencedForATime;
    let change = Change::Impose { list, until: Some(end(&node, ("ttl", ttl), LONGEST_TEMPORARY)?) };
    carry_out(&node, app, caller, room, vec![client_id], change).await
}

#[derive(Debug, Deserialize)]
struct ClientQuery {
    client_id: String,
}

async fn end_temporary_silence(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    Query(ClientQuery { client_id }): Query<ClientQuery>,
) -> Result<Json<Value>, ApiError> {
    let change = Change::Lift { lists: &[List::SilencedForATime] };
    carry_out(&node, app, caller, room, vec![client_id], change).await
}

async fn silenced_for_a_time(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    page.of(&node, &app, &caller, room, &[List::SilencedForATime]).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clients {
    client_ids: Vec<String>,
}

async fn silence(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Clients { client_ids }): JsonBody<Clients>,
) -> Result<Json<Value>, ApiError> {
    let change = Change::Impose { list: List::Silenced, until: None };
    carry_out(&node, app, caller, room, client_ids, change).await
}

async fn end_silence(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Clients { client_ids }): JsonBody<Clients>,
) -> Result<Json<Value>, ApiError> {
    let change = Change::Lift { lists: &[List::Silenced] };
    carry_out(&node, app, caller, room, client_ids, change).await
}

async fn silenced(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    page.of(&node, &app, &caller, room, &[List::Silenced]).await
}

/// `ttl`, in seconds, is ours: LeanCloud's blocks have no end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    client_ids: Vec<String>,
    ttl: Option<i64>,
}

async fn block(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Block { client_ids, ttl }): JsonBody<Block>,
) -> Result<Json<Value>, ApiError> {
    let until = ttl.map(|ttl| end_of_block(&node, "ttl", ttl)).transpose()?;
    let change = Change::Impose { list: List::Blocked, until };
    carry_out(&node, app, caller, room, client_ids, change).await
}

async fn end_block(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Clients { client_ids }): JsonBody<Clients>,
) -> Result<Json<Value>, ApiError> {
    let change = Change::Lift { lists: BLOCKS };
    carry_out(&node, app, caller, room, client_ids, change).await
}

async fn blocked(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    page.of(&node, &app, &caller, room, BLOCKS).await
}

/// What 1.1 calls a blacklist is silence for a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    client_id: String,
    conv_id: String,
    ttl: i64,
}

async fn silence_named(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(Named { client_id, conv_id, ttl }): JsonBody<Named>,
) -> Result<Json<Value>, ApiError> {
    let list = List::SilencedForATime;
    let change = Change::Impose { list, until: Some(end(&node, ("ttl", ttl), LONGEST_TEMPORARY)?) };
    carry_out(&node, app, caller, conv_id, vec![client_id], change).await
}

#[derive(Debug, Deserialize)]
struct NamedQuery {
    client_id: String,
    conv_id: String,
}

async fn end_silence_named(
    BackEnd { node, app, caller }: BackEnd,
    Query(NamedQuery { client_id, conv_id }): Query<NamedQuery>,
) -> Result<Json<Value>, ApiError> {
    let change = Change::Lift { lists: &[List::SilencedForATime] };
    carry_out(&node, app, caller, conv_id, vec![client_id], change).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversation {
    conv_id: String,
}

async fn refuse_room(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(client): Path<String>,
    JsonBody(Conversation { conv_id }): JsonBody<Conversation>,
) -> Result<Json<Value>, ApiError> {
    moderate::rules(&node, &app, &RoomId::new(conv_id.as_str())).await?;
    note_refusal(&node, &app, &client, conv_id, true).await
}

async fn accept_room(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(client): Path<String>,
    JsonBody(Conversation { conv_id }): JsonBody<Conversation>,
) -> Result<Json<Value>, ApiError> {
    note_refusal(&node, &app, &client, conv_id, false).await
}

async fn note_refusal(
    node: &Node,
    app: &App,
    client: &str,
    room: String,
    refuses: bool,
) -> Result<Json<Value>, ApiError> {
    let client = client_id("the client id", client)?;
    match node.store.refuse_room(&app.id, &client, &RoomId::new(room), refuses).await {
        Ok(()) => Ok(Json(json!({}))),
        Err(RuleError::Store(cause)) => Err(cause.into()),
        Err(cause) => Err(ApiError::bad_request(format!("this client's list cannot be changed: {cause}"))),
    }
}

async fn refused_rooms(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(client): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let client = client_id("the client id", &client)?;
    let (skip, limit) = page.bounds()?;
    let mut rooms = node.store.refused_rooms(&app.id, &client, (skip, limit + 1)).await?;
    let more = rooms.len() > limit as usize;
    rooms.truncate(limit as usize);
    let ids: Vec<&str> = rooms.iter().map(RoomId::as_str).collect();
    let mut answer = json!({ "conv_ids": ids });
    if more {
        answer["next"] = (skip + limit).to_string().into();
    }
    Ok(Json(answer))
}

/// `limit` and `next` of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    limit: Option<u32>,
    next: Option<String>,
}

impl Page {
    /// How many to pass over, and how many to answer.
    pub(super) fn bounds(&self) -> Result<(u32, u32), ApiError> {
        let limit = self.limit.filter(|limit| *limit > 0).unwrap_or(DEFAULT_PAGE);
        let skip = crate::service::offset(self.next.as_deref())?;
        Ok((skip, limit.min(grandstand_room::moderation::PAGE)))
    }

    async fn of(
        &self,
        node: &Node,
        app: &App,
        caller: &Caller,
        room: String,
        lists: &[List],
    ) -> Result<Json<Value>, ApiError> {
        let room = RoomId::new(room);
        let (found, next) = moderate::page(node, app, caller, &room, lists, self.bounds()?).await?;
        let ids: Vec<&str> = found.iter().map(|listed| listed.client.as_str()).collect();
        let mut answer = json!({ "client_ids": ids });
        if let Some(next) = next {
            answer["next"] = next.to_string().into();
        }
        // Ours: LeanCloud does not say when what it lists will end.
        let ends =
            found.iter().filter_map(|listed| Some((listed.client.to_string(), listed.until?.to_iso())));
        let ends: serde_json::Map<String, Value> = ends.map(|(client, end)| (client, end.into())).collect();
        if !ends.is_empty() {
            answer["until"] = ends.into();
        }
        Ok(Json(answer))
    }
}

/// When a block ends that lasts so many seconds, which the request calls `name`.
pub(super) fn end_of_block(node: &Node, name: &str, seconds: i64) -> Result<Millis, ApiError> {
    end(node, (name, seconds), LONGEST_BLOCK)
}

/// When something ends that lasts so many seconds, which the request calls `name`.
pub(super) fn end(node: &Node, (name, seconds): (&str, i64), longest: i64) -> Result<Millis, ApiError> {
    let lasting = seconds.saturating_mul(1000);
    if lasting <= 0 || lasting > longest {
        let error = format!("{name} has to be between 1 and {} seconds", longest / 1000);
        return Err(ApiError::bad_request(error));
    }
    Ok(node.clock.wall().plus(lasting))
}

/// For all clients or, when one of them cannot be one, for none.
async fn carry_out(
    node: &Arc<Node>,
    app: Arc<App>,
    caller: Caller,
    room: String,
    clients: Vec<String>,
    change: Change,
) -> Result<Json<Value>, ApiError> {
    for client in &clients {
        client_id("one of the clients", client)?;
    }
    let (worker, room) = (Arc::clone(node), RoomId::new(room));
    let done = node.see_through(async move {
        let done = restrict(&worker, &app, &caller, Order { room, clients, change }).await?;
        done.announce(&worker).await;
        Ok::<_, Fault>(())
    });
    done.await?;
    Ok(Json(json!({})))
}
