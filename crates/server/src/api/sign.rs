//! Login signatures for the users of an app's accounts (protocol 1.3, 6.3): SDKs that log in with a user object ask here.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use grandstand_room::signature::{Purpose, Statement, sign};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::{Authenticated, ClientAddress},
    body::JsonBody,
    error::ApiError,
    parameters::Query,
    patience,
    routes::Routes,
};
use crate::{
    accounts::AccountError,
    apps::App,
    gateway::handshake::Connection,
    hook::{self, HookSettings},
    node::Node,
    service::TRY_AGAIN,
};

/// LeanCloud's code for a session token that nobody has.
const NO_SUCH_USER: i32 = 211;

/// The routes of signatures.
pub(super) fn routes() -> Routes {
    Routes::new().post("/1.1/rtm/sign", sign_posted).get("/1.2/rtm/clients/sign", sign_asked)
}

/// SDKs send it; what one of them adds must not lock its users out.
#[derive(Debug, Deserialize)]
struct Token {
    session_token: String,
}

async fn sign_posted(
    State(node): State<Arc<Node>>,
    authenticated: Authenticated,
    ClientAddress(address): ClientAddress,
    Extension(connection): Extension<Arc<Connection>>,
    JsonBody(token): JsonBody<Token>,
) -> Result<Json<Value>, ApiError> {
    sign_login(&node, &authenticated.app, (address, &connection), &token).await
}

async fn sign_asked(
    State(node): State<Arc<Node>>,
    authenticated: Authenticated,
    ClientAddress(address): ClientAddress,
    Extension(connection): Extension<Arc<Connection>>,
    Query(token): Query<Token>,
) -> Result<Json<Value>, ApiError> {
    sign_login(&node, &authenticated.app, (address, &connection), &token).await
}

/// A signature for whoever has this session token, if the app's hook agrees.
async fn sign_login(
    node: &Node,
    app: &App,
    (address, connection): (IpAddr, &Connection),
    token: &Token,
) -> Result<Json<Value>, ApiError> {
    let Some(settings) = &app.accounts else {
        let error = "this app has no user accounts here: set [apps.accounts] or [apps.upstream], or log in with a \
            client id of your own instead of a user object";
        return Err(ApiError::new(StatusCode::NOT_FOUND, error));
    };
    let hook = app.hooks.as_ref().map_or(Duration::ZERO, HookSettings::longest);
    patience::for_more(node, connection, settings.timeout + hook);
    let found = node.accounts.whose(app, settings, &token.session_token).await;
    let user = found.map_err(|cause| match cause {
        AccountError::Unknown => {
            ApiError::bad_request("nobody has this session token").with_code(NO_SUCH_USER)
        }
        AccountError::Unavailable => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, TRY_AGAIN),
    })?;
    hook::client_sign(node, app, Some(address), &user.data).await?;
    let statement = Statement { app: &app.id, client: &user.client, purpose: Purpose::Login };
    let nonce = URL_SAFE_NO_PAD.encode(node.random::<12>());
    let signed = sign(&statement, app.master_key.reveal(), node.clock.wall(), nonce);
    let signed = signed.map_err(|cause| ApiError::bad_request(cause.to_string()))?;
    Ok(Json(json!({
        "client_id": user.client.as_str(),
        "signature": signed.signature,
        "timestamp": signed.timestamp,
        "nonce": signed.nonce,
    })))
}
