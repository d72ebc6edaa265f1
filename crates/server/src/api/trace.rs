//! Why a viewer did not get a message, for an app's back end. LeanCloud has no such thing.

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::{MessageId, RoomId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account::OfMessage,
    auth::ByMaster,
    error::ApiError,
    history::item,
    messages::client_id,
    parameters::{Path, Query},
    routes::Routes,
};
use crate::{
    node::Node,
    service::trace::{ClientTrace, SessionTrace, Standing, trace},
    store::{SessionRecord, StoredMessage},
};

pub(super) fn routes() -> Routes {
    Routes::new().get("/1.2/rtm/chatrooms/{room}/messages/{message}/trace", show)
}

/// For whom the message may have been.
#[derive(Debug, Deserialize)]
struct Whose {
    client_id: Option<String>,
}

async fn show(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path((room, message)): Path<(String, String)>,
    Query(Whose { client_id: client }): Query<Whose>,
) -> Result<Json<Value>, ApiError> {
    let (room, message) = (RoomId::new(room), MessageId::new(message));
    let client = client.filter(|client| !client.is_empty());
    let client = client.map(|client| client_id("client_id", &client)).transpose()?;
    let found = trace(&node, &app, (&room, &message), client).await?.ok_or_else(unknown)?;
    let mut answer = json!({
        "message": found.message.map(|message| stored(&room, message)),
        "account": found.account.as_ref().map(OfMessage::new),
    });
    if let Some(source) = found.level {
        answer["level_rules"] = source.rules.into();
        answer["level_own"] = source.own.into();
    }
    if let Some(found) = found.client {
        answer["client"] = of_client(&found);
    }
    Ok(Json(answer))
}

fn unknown() -> ApiError {
    let why = "this message is not in the room's history, and this server does not remember it: a transient one can be \
        asked for during 10 minutes, if anybody was there";
    ApiError::new(StatusCode::NOT_FOUND, why)
}

/// As history shows it, and what only operators ask for.
fn stored(room: &RoomId, message: StoredMessage) -> Value {
    let (level, recalled, patched_at) = (message.level.name(), message.recalled, message.patched_at);
    let by_client = message.session.is_some();
    let mut row = item(room, message);
    row["level"] = level.into();
    row["recalled"] = recalled.into();
    row["by_client"] = by_client.into();
    if let Some(time) = patched_at {
        row["patch-timestamp"] = time.0.into();
    }
    row
}

fn of_client(ClientTrace { client, blocked, sessions, dropped }: &ClientTrace) -> Value {
    json!({
        "client_id": client.as_str(),
        "blocked": blocked,
        "sessions": sessions.iter().map(of_session).collect::<Vec<_>>(),
        "dropped": dropped.iter().map(of_dropped).collect::<Vec<_>>(),
    })
}

fn of_session(SessionTrace { stay, since, address, pending, standing }: &SessionTrace) -> Value {
    let mut row = json!({ "standing": name(*standing), "address": address.to_string() });
    if let Some(stay) = stay {
        row["room"] = stay.room.as_str().into();
    }
    if let Some(since) = since {
        row["since"] = since.to_iso().into();
    }
    if let Some([high, normal, low]) = pending {
        row["pending"] = json!({ "high": high, "normal": normal, "low": low });
    }
    row
}

fn of_dropped(record: &SessionRecord) -> Value {
    json!({
        "room": record.room.as_ref().map(RoomId::as_str),
        "dropped_at": record.dropped_at.map(grandstand_room::clock::Millis::to_iso),
    })
}

fn name(standing: Standing) -> &'static str {
    match standing {
        Standing::Elsewhere => "elsewhere",
        Standing::Own => "own",
        Standing::Others => "others",
        Standing::Before => "before",
        Standing::Returned => "returned",
        Standing::Pending => "pending",
        Standing::Passed => "passed",
        Standing::Confirmed => "confirmed",
        Standing::Forgotten => "forgotten",
    }
}
