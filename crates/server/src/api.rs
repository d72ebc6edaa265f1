//! HTTP on the public port: discovery, what SDKs ask beside the socket, health, the demo room.

mod absent;
pub(crate) mod account;
mod audit;
mod auth;
mod bans;
mod batch;
mod body;
mod broadcasts;
mod clients;
mod conversations;
mod cors;
mod description;
mod discovery;
pub mod error;
mod evidence;
mod first_messages;
mod history;
mod listing;
mod member_infos;
mod messages;
mod parameters;
mod passing;
mod patience;
mod purges;
mod realtime;
mod restrictions;
mod rooms;
mod routes;
mod sign;
mod switches;
mod trace;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    middleware,
};

use crate::{demo, gateway::handshake, node::Node};

use self::{error::ApiError, routes::Routes};

/// Every route of the public port.
pub fn router(node: Arc<Node>) -> Router {
    let open = plain().router.merge(demo::routes()).method_not_allowed_fallback(wrong_method);
    let sdk = for_apps().router.fallback(passing::elsewhere).method_not_allowed_fallback(wrong_method);
    open.merge(sdk.layer(middleware::from_fn(cors::allow_any_origin))).with_state(node)
}

/// Methods and paths of all routes but the demo room's files.
#[must_use]
pub fn listed_routes() -> Vec<(Method, &'static str)> {
    plain().and(for_apps()).listed
}

/// Routes without keys.
fn plain() -> Routes {
    Routes::new()
        .get("/", handshake::upgrade)
        .get("/ws", handshake::upgrade)
        .get("/healthz", alive)
        .get("/readyz", ready)
}

/// Routes that apps call, from web pages too.
fn for_apps() -> Routes {
    Routes::new()
        .get("/openapi.json", description::show)
        .get("/v1/route", discovery::rtm_router)
        // JavaScript puts it behind a server URL as that was written, with a slash at the end or without.
        .get("//v1/route", discovery::rtm_router)
        .get("/2/route", discovery::app_router)
        .get("/1.1/rtm/notifications", realtime::notifications)
        .get("/1.1/rtm/transient_group/onlines", realtime::online_count)
        .get("/1.2/rtm/chatrooms/{room}/account", account::room_by_master)
        .get("/1.2/rtm/chatrooms/{room}/messages/{message}/account", account::message_by_master)
        .and(messages::routes())
        .and(first_messages::routes())
        .and(clients::routes())
        .and(sign::routes())
        .and(absent::routes())
        .and(rooms::routes())
        .and(restrictions::routes())
        .and(switches::routes())
        .and(member_infos::routes())
        .and(bans::routes())
        .and(purges::routes())
        .and(broadcasts::routes())
        .and(conversations::routes())
        .and(words::routes())
        .and(audit::routes())
        .and(trace::routes())
        .and(evidence::routes())
        .post("/1.1/batch", batch::run)
}

async fn alive() -> &'static str {
    "ok"
}

/// Alive, and not about to go.
async fn ready(State(node): State<Arc<Node>>) -> Result<&'static str, ApiError> {
    if node.is_draining() {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is about to stop"));
    }
    Ok("ok")
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))
}
