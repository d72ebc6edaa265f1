//! The upgrade from HTTP to WebSocket: what is checked, what is answered, what is handed on.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension,
    body::Body,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use grandstand_protocol::{Subprotocol, UnknownSubprotocol};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use serde::Deserialize;
use tokio::time::Instant;
use tungstenite::handshake::derive_accept_key;

use super::{
    admission::{Refusal, Seat},
    proxy,
    transport::Transport,
};
use crate::api::error::ApiError;
use crate::node::Node;

/// A connection that speaks WebSocket now.
#[derive(Debug)]
pub struct Upgraded {
    pub transport: Transport,
    /// Bytes that came behind the request head: frames already.
    pub read_ahead: Bytes,
    /// `None`: the first frame decides.
    pub subprotocol: Option<Subprotocol>,
    pub origin: Option<String>,
    /// The client's address, as told by a trusted proxy if there is one.
    pub address: IpAddr,
}

/// What the requests of one HTTP connection know about it.
#[derive(Debug)]
pub struct Connection {
    /// The peer, or the client that a PROXY header named.
    pub peer: IpAddr,
    pub tls: bool,
    trusted_proxies: Arc<[IpNet]>,
    seat: Seat,
    upgrading: Mutex<Option<Upgrading>>,
    /// Until when the request under way may take, if that is longer than usual.
    patience: Mutex<Option<Instant>>,
}

/// An upgrade that was answered; the transport follows when the answer is written.
#[derive(Debug)]
pub(super) struct Upgrading {
    transport: OnUpgrade,
    subprotocol: Option<Subprotocol>,
    origin: Option<String>,
    address: IpAddr,
}

impl Connection {
    pub(super) fn new(
        peer: IpAddr,
        transport: &Transport,
        trusted_proxies: &Arc<[IpNet]>,
        seat: &Seat,
    ) -> Self {
        Self {
            peer,
            tls: transport.is_tls(),
            trusted_proxies: Arc::clone(trusted_proxies),
            seat: seat.clone(),
            upgrading: Mutex::default(),
            patience: Mutex::default(),
        }
    }

    /// Whether this request came through a trusted proxy, whose word counts.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        proxy::is_trusted(&self.trusted_proxies, self.peer)
    }

    /// Who sent a request of this connection: the peer, or the client whom a trusted proxy names.
    #[must_use]
    pub fn client_address(&self, headers: &HeaderMap) -> IpAddr {
        proxy::forwarded_for(&self.trusted_proxies, headers, self.peer)
    }

    /// The request under way may take until then: it waits for another server.
    pub(crate) fn be_patient_until(&self, until: Instant) {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    pub(super) fn patience(&self) -> Option<Instant> {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another request begins, which may take as long as any.
    pub(super) fn forget_patience(&self) {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn take_upgrade(&self) -> Option<Upgrading> {
        self.upgrading.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Upgrading {
    /// Takes the transport back from the HTTP library, with what it had read too far.
    pub(super) async fn finish(self) -> Option<Upgraded> {
        let parts = self.transport.await.ok()?.downcast::<TokioIo<Transport>>().ok()?;
        Some(Upgraded {
            transport: parts.io.into_inner(),
            read_ahead: parts.read_buf,
            subprotocol: self.subprotocol,
            origin: self.origin,
            address: self.address,
        })
    }
}

/// Why a request is no WebSocket upgrade that this server takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("not a WebSocket upgrade: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Subprotocol(#[from] UnknownSubprotocol),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("this server is stopping; connect again in a moment")]
    Stopping,
}

impl IntoResponse for HandshakeError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Malformed(_) | Self::Subprotocol(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = ApiError::new(status, self.to_string()).into_response();
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        response
    }
}

/// `GET /` and `GET /ws`.
pub async fn upgrade(
    State(node): State<Arc<Node>>,
    Extension(connection): Extension<Arc<Connection>>,
    mut request: Request<Body>,
) -> Result<Response, HandshakeError> {
    let asks = |name| request.headers().contains_key(name);
    if !asks(header::UPGRADE) && !asks(header::SEC_WEBSOCKET_KEY) {
        return Ok(welcome());
    }
    if request.version() < Version::HTTP_11 {
        return Err(HandshakeError::Malformed("it needs HTTP/1.1"));
    }
    let offer = Offer::read(request.headers(), request.uri())?;
    if node.is_draining() {
        return Err(HandshakeError::Stopping);
    }
    let address = connection.client_address(request.headers());
    connection.seat.settle(address)?;

    let origin = foreign_origin(request.headers());
    let transport = hyper::upgrade::on(&mut request);
    let upgrading = Upgrading { transport, subprotocol: offer.subprotocol, origin, address };
    *connection.upgrading.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrading);
    Ok(offer.accept())
}

/// The `Origin`, unless it is this server's own: the Objective-C SDK sends that, and a page of ours may connect, too.
fn foreign_origin(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let own = authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host));
    (!own).then(|| origin.to_owned())
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
struct Offer {
    accept_key: String,
    subprotocol: Option<Subprotocol>,
    /// The header to answer with: only a subprotocol that came by header is echoed.
    echo: Option<HeaderValue>,
}

