//! Which headers go on, which end here, and which are added.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
    },
    request::Parts,
};

use crate::gateway::{handshake::Connection, proxy};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What is about one connection and not about the request.
const OF_ONE_HOP: [HeaderName; 10] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// The headers of a request for the upstream. Host and length are written anew for it.
pub(super) fn for_upstream(parts: &Parts, connection: &Connection, pseudonym: &str) -> HeaderMap {
    let mut headers = parts.headers.clone();
    // Before the hop's headers go, because one could be named there to make us forget it.
    let sender = Sender::of(&headers, connection);
    remove_hop(&mut headers);
    for name in [HOST, CONTENT_LENGTH, EXPECT] {
        headers.remove(name);
    }
    sender.tell(&mut headers);
    let via = HeaderValue::from_str(&format!("1.1 {pseudonym}")).expect("hexadecimal digits are allowed");
    headers.append(VIA, via);
    headers
}

/// Takes out of an answer what was about the upstream's connection.
pub(super) fn for_client(headers: &mut HeaderMap) {
    // A length beside chunks is wrong.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    remove_hop(headers);
}

/// Whether a request has been here before.
pub(super) fn went_through(headers: &HeaderMap, pseudonym: &str) -> bool {
    tokens(headers, &VIA).any(|entry| entry.split_whitespace().nth(1) == Some(pseudonym))
}

/// Other upgrades are offers that a server may pass over; Java's own client makes one with each request.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    tokens(headers, &UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

fn remove_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect();
    for name in named.iter().chain(&OF_ONE_HOP) {
        headers.remove(name);
    }
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Who sent a request, and what it asked: told by the connection, or by a trusted proxy.
struct Sender {
    chain: String,
    client: String,
    host: Option<HeaderValue>,
    proto: HeaderValue,
    /// What a trusted proxy said itself stays.
    proxied: bool,
}

impl Sender {
    fn of(headers: &HeaderMap, connection: &Connection) -> Self {
        let proxied = connection.is_proxied();
        let before = if proxied { tokens(headers, &FORWARDED_FOR).collect() } else { Vec::new() };
        let peer = connection.peer.to_canonical().to_string();
        let chain: Vec<&str> = before.into_iter().filter(|entry| !entry.is_empty()).chain([&*peer]).collect();
        let said = |name: &HeaderName| {
            let last = proxy::forwarded(headers, name.as_str()).filter(|_| proxied)?;
            HeaderValue::from_str(last).ok()
        };
        let scheme = HeaderValue::from_static(if connection.tls { "https" } else { "http" });
        Self {
            chain: chain.join(", "),
            client: connection.client_address(headers).to_canonical().to_string(),
            host: said(&FORWARDED_HOST).or_else(|| headers.get(HOST).cloned()),
            proto: said(&FORWARDED_PROTO).unwrap_or(scheme),
            proxied,
        }
    }

    fn tell(self, headers: &mut HeaderMap) {
        headers.remove(FORWARDED);
        if !self.proxied {
            let claims = |name: &&HeaderName| name.as_str().starts_with("x-forwarded-");
            let claimed: Vec<HeaderName> = headers.keys().filter(claims).cloned().collect();
            for name in claimed {
                headers.remove(name);
            }
        }
        for (name, value) in [(FORWARDED_FOR, self.chain), (REAL_IP, self.client)] {
            if let Ok(value) = value.try_into() {
                headers.insert(name, value);
            }
        }
        headers.insert(FORWARDED_PROTO, self.proto);
        match self.host {
            Some(host) => headers.insert(FORWARDED_HOST, host),
            None => headers.remove(FORWARDED_HOST),
        };
    }
}
