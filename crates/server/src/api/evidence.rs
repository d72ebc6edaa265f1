//! What messages were, and erasing what is kept of a client: for an app's back end. LeanCloud has no such calls.

use std::sync::Arc;

use axum::Json;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, MessageId, RoomId};
use grandstand_room::clock::Millis;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::BackEnd,
    error::ApiError,
    history::flag,
    messages::client_id,
    parameters::{Path, Query},
    routes::Routes,
};
use crate::{
    service::evidence::{self, Outcome, Progress},
    store::{Cause, Original, TracePlace},
};

/// Originals of a page when the request does not say, and at most: each may be as large as a message.
const ORIGINALS: (u32, u32) = (100, 500);

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/1.2/rtm/chatrooms/{room}/messages/{message}/originals", originals)
        .delete("/1.2/rtm/clients/{client}/data", erase)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
    next: Option<String>,
}

async fn originals(
    BackEnd { node, app, caller }: BackEnd,
    Path((room, message)): Path<(String, String)>,
    Query(Page { limit, next }): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let (usual, most) = ORIGINALS;
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(usual).min(most);
    let after = next.filter(|next| !next.is_empty()).map(|next| next.parse()).transpose();
    let after = after.map_err(|_| unknown_place())?.unwrap_or(0);
    let worker = Arc::clone(&node);
    let found = node.see_through(async move {
        let place = (&RoomId::new(room), &MessageId::new(message));
        evidence::originals(&worker, &app, &caller, place, (after, limit + 1)).await
    });
    let mut found = found.await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map(|original| original.row);
    let rows: Vec<Value> = found.into_iter().map(row).collect();
    let mut answer = json!({ "results": rows });
    if let (true, Some(last)) = (more, last) {
        answer["next"] = last.to_string().into();
    }
    Ok(Json(answer))
}

/// In the words of history, where it has them.
fn row(original: Original) -> Value {
    let bin = matches!(original.body, Body::Binary(_));
    let data = match original.body {
        Body::Text(text) => text,
        Body::Binary(bytes) => STANDARD.encode(bytes),
    };
    let cause = match original.cause {
        Cause::Filtered => "filtered",
        Cause::Edited => "edited",
        Cause::Recalled => "recalled",
    };
    let mut row = json!({
        "cause": cause,
        "at": original.kept_at.to_iso(),
        "from": original.from,
        "timestamp": original.timestamp.0,
        "data": data,
        "bin": bin,
    });
    if let Some(address) = original.address {
        row["from-ip"] = address.to_string().into();
    }
    row
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
    #[serde(default, deserialize_with = "flag")]
    messages: bool,
    next: Option<String>,
}

async fn erase(
    BackEnd { node, app, caller }: BackEnd,
    Path(client): Path<String>,
    Query(Erase { messages, next }): Query<Erase>,
) -> Result<Json<Value>, ApiError> {
    let client = client_id("the client id", &client)?;
    let from = next.filter(|next| !next.is_empty()).as_deref().map(progress).transpose()?;
    let worker = Arc::clone(&node);
    let erased = node
        .see_through(async move { evidence::erase(&worker, &app, &caller, &client, (messages, from)).await });
    let Outcome { originals, addresses, messages, visitors, next } = erased.await?;
    let mut answer = json!({
        "originals": originals, "addresses": addresses, "messages": messages, "visitors": visitors,
    });
    if let Some(Progress { till, after: Some(TracePlace { timestamp, room, number }) }) = next {
        answer["next"] = format!("{}:{}:{room}:{number}", till.0, timestamp.0).into();
    }
    Ok(Json(answer))
}

fn progress(text: &str) -> Result<Progress, ApiError> {
    let parts: Result<Vec<i64>, _> = text.split(':').map(str::parse).collect();
    match parts.as_deref() {
        Ok(&[till, timestamp, room, number]) => {
            let after = Some(TracePlace { timestamp: Millis(timestamp), room, number });
            Ok(Progress { till: Millis(till), after })
        }
        _ => Err(unknown_place()),
    }
}

fn unknown_place() -> ApiError {
    ApiError::bad_request("next has to be what the answer before named")
}
