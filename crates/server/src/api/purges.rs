//! Purge over REST: what one client wrote is recalled, call by call.

use std::{sync::Arc, time::Duration};

use axum::Json;
use grandstand_protocol::RoomId;
use grandstand_room::clock::Millis;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::BackEnd, body::JsonBody, error::ApiError, messages::client_id, parameters::Path, routes::Routes,
};
use crate::{
    exclusive::Work,
    service::purge::{Purge, purge},
    store::Place,
};

/// How soon to ask again while another purge of the app is under way.
const BUSY: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/chatrooms/{room}/purge", of_room)
        .post("/1.2/rtm/conversations/{room}/purge", of_room)
        .post("/1.2/rtm/clients/{client}/purge", of_app)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InRoom {
    client_id: String,
    from: Option<i64>,
    till: Option<i64>,
    next: Option<String>,
}

async fn of_room(
    back_end: BackEnd,
    Path(room): Path<String>,
    JsonBody(InRoom { client_id, from, till, next }): JsonBody<InRoom>,
) -> Result<Json<Value>, ApiError> {
    carry_out(back_end, Some(RoomId::new(room)), &client_id, Span { from, till, next }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    from: Option<i64>,
    till: Option<i64>,
    next: Option<String>,
}

async fn of_app(
    back_end: BackEnd,
    Path(client): Path<String>,
    JsonBody(span): JsonBody<Span>,
) -> Result<Json<Value>, ApiError> {
    carry_out(back_end, None, &client, span).await
}

async fn carry_out(
    BackEnd { node, app, caller }: BackEnd,
    room: Option<RoomId>,
    client: &str,
    Span { from, till, next }: Span,
) -> Result<Json<Value>, ApiError> {
    let author = client_id("the client id", client)?;
    let after = next.as_deref().map(place).transpose()?;
    let asked = Purge { room, author, from: from.map(Millis), till: till.map(Millis), after };
    let turn = node.exclusive.begin(&app.id, Work::Purge);
    let turn = turn.ok_or_else(|| ApiError::too_many_requests(BUSY))?;
    let worker = Arc::clone(&node);
    let purged = node.see_through(async move {
        let purged = purge(&worker, &app, &caller, asked).await;
        drop(turn);
        purged
    });
    let purged = purged.await?;
    let mut answer = json!({ "recalled": purged.recalled, "more": purged.next.is_some() });
    if let Some(Place { timestamp, room, number }) = purged.next {
        answer["next"] = format!("{timestamp}.{room}.{number}").into();
    }
    Ok(Json(answer))
}

/// `next` of the answer before.
fn place(text: &str) -> Result<Place, ApiError> {
    let numbers: Option<Vec<i64>> = text.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([timestamp, room, number]) => Ok(Place { timestamp: *timestamp, room: *room, number: *number }),
        _ => Err(ApiError::bad_request("next has to be what the answer before had as next")),
    }
}
