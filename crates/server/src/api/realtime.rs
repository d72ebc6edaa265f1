//! What SDKs ask over HTTP beside the socket (protocol 6.5, 6.7).

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::RoomId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{auth::Authenticated, error::ApiError, parameters::Query};
use crate::node::Node;

/// Chat rooms have no offline events, so this is one constant that fits the shapes of both SDKs that ask.
pub(super) async fn notifications() -> Json<Value> {
    Json(json!({
        "hasMore": false,
        "notifications": [],
        "permanent": { "notifications": [] },
        "droppable": { "notifications": [] },
    }))
}

#[derive(Debug, Deserialize)]
pub(super) struct Gid {
    gid: Option<String>,
}

/// How many are in a room, as old Unity clients count.
pub(super) async fn online_count(
    State(node): State<Arc<Node>>,
    authenticated: Authenticated,
    Query(Gid { gid }): Query<Gid>,
) -> Result<Json<Value>, ApiError> {
    let room = gid
        .filter(|gid| !gid.is_empty())
        .ok_or_else(|| ApiError::bad_request("the query names no room: gid=ROOM_ID"))?;
    let count = node.online_count(&authenticated.app.id, &RoomId::new(room));
    Ok(Json(json!({ "result": count })))
}
