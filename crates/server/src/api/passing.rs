//! Paths that are not ours: to the app's upstream, if it has one.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, response::Response};
use http::{Request, StatusCode};

use super::{auth, error::ApiError};
use crate::{
    gateway::handshake::Connection,
    node::Node,
    upstream::{Link, Upstreams},
};

/// Paths that are this server's own with all that is below them, also where it has nothing: a mistake in a call for
/// chat must not land in somebody's storage.
const OURS: [&str; 7] =
    ["/1.2/rtm", "/1.1/rtm", "/1.1/classes/_Conversation", "/v1/route", "/2/route", "/demo", "/ws"];

/// Passes a request on to the upstream of its app.
pub(super) async fn elsewhere(
    State(node): State<Arc<Node>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let path = request.uri().path();
    if is_ours(path) {
        return Err(nothing_at(path));
    }
    let link = way(&node.upstreams, &request)?;
    Ok(node.upstreams.pass(&link, &connection, request).await?)
}

/// The way to where a request belongs that is not for this server.
pub(super) fn way(upstreams: &Upstreams, request: &Request<Body>) -> Result<Arc<Link>, ApiError> {
    let app = auth::app_id(request.headers());
    upstreams.of(app).ok_or_else(|| match (app, upstreams.count()) {
        (_, 0) => nothing_at(request.uri().path()),
        (Some(_), _) => ApiError::new(
            StatusCode::NOT_FOUND,
            "this path would be passed on, but no app of this id has an upstream here",
        ),
        (None, _) => ApiError::new(
            StatusCode::NOT_FOUND,
            "this path would be passed on, but X-LC-Id is missing: this server has several apps, so say which",
        ),
    })
}

fn nothing_at(path: &str) -> ApiError {
    // A path may be as long as a request head.
    let path: String = path.chars().take(100).collect();
    ApiError::new(StatusCode::NOT_FOUND, format!("this server has nothing at {path}"))
}

fn is_ours(path: &str) -> bool {
    OURS.iter()
        .any(|base| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_not_passed_on() {
        for (path, ours) in [
            ("/1.2/rtm/chatrooms/x/unheard-of", true),
            ("/1.1/rtm", true),
            ("/1.1/classes/_Conversation/x/y", true),
            ("/1.1/classes/_ConversationX", false),
            ("/1.1/classes/_User", false),
            ("/1.1/rtmx", false),
            ("/1.1/functions/hello", false),
            ("/", false),
        ] {
            assert_eq!(is_ours(path), ours, "{path}");
        }
    }
}
