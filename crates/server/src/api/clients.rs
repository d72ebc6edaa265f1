//! Clients over REST (protocol 6.3, 6.5): who is online, kick, figures of the app.

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::limits;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::{Authenticated, BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    messages::client_id,
    parameters::Path,
    routes::Routes,
};
use crate::{
    apps::App,
    node::Node,
    service::{caller::Caller, kick::kick},
};

/// Characters of the reason that goes with a kick (protocol 9.2).
const REASON: usize = 20;

/// The routes of clients.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/clients/check-online", check_online)
        .post("/1.2/rtm/clients/{client}/kick", kick_client)
        .get("/1.2/rtm/clients/{client}/unread-count", unread_count)
        .get("/1.2/rtm/stats", stats)
        .post("/1.1/rtm/online", online)
        .post("/1.1/rtm/client/kick", kick_named)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientIds {
    client_ids: Vec<String>,
}

async fn check_online(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    JsonBody(asked): JsonBody<ClientIds>,
) -> Result<Json<Value>, ApiError> {
    who_is_online(&node, &app, &asked.client_ids)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peers {
    peers: Vec<String>,
}

async fn online(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    JsonBody(asked): JsonBody<Peers>,
) -> Result<Json<Value>, ApiError> {
    who_is_online(&node, &app, &asked.peers)
}

fn who_is_online(node: &Node, app: &App, clients: &[String]) -> Result<Json<Value>, ApiError> {
    if clients.len() > limits::ONLINE_QUERY {
        let error = format!("one call asks about at most {} clients", limits::ONLINE_QUERY);
        return Err(ApiError::bad_request(error));
    }
    Ok(Json(json!({ "results": node.router.app(&app.id).online(clients) })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kick {
    reason: Option<String>,
}

async fn kick_client(
    BackEnd { node, app, caller }: BackEnd,
    Path(client): Path<String>,
    JsonBody(Kick { reason }): JsonBody<Kick>,
) -> Result<Json<Value>, ApiError> {
    end_sessions(&node, app, caller, "the client id", &client, reason).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KickNamed {
    client_id: String,
    reason: Option<String>,
}

async fn kick_named(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(KickNamed { client_id, reason }): JsonBody<KickNamed>,
) -> Result<Json<Value>, ApiError> {
    end_sessions(&node, app, caller, "client_id", &client_id, reason).await
}

async fn end_sessions(
    node: &Arc<Node>,
    app: Arc<App>,
    caller: Caller,
    what: &str,
    client: &str,
    reason: Option<String>,
) -> Result<Json<Value>, ApiError> {
    let client = client_id(what, client)?;
    let reason = reason.filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON) {
        let error = format!("the reason has at most {REASON} characters");
        return Err(ApiError::bad_request(error));
    }
    let worker = Arc::clone(node);
    let ended = node.see_through(async move { kick(&worker, &app, &caller, &client, reason).await });
    ended.await?;
    Ok(Json(json!({})))
}

/// Rooms keep nothing unread.
async fn unread_count(_: Authenticated, Path(client): Path<String>) -> Result<Json<Value>, ApiError> {
    client_id("the client id", &client)?;
    Ok(Json(json!({ "count": 0 })))
}

/// Client ids online now, and those that logged in since midnight UTC.
async fn stats(State(node): State<Arc<Node>>, ByMaster(app): ByMaster) -> Json<Value> {
    let online = node.router.app(&app.id).clients();
    let today = node.visitors.count(&app.id, node.clock.wall());
    Json(json!({ "result": { "online_user_count": online, "user_count_today": today } }))
}
