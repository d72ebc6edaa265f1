//! Rooms for an app's back end (protocol 6.2), with its master key.

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::{AppId, Fault, RoomId};
use grandstand_room::{
    attributes::AttributeUpdate,
    creation::{Creation, CreationError},
    room::Room,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    auth::{BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    listing::{Keys, Listing},
    messages::client_id,
    parameters::{Path, Query},
    restrictions::end_of_block,
    routes::Routes,
};
use crate::{
    audit::By,
    cluster::Except,
    node::Node,
    service::{
        Refused,
        expel::{Expulsion, expel},
        room::record,
    },
};

/// Rows of a page, when the request does not say.
const PAGE: u32 = 100;

/// Members in an answer, when the request does not say, and at most.
const MEMBERS: (usize, usize) = (100, 1000);

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/chatrooms", create_one)
        .get("/1.2/rtm/chatrooms", list)
        .get("/1.2/rtm/chatrooms/{room}", show)
        .put("/1.2/rtm/chatrooms/{room}", change_one)
        .delete("/1.2/rtm/chatrooms/{room}", delete_one)
        .get("/1.2/rtm/chatrooms/{room}/members", members)
        .delete("/1.2/rtm/chatrooms/{room}/members", remove_members)
        .get("/1.2/rtm/chatrooms/{room}/members/online-count", online_count)
        .get("/1.2/rtm/all-conversations", list)
        // All conversations of this server are rooms: by their ids they are found here, too.
        .get("/1.2/rtm/conversations/{room}", show)
        .put("/1.2/rtm/conversations/{room}", change_one)
        .delete("/1.2/rtm/conversations/{room}", delete_one)
        .post("/1.2/rtm/conversations", only_rooms)
        .get("/1.2/rtm/conversations", only_rooms)
        .get("/1.2/rtm/conversations/{room}/members", no_member_list)
        .post("/1.2/rtm/conversations/{room}/members", no_member_list)
        .delete("/1.2/rtm/conversations/{room}/members", remove_members)
}

async fn create_one(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(fields): JsonBody<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    let room = create(&node, &app.id, (&caller).into(), fields).await?;
    Ok(Json(json!({ "objectId": room.id.as_str(), "createdAt": room.created_at.to_iso() })))
}

async fn list(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, ApiError> {
    listing.of_rooms(&node, &app.id, PAGE).await.map(Json)
}

async fn show(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(room): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let room = record::find(&node, &app.id, &RoomId::new(room)).await?;
    Ok(Json(Keys::default().of(&room)))
}

async fn change_one(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(fields): JsonBody<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    let room = change(&node, &app.id, (&caller).into(), &RoomId::new(room), fields).await?;
    Ok(Json(json!({ "updatedAt": room.updated_at.to_iso(), "objectId": room.id.as_str() })))
}

async fn delete_one(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
) -> Result<Json<Value>, ApiError> {
    delete(&node, &app.id, (&caller).into(), &RoomId::new(room)).await?;
    Ok(Json(json!({})))
}

/// How many members to name.
#[derive(Debug, Deserialize)]
struct Sample {
    limit: Option<usize>,
}

/// Some of those online, drawn by chance.
async fn members(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(room): Path<String>,
    Query(Sample { limit }): Query<Sample>,
) -> Result<Json<Value>, ApiError> {
    let room = record::find(&node, &app.id, &RoomId::new(room)).await?.id;
    let (usual, most) = MEMBERS;
    let limit = limit.unwrap_or(usual).min(most);
    Ok(Json(json!({ "result": node.router.app(&app.id).sample_members(&room, limit) })))
}

/// `block_seconds` is ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    client_ids: Vec<String>,
    block_seconds: Option<i64>,
}

/// Who is named is out of the room, and hears so.
async fn remove_members(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Removal { client_ids, block_seconds }): JsonBody<Removal>,
) -> Result<Json<Value>, ApiError> {
    let clients: Result<Vec<_>, _> =
        client_ids.iter().map(|id| client_id("one of the clients", id)).collect();
    let blocked_until =
        block_seconds.map(|seconds| end_of_block(&node, "block_seconds", seconds)).transpose()?;
    let expulsion = Expulsion { room: RoomId::new(room), clients: clients?, blocked_until };
    let worker = Arc::clone(&node);
    let removed = node.see_through(async move {
        let expelled = expel(&worker, &app, &caller, expulsion).await?;
        let removed: Vec<String> = expelled.clients.iter().map(ToString::to_string).collect();
        expelled.announce(&worker).await;
        Ok::<_, Fault>(removed)
    });
    Ok(Json(json!({ "removed": removed.await? })))
}

async fn online_count(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(room): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let room = record::find(&node, &app.id, &RoomId::new(room)).await?.id;
    Ok(Json(json!({ "result": node.online_count(&app.id, &room) })))
}

async fn only_rooms(_: ByMaster) -> ApiError {
    Refused::only_rooms().into()
}

async fn no_member_list(_: ByMaster) -> ApiError {
    Refused::others().into()
}

/// A new room by the fields of a request.
pub(super) async fn create(
    node: &Arc<Node>,
    app: &AppId,
    by: By,
    fields: Map<String, Value>,
) -> Result<Room, ApiError> {
    let Creation { data, creator } = read_new(node, fields)?;
    let creator = creator.map_or_else(String::new, |creator| creator.to_string());
    let (worker, app) = (Arc::clone(node), app.clone());
    let created = node.see_through(async move { record::create(&worker, &app, &by, creator, data).await });
    Ok(created.await?)
}

/// What the fields of a request say of a new room.
pub(super) fn read_new(node: &Node, fields: Map<String, Value>) -> Result<Creation, ApiError> {
    let creation = Creation::read(fields, node.config.limits.room_attributes);
    Ok(creation.map_err(|cause| match cause {
        CreationError::NotARoom(_) => Refused::not_a_room(cause.to_string()),
        CreationError::Field(cause) => Refused::update(&cause),
    })?)
}

/// A change by the fields of a request, of which the members hear.
pub(super) async fn change(
    node: &Arc<Node>,
    app: &AppId,
    by: By,
    room: &RoomId,
    fields: Map<String, Value>,
) -> Result<Room, ApiError> {
    let update = AttributeUpdate::of(fields).map_err(|cause| Refused::update(&cause))?;
    let (worker, app, room) = (Arc::clone(node), app.clone(), room.clone());
    let changed = node.see_through(async move {
        let changed = record::change(&worker, &app, &by, &room, &update).await?;
        let room = changed.room.clone();
        changed.announce(&worker, &app, String::new(), Except::Nobody).await;
        Ok(room)
    });
    changed.await
}

/// Removes a room, and its members from it.
pub(super) async fn delete(node: &Arc<Node>, app: &AppId, by: By, room: &RoomId) -> Result<(), Fault> {
    let (worker, app, room) = (Arc::clone(node), app.clone(), room.clone());
    node.see_through(async move { record::delete(&worker, &app, &by, &room).await }).await
}
