//! HTTP on the public port: discovery, what SDKs ask beside the socket, health, the demo room.

pub(crate) mod account;
mod auth;
mod cors;
mod discovery;
pub mod error;
mod realtime;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode, Uri},
    middleware,
    routing::{get, post},
};

use crate::{demo, gateway::handshake, node::Node};

use self::error::ApiError;

/// Every route of the public port.
pub fn router(node: Arc<Node>) -> Router {
    let sdk = Router::new()
        .route("/v1/route", get(discovery::rtm_router))
        // JavaScript puts it behind a server URL as that was written, with a slash at the end or without.
        .route("//v1/route", get(discovery::rtm_router))
        .route("/2/route", get(discovery::app_router))
        .route("/1.1/rtm/notifications", get(realtime::notifications))
        .route("/1.1/rtm/transient_group/onlines", get(realtime::online_count))
        .route("/1.1/rtm/sign", post(realtime::sign))
        .route("/1.1/classes/_ConversationMemberInfo", get(realtime::member_infos))
        .route("/1.2/rtm/chatrooms/{room}/account", get(account::room_by_master))
        .route("/1.2/rtm/chatrooms/{room}/messages/{message}/account", get(account::message_by_master))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(cors::allow_any_origin));
    Router::new()
        .route("/", get(handshake::upgrade))
        .route("/ws", get(handshake::upgrade))
        .route("/healthz", get("ok"))
        .route("/readyz", get(ready))
        .merge(demo::routes())
        .method_not_allowed_fallback(wrong_method)
        .merge(sdk)
        .with_state(node)
}

/// Alive, and not about to go.
async fn ready(State(node): State<Arc<Node>>) -> Result<&'static str, ApiError> {
    if node.is_draining() {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is about to stop"));
    }
    Ok("ok")
}

async fn unknown_path(uri: Uri) -> ApiError {
    // A path may be as long as a request head.
    let path: String = uri.path().chars().take(100).collect();
    ApiError::new(StatusCode::NOT_FOUND, format!("this server has nothing at {path}"))
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))
}
