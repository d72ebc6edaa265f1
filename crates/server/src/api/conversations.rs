//! Rooms as LeanCloud's storage shows them (protocol 6.5): the class `_Conversation`, with the app's key or its master
//! key.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension, Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use grandstand_protocol::{AppId, Code, RoomId};
use grandstand_room::{
    creation::{Creation, lets_everybody_write},
    room::Room,
    switches::RoomsByKey,
};
use http::{StatusCode, header, request::Parts};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    auth::{Authenticated, ClientAddress},
    body::JsonBody,
    error::ApiError,
    listing::{Keys, Listing},
    parameters::{Path, Query},
    patience, rooms,
    routes::Routes,
};
use crate::{
    gateway::handshake::Connection,
    node::Node,
    quota::Call,
    service::{
        Refused,
        room::{by_key, record},
    },
};

/// Where the class is.
pub(super) const CLASS: &str = "/1.1/classes/_Conversation";

/// Rows of a page, when the request does not say, as in LeanCloud's storage.
const PAGE: u32 = 100;

/// Ids in one request for deletion.
const IDS: usize = 100;

/// Bytes of an id.
const ID: usize = 64;

/// What LeanCloud's storage says of an object that is not there.
const NO_SUCH_OBJECT: i32 = 101;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.1/classes/_Conversation", create_one)
        .get("/1.1/classes/_Conversation", list_some)
        .get("/1.1/classes/_Conversation/{room}", show_one)
        .put("/1.1/classes/_Conversation/{room}", change_one)
        .delete("/1.1/classes/_Conversation/{room}", delete_some)
}

/// How a save is to be answered, and on what condition it is to be done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Saving {
    #[serde(rename = "fetchWhenSave")]
    whole: Option<String>,
    #[serde(rename = "where")]
    condition: Option<String>,
}

/// Which keys a reader wants.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reading {
    keys: String,
}

/// Whoever asks about rooms. The app's key is in everybody's hands, so from each address it opens only so often.
struct Asking(Authenticated);

impl FromRequestParts<Arc<Node>> for Asking {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, ApiError> {
        let by = Authenticated::from_request_parts(parts, node).await?;
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, node).await?;
        count(node, &by, address)?;
        Ok(Self(by))
    }
}

/// Counts a request of whoever has the app's key.
pub(super) fn count(node: &Node, by: &Authenticated, address: IpAddr) -> Result<(), ApiError> {
    if !by.is_back_end() {
        node.quotas.take(&by.app, Call::ByKey(address), node.uptime())?;
    }
    Ok(())
}

async fn create_one(
    State(node): State<Arc<Node>>,
    Asking(by): Asking,
    Extension(connection): Extension<Arc<Connection>>,
    Query(saving): Query<Saving>,
    JsonBody(fields): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    patience::for_hooks(&node, &by.app, &connection, 1);
    let created = create(&node, &by, &saving, fields).await?;
    let place = format!("{CLASS}/{}", created["objectId"].as_str().unwrap_or_default());
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(created)).into_response())
}