impl Offer {
    fn read(headers: &HeaderMap, uri: &Uri) -> Result<Self, HandshakeError> {
        let check = |holds, what| if holds { Ok(()) } else { Err(HandshakeError::Malformed(what)) };
        check(lists(headers, header::UPGRADE, "websocket"), "the Upgrade header is not websocket")?;
        check(lists(headers, header::CONNECTION, "upgrade"), "the Connection header does not say upgrade")?;
        check(
            headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13"),
            "Sec-WebSocket-Version is not 13",
        )?;
        let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
        check(
            STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16),
            "Sec-WebSocket-Key is not the Base64 of 16 bytes",
        )?;
        let (subprotocol, echo) = choose_subprotocol(headers, uri)?;
        Ok(Self { accept_key: derive_accept_key(key), subprotocol, echo })
    }

    /// The answer. The Objective-C SDK compares the first two headers as they stand here.
    fn accept(self) -> Response {
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(key) = self.accept_key.try_into() {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
        }
        if let Some(name) = self.echo {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        response
    }
}

/// Header first, then the query (`?subprotocol=…`, where a client cannot set headers), then none (appendix C.2).
fn choose_subprotocol(
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<(Option<Subprotocol>, Option<HeaderValue>), UnknownSubprotocol> {
    let offered: Vec<&str> = values(headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
    if let Some(first) = offered.first() {
        let known = offered.iter().find_map(|name| Some((Subprotocol::from_name(name).ok()?, *name)));
        let (subprotocol, name) =
            known.ok_or_else(|| UnknownSubprotocol(first.chars().take(64).collect()))?;
        return Ok((Some(subprotocol), HeaderValue::from_str(name).ok()));
    }

    #[derive(Deserialize)]
    struct ByQuery {
        subprotocol: Option<String>,
    }
    match Query::<ByQuery>::try_from_uri(uri).ok().and_then(|Query(query)| query.subprotocol) {
        Some(name) if !name.is_empty() => Ok((Some(Subprotocol::from_name(&name)?), None)),
        _ => Ok((None, None)),
    }
}

/// The values of a header that may be a list, or stand several times.
fn values(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|value| !value.is_empty())
}

fn lists(headers: &HeaderMap, name: header::HeaderName, value: &str) -> bool {
    values(headers, name).any(|found| found.eq_ignore_ascii_case(value))
}

/// What somebody sees who opens the server's address in a browser.
fn welcome() -> Response {
    let text = "Grandstand is running. Give this address to a LeanCloud SDK as its server URL; the demo room is at /demo.\n\
                Grandstand 正在运行。把这个地址设为 LeanCloud SDK 的服务器地址即可；演示聊天室见 /demo。\n";
    text.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(change: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        .iter()
        .chain(change)
        {
            if value.is_empty() {
                headers.remove(*name);
            } else {
                headers.insert(*name, value.parse().unwrap());
            }
        }
        headers
    }

    #[test]
    fn the_answer_is_the_one_of_the_standard() {
        // The example of RFC 6455, section 1.3.
        let offer = Offer::read(&headers(&[]), &Uri::from_static("/")).unwrap();
        let response = offer.accept();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.headers()["connection"], "upgrade");
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert!(!response.headers().contains_key("sec-websocket-protocol"));
        assert!(!response.headers().contains_key("sec-websocket-extensions"));
    }

    #[test]
    fn bad_upgrade_headers_are_refused() {
        for change in [
            ("upgrade", "h2c"),
            ("upgrade", ""),
            ("connection", "keep-alive"),
            ("connection", ""),
            ("sec-websocket-version", "8"),
            ("sec-websocket-version", ""),
            ("sec-websocket-key", "c2hvcnQ="),
            ("sec-websocket-key", "not base64 at all!!"),
            ("sec-websocket-key", ""),
        ] {
            let result = Offer::read(&headers(&[change]), &Uri::from_static("/"));
            assert!(matches!(result, Err(HandshakeError::Malformed(_))), "{change:?}: {result:?}");
        }
        for change in [("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade")] {
            assert!(Offer::read(&headers(&[change]), &Uri::from_static("/")).is_ok(), "{change:?}");
        }
    }

    #[test]
    fn the_subprotocol_comes_by_header_then_by_query_then_not_at_all() {
        let cases: [(&str, &'static str, Option<&str>, Option<&str>); 8] = [
            ("lc.protobuf2.3", "/", Some("lc.protobuf2.3"), Some("lc.protobuf2.3")),
            ("lc.protobuf2.3", "/?subprotocol=lc.json.3", Some("lc.protobuf2.3"), Some("lc.protobuf2.3")),
            ("", "/?subprotocol=lc.json.3", Some("lc.json.3"), None),
            ("", "/ws?a=b&subprotocol=lc%2Eproto2base64%2E3", Some("lc.proto2base64.3"), None),
            ("", "/?subprotocol=", None, None),
            ("", "/", None, None),
            ("lc.new.9, lc.protobuf2.1", "/", Some("lc.protobuf2.1"), Some("lc.protobuf2.1")),
            (" , ", "/", None, None),
        ];
        for (by_header, uri, chosen, echoed) in cases {
            let headers = headers(&[("sec-websocket-protocol", by_header)]);
            let offer = Offer::read(&headers, &Uri::from_static(uri)).unwrap();
            assert_eq!(
                offer.subprotocol,
                chosen.map(|name| Subprotocol::from_name(name).unwrap()),
                "{by_header} {uri}"
            );
            assert_eq!(offer.echo.as_ref().map(|name| name.to_str().unwrap()), echoed, "{by_header} {uri}");
        }
        for (by_header, uri) in [("lc.msgpack.3", "/"), ("chat", "/"), ("", "/?subprotocol=lc.msgpack.3")] {
            let headers = headers(&[("sec-websocket-protocol", by_header)]);
            let result = Offer::read(&headers, &Uri::from_static(uri));
            assert!(matches!(result, Err(HandshakeError::Subprotocol(_))), "{by_header} {uri}: {result:?}");
        }
    }
}
