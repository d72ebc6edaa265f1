//! The audit log, for an app's back end. LeanCloud has no such call.

use axum::{Json, extract::State};
use grandstand_protocol::RoomId;
use grandstand_room::clock::Millis;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::{auth::ByMaster, error::ApiError, messages::client_id, parameters::Query, routes::Routes};
use crate::{
    audit::Action,
    node::Node,
    store::{ActorFilter, AuditPlace, AuditQuery},
};

/// Entries of a page when the request does not say, and at most.
const ENTRIES: (u32, u32) = (100, 1000);

pub(super) fn routes() -> Routes {
    Routes::new().get("/1.2/rtm/audit", page)
}

/// What is looked for in a log has to be what was meant: a misspelt parameter is refused, and not passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: Option<String>,
    till: Option<String>,
    actor: Option<String>,
    action: Option<String>,
    room: Option<String>,
    client: Option<String>,
    limit: Option<u32>,
    next: Option<String>,
}

async fn page(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let (usual, most) = ENTRIES;
    let limit = asked.limit.filter(|limit| *limit > 0).unwrap_or(usual).min(most);
    // One more, to see whether there is another page.
    let query = AuditQuery { limit: limit + 1, ..asked.query()? };
    let mut found = node.store.acts(&app.id, &query).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map(|(place, _)| *place);
    let rows: Vec<Value> = found.iter().map(|(_, entry)| entry.to_json()).collect();
    let mut answer = json!({ "results": rows });
    if let (true, Some(AuditPlace { at, row })) = (more, last) {
        answer["next"] = format!("{}-{row}", at.0).into();
    }
    Ok(Json(answer))
}

impl Asked {
    fn query(self) -> Result<AuditQuery, ApiError> {
        Ok(AuditQuery {
            from: self.from.map(|text| time("from", &text)).transpose()?,
            till: self.till.map(|text| time("till", &text)).transpose()?,
            actor: self.actor.as_deref().map(actor).transpose()?,
            action: self.action.as_deref().map(action).transpose()?,
            room: self.room.map(RoomId::new),
            client: self.client.map(|text| client_id("client", &text)).transpose()?,
            before: self.next.filter(|text| !text.is_empty()).as_deref().map(place).transpose()?,
            limit: 0,
        })
    }
}

/// Milliseconds, or a date as rows have it.
fn time(name: &str, text: &str) -> Result<Millis, ApiError> {
    let number = text.parse().ok().map(Millis);
    number.or_else(|| Millis::from_iso(text)).ok_or_else(|| {
        let error =
            format!("{name} has to be milliseconds since 1970, or a date such as 2026-11-01T00:00:00Z");
        ApiError::bad_request(error)
    })
}

/// A client id may be any text, so it comes with a word before it.
fn actor(text: &str) -> Result<ActorFilter, ApiError> {
    match text {
        "master_key" => Ok(ActorFilter::MasterKey),
        "app_key" => Ok(ActorFilter::AppKey),
        "nobody" => Ok(ActorFilter::Nobody),
        "client" => Ok(ActorFilter::AnyClient),
        _ => match text.strip_prefix("client:") {
            Some(id) => client_id("actor", id).map(ActorFilter::Client),
            None => Err(ApiError::bad_request(
                "actor has to be master_key, app_key, nobody, client, or client:CLIENT_ID",
            )),
        },
    }
}

fn action(text: &str) -> Result<String, ApiError> {
    if Action::ALL.iter().any(|action| action.name() == text) {
        return Ok(text.to_owned());
    }
    let names: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
    Err(ApiError::bad_request(format!("action has to be one of {}", names.join(", "))))
}

fn place(text: &str) -> Result<AuditPlace, ApiError> {
    let read = text
        .rsplit_once('-')
        .and_then(|(at, row)| Some(AuditPlace { at: Millis(at.parse().ok()?), row: row.parse().ok()? }));
    read.ok_or_else(|| ApiError::bad_request("next has to be what the page before named"))
}