async fn list_some(
    State(node): State<Arc<Node>>,
    Asking(by): Asking,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, ApiError> {
    list(&node, &by, listing).await.map(Json)
}

async fn show_one(
    State(node): State<Arc<Node>>,
    Asking(by): Asking,
    Path(room): Path<String>,
    Query(reading): Query<Reading>,
) -> Result<Json<Value>, ApiError> {
    show(&node, &by, room, &reading).await.map(Json)
}

async fn change_one(
    State(node): State<Arc<Node>>,
    Asking(by): Asking,
    Extension(connection): Extension<Arc<Connection>>,
    Path(room): Path<String>,
    Query(saving): Query<Saving>,
    JsonBody(fields): JsonBody<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    patience::for_hooks(&node, &by.app, &connection, 1);
    change(&node, &by, room, &saving, fields).await.map(Json)
}

async fn delete_some(
    State(node): State<Arc<Node>>,
    Asking(by): Asking,
    Path(rooms): Path<String, { IDS * (ID + 1) }>,
) -> Result<Json<Value>, ApiError> {
    delete(&node, &by, &rooms).await.map(Json)
}

pub(super) async fn create(
    node: &Arc<Node>,
    by: &Authenticated,
    saving: &Saving,
    fields: Map<String, Value>,
) -> Result<Value, ApiError> {
    allowed(by, RoomsByKey::Create)?;
    if !matches!(fields.get("tr"), Some(Value::Bool(true))) {
        return Err(Refused::not_a_room("only chat rooms can be made here: set tr to true").into());
    }
    // Whoever has the app's key may be anybody: a room's creator is one of its moderators.
    if fields.contains_key("c") && !by.is_back_end() {
        let error = "only the app's back end, with its master key, may say whose the room is: leave c out";
        return Err(ApiError::new(StatusCode::FORBIDDEN, error));
    }
    let room = match by.by_key() {
        None => rooms::create(node, &by.app.id, by.by(), fields).await?,
        Some(address) => create_by_key(node, by, address, fields).await?,
    };
    Ok(if saving.wants_whole() {
        Keys::default().of(&room)
    } else {
        json!({ "objectId": room.id.as_str(), "createdAt": room.created_at.to_iso() })
    })
}

async fn create_by_key(
    node: &Arc<Node>,
    by: &Authenticated,
    address: IpAddr,
    fields: Map<String, Value>,
) -> Result<Room, ApiError> {
    let Creation { data, .. } = rooms::read_new(node, fields)?;
    let (worker, app) = (Arc::clone(node), Arc::clone(&by.app));
    let created = node.see_through(async move { by_key::create(&worker, &app, address, data).await });
    Ok(created.await?)
}

pub(super) async fn list(node: &Node, by: &Authenticated, listing: Listing) -> Result<Value, ApiError> {
    listing.of_rooms(node, &by.app.id, PAGE).await
}

pub(super) async fn show(
    node: &Node,
    by: &Authenticated,
    room: String,
    reading: &Reading,
) -> Result<Value, ApiError> {
    let keys = Keys::parse(&reading.keys)?;
    Ok(keys.of(&find(node, &by.app.id, &RoomId::new(room)).await?))
}

pub(super) async fn change(
    node: &Arc<Node>,
    by: &Authenticated,
    room: String,
    saving: &Saving,
    fields: Map<String, Value>,
) -> Result<Value, ApiError> {
    if saving.condition.as_deref().is_some_and(|condition| !condition.is_empty()) {
        return Err(ApiError::bad_request("a change on condition (where) is not possible for rooms"));
    }
    let room = RoomId::new(room);
    may_write(node, by, &room).await?;
    let fields = match by.by_key() {
        None => fields,
        Some(address) => {
            let left = by_key::change(node, &by.app, address, &room, fields).await?;
            // The hook has taken its time.
            may_write(node, by, &room).await?;
            left
        }
    };
    let changed = rooms::change(node, &by.app.id, by.by(), &room, fields).await;
    let room = changed.map_err(in_storage_words)?;
    Ok(if saving.wants_whole() {
        Keys::default().of(&room)
    } else {
        json!({ "updatedAt": room.updated_at.to_iso(), "objectId": room.id.as_str() })
    })
}

/// One room, or several whose ids stand in a row with commas, as the JavaScript SDK asks. One that is gone already is
/// no failure.
pub(super) async fn delete(node: &Arc<Node>, by: &Authenticated, listed: &str) -> Result<Value, ApiError> {
    let ids: Vec<RoomId> = listed.split(',').filter(|room| !room.is_empty()).map(RoomId::from).collect();
    if ids.len() > IDS {
        return Err(ApiError::bad_request(format!("at most {IDS} rooms can be deleted at once")));
    }
    for room in &ids {
        may_write(node, by, room).await?;
    }
    for room in &ids {
        match rooms::delete(node, &by.app.id, by.by(), room).await {
            Err(fault) if fault.is(Code::ConversationNotFound) => {}
            deleted => deleted?,
        }
    }
    Ok(json!({}))
}

/// The room, with the storage's own word where there is none.
async fn find(node: &Node, app: &AppId, room: &RoomId) -> Result<Room, ApiError> {
    record::find(node, app, room).await.map_err(|fault| in_storage_words(fault.into()))
}

fn in_storage_words(error: ApiError) -> ApiError {
    if error.is(Code::ConversationNotFound) { error.with_code(NO_SUCH_OBJECT) } else { error }
}

async fn may_write(node: &Node, by: &Authenticated, room: &RoomId) -> Result<(), ApiError> {
    allowed(by, RoomsByKey::Change)?;
    if by.is_back_end() {
        return Ok(());
    }
    let room = find(node, &by.app.id, room).await?;
    node.moderation.may_be_changed(&by.app.id, &room.id, node.clock.wall()).await?;
    if lets_everybody_write(&room.data) {
        return Ok(());
    }
    let error = "the room's access list does not let everybody write: use the master key";
    Err(ApiError::new(StatusCode::FORBIDDEN, error))
}

/// The app's back end may do everything, whoever has the app's key what the app's switch says.
fn allowed(by: &Authenticated, needed: RoomsByKey) -> Result<(), ApiError> {
    if by.is_back_end() || by.app.switches.rooms_by_key >= needed {
        return Ok(());
    }
    let error = "this app's key does not allow that (its switch is rooms_by_key): use the master key";
    Err(ApiError::new(StatusCode::FORBIDDEN, error))
}

impl Saving {
    fn wants_whole(&self) -> bool {
        self.whole.as_deref() == Some("true")
    }
}
