//! Roles over HTTP: for an app's back end (protocol 6.2), and as the table that SDKs read (6.7).

use std::sync::{Arc, PoisonError};

use axum::{Json, extract::State};
use grandstand_protocol::{ClientId, Code, Fault, RoomId};
use grandstand_room::moderation::Role;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    auth::{Authenticated, BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    parameters::{Path, Query},
    routes::Routes,
};
use crate::{
    apps::App,
    node::Node,
    service::{
        caller::Caller,
        moderate,
        role::{self, Given},
    },
    store::RoleRow,
};

/// Rows of a page when the request does not say, and at most.
const ROWS: (u32, u32) = (100, 1000);

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/chatrooms/{room}/member-infos", give)
        .get("/1.2/rtm/chatrooms/{room}/member-infos", list)
        .put("/1.2/rtm/chatrooms/{room}/member-infos/{row}", change)
        .delete("/1.2/rtm/chatrooms/{room}/member-infos/{row}", remove)
        .post("/1.2/rtm/conversations/{room}/member-infos", give)
        .get("/1.2/rtm/conversations/{room}/member-infos", list)
        .put("/1.2/rtm/conversations/{room}/member-infos/{row}", change)
        .delete("/1.2/rtm/conversations/{room}/member-infos/{row}", remove)
        .get("/1.1/classes/_ConversationMemberInfo", table)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Give {
    #[serde(rename = "clientId")]
    client: String,
    role: String,
}

async fn give(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Give { client, role }): JsonBody<Give>,
) -> Result<Json<Value>, ApiError> {
    set(&node, app, caller, RoomId::new(room), client, role).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: String,
}

async fn change(
    BackEnd { node, app, caller }: BackEnd,
    Path((room, row)): Path<(String, String)>,
    JsonBody(NewRole { role }): JsonBody<NewRole>,
) -> Result<Json<Value>, ApiError> {
    let room = RoomId::new(room);
    moderate::rules(&node, &app, &room).await?;
    // Rows are few, and this call is rare.
    let rows = node.store.roles(&app.id, &room, None, (0, u32::MAX)).await?;
    let found = rows.into_iter().find(|known| known.id == row).ok_or_else(no_row)?;
    set(&node, app, caller, room, found.client.to_string(), role).await
}

async fn set(
    node: &Arc<Node>,
    app: Arc<App>,
    caller: Caller,
    room: RoomId,
    client: String,
    role: String,
) -> Result<Json<Value>, ApiError> {
    let worker = Arc::clone(node);
    let set = node.see_through(async move {
        let given = role::give(&worker, &app, &caller, &room, &client, &role).await?;
        let answer = written(&given);
        given.announce(&worker).await;
        Ok::<_, Fault>(answer)
    });
    Ok(Json(set.await?))
}

fn written(given: &Given) -> Value {
    json!({ "updatedAt": given.row.updated_at.to_iso(), "objectId": given.row.id })
}

async fn remove(
    BackEnd { node, app, caller }: BackEnd,
    Path((room, row)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (worker, room) = (Arc::clone(&node), RoomId::new(room));
    let removed = node.see_through(async move {
        let caller = caller;
        let taken = role::take_back(&worker, &app, &caller, &room, &row).await?;
        let found = taken.is_some();
        if let Some(taken) = taken {
            taken.announce(&worker).await;
        }
        Ok::<_, Fault>(found)
    });
    if removed.await? { Ok(Json(json!({}))) } else { Err(no_row()) }
}

fn no_row() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "this room has no such member info")
}

#[derive(Debug, Deserialize)]
struct Rows {
    role: Option<String>,
    skip: Option<u32>,
    limit: Option<u32>,
}

async fn list(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(room): Path<String>,
    Query(Rows { role, skip, limit }): Query<Rows>,
) -> Result<Json<Value>, ApiError> {
    let room = RoomId::new(room);
    moderate::rules(&node, &app, &room).await?;
    let role = role.as_deref().map(named).transpose()?;
    let rows = node.store.roles(&app.id, &room, role, bounds(skip, limit)).await?;
    let rows: Vec<Value> = rows.iter().map(|known| row(known, None)).collect();
    Ok(Json(json!({ "results": rows })))
}

fn bounds(skip: Option<u32>, limit: Option<u32>) -> (u32, u32) {
    let (usual, most) = ROWS;
    (skip.unwrap_or(0), limit.unwrap_or(usual).min(most))
}

