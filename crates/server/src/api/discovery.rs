//! Where clients connect: the RTM router that every SDK asks, and the app router before it.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use http::{HeaderMap, StatusCode, Uri, header, uri::Authority};
use serde_json::{Value, json};

use super::error::ApiError;
use crate::{
    config::PublicUrl,
    gateway::{handshake::Connection, proxy},
    node::Node,
};

/// Seconds for which clients keep the answer. An integer: old Android fails on anything else. An hour, because some
/// keep it on disk, and a move to another server should not take longer.
const TTL: u32 = 3600;

/// `GET /v1/route`. Whether the app exists is said when it opens a session, with a code that SDKs understand.
pub(super) async fn rtm_router(
    State(node): State<Arc<Node>>,
    Extension(connection): Extension<Arc<Connection>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let PublicUrl { secure, authority } = public_url(&node, &connection, &uri, &headers)?;
    // It ends with a path and has no query, because .NET appends one. `groupUrl` would be stored by old Android as
    // its router for good.
    let server = format!("{}://{authority}/", if secure { "wss" } else { "ws" });
    Ok(Json(json!({ "server": server, "secondary": server, "ttl": TTL, "groupId": "g0" })))
}

/// `GET /2/route`: every service is at this host.
pub(super) async fn app_router(
    State(node): State<Arc<Node>>,
    Extension(connection): Extension<Arc<Connection>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let host = public_url(&node, &connection, &uri, &headers)?.authority;
    Ok(Json(json!({
        "api_server": host,
        "engine_server": host,
        "push_server": host,
        "rtm_router_server": host,
        "stats_server": host,
        "ttl": TTL,
    })))
}

/// The configured URL, else the one that the client asked.
fn public_url(
    node: &Node,
    connection: &Connection,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<PublicUrl, ApiError> {
    if let Some(configured) = &node.config.public_url {
        return Ok(configured.clone());
    }
    asked_url(connection.tls, connection.is_proxied(), uri, headers).ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "the Host header names no host; set server.public_url if a proxy drops it",
        )
    })
}

fn asked_url(tls: bool, proxied: bool, uri: &Uri, headers: &HeaderMap) -> Option<PublicUrl> {
    let by_proxy = |name| if proxied { proxy::forwarded(headers, name) } else { None };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = by_proxy("x-forwarded-host").or(host).or(uri.authority().map(Authority::as_str))?;
    let authority: Authority = host.parse().ok()?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let secure = by_proxy("x-forwarded-proto").map_or(tls, |scheme| scheme.eq_ignore_ascii_case("https"));
    Some(PublicUrl { secure, authority: authority.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_what_the_client_asked() {
        let host = ("host", "chat.example.com:8080");
        let forwarded = [("x-forwarded-host", "public.example.com"), ("x-forwarded-proto", "https")];
        let proxied = [host, forwarded[0], forwarded[1]];
        for (tls, is_proxied, headers, expected) in [
            (false, false, &[host][..], Some((false, "chat.example.com:8080"))),
            (true, false, &[host], Some((true, "chat.example.com:8080"))),
            (false, true, &proxied, Some((true, "public.example.com"))),
            (false, false, &proxied, Some((false, "chat.example.com:8080"))),
            (true, true, &[host, ("x-forwarded-proto", "http")], Some((false, "chat.example.com:8080"))),
            (false, false, &[("host", "[::1]:8080")], Some((false, "[::1]:8080"))),
            (false, false, &[("host", "a/b\"c")], None),
            (false, false, &[("host", "user@host")], None),
            (false, false, &[("host", "")], None),
            (false, false, &[], None),
        ] {
            let map =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let found = asked_url(tls, is_proxied, &Uri::from_static("/v1/route"), &map);
            assert_eq!(
                found.as_ref().map(|url| (url.secure, url.authority.as_str())),
                expected,
                "{headers:?}"
            );
        }
    }
}