fn named(role: &str) -> Result<Role, ApiError> {
    Role::from_name(role).ok_or_else(|| {
        let detail = "there are the roles Owner, Manager and Member";
        Fault::because(Code::UnknownConversationRole, detail).into()
    })
}

fn row(known: &RoleRow, room: Option<&RoomId>) -> Value {
    let RoleRow { id, client, role, .. } = known;
    let mut row = json!({ "clientId": client.as_str(), "objectId": id, "role": role.name() });
    if let Some(room) = room {
        row["cid"] = room.as_str().into();
        // Java's names of the same: it finds nobody in a row without them.
        row["conversationId"] = room.as_str().into();
        row["peerId"] = client.as_str().into();
        row["infoId"] = id.as_str().into();
    }
    row
}

/// Most SDKs name the room in `where`, C# beside it.
#[derive(Debug, Deserialize)]
struct Table {
    #[serde(rename = "where")]
    filter: Option<String>,
    cid: Option<String>,
    client_id: Option<String>,
    skip: Option<u32>,
    limit: Option<u32>,
}

/// For clients that show the token of an open login, and for the back end.
async fn table(
    State(node): State<Arc<Node>>,
    authenticated: Authenticated,
    headers: HeaderMap,
    Query(asked): Query<Table>,
) -> Result<Json<Value>, ApiError> {
    let app = &authenticated.app;
    if !authenticated.is_back_end() {
        by_session(&node, app, &headers, asked.client_id.as_deref()).await?;
    }
    let wanted = Wanted::parse(asked.filter.as_deref(), asked.cid)?;
    let (skip, limit) = bounds(asked.skip, asked.limit);
    let rows = node.store.roles(&app.id, &wanted.room, wanted.role, (0, u32::MAX)).await?;
    let rows =
        rows.iter().filter(|known| wanted.client.as_ref().is_none_or(|client| known.client == *client));
    let rows = rows.skip(skip as usize).take(limit as usize);
    let rows: Vec<Value> = rows.map(|known| row(known, Some(&wanted.room))).collect();
    Ok(Json(json!({ "results": rows })))
}

/// Whether the request shows the token of a login of this app that has not ended.
async fn by_session(
    node: &Node,
    app: &App,
    headers: &HeaderMap,
    client: Option<&str>,
) -> Result<(), ApiError> {
    let token = headers.get("x-lc-im-session-token").and_then(|token| token.to_str().ok());
    let claims = token.and_then(|token| node.tokens.verify(token, &app.id, node.clock.wall()).ok());
    let claims = claims.filter(|claims| client.is_none_or(|client| claims.client.as_str() == client));
    let revoked =
        |claims: &_| node.revocations.read().unwrap_or_else(PoisonError::into_inner).is_revoked(claims);
    let claims = claims.filter(|claims| !revoked(claims)).ok_or_else(ApiError::unauthorized)?;
    let known = node.store.known(&app.id, &claims.client, Some(claims.session)).await?;
    if known.is_revoked { Err(ApiError::unauthorized()) } else { Ok(()) }
}

/// What a `where` may ask for: one room, and in it one client or one role.
struct Wanted {
    room: RoomId,
    client: Option<ClientId>,
    role: Option<Role>,
}

impl Wanted {
    fn parse(filter: Option<&str>, cid: Option<String>) -> Result<Self, ApiError> {
        let bad = |what: &str| ApiError::bad_request(format!("where {what}"));
        let keys: Map<String, Value> = match filter.filter(|filter| !filter.is_empty()) {
            Some(filter) => serde_json::from_str(filter).map_err(|_| bad("is no JSON object"))?,
            None => Map::new(),
        };
        let (mut room, mut client, mut role) = (cid, None, None);
        for (key, value) in keys {
            let Value::String(text) = value else { return Err(bad("compares with texts only")) };
            match key.as_str() {
                "cid" => room = Some(text),
                "clientId" => client = Some(super::messages::client_id("clientId", &text)?),
                "role" => role = Some(named(&text)?),
                _ => return Err(bad("can name cid, clientId and role")),
            }
        }
        let room = room.ok_or_else(|| bad("has to name a room: {\"cid\":\"ROOM_ID\"}"))?;
        Ok(Self { room: RoomId::new(room), client, role })
    }
}
