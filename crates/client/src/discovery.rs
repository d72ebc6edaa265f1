//! Discovery: asks the server's router for the WebSocket URL.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::{Dial, OpenError, address::Address};

/// A router's answer has some 200 bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long an answer is kept when it does not say.
const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// An answer is not kept longer, whatever it says.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Where to connect, and for how long that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) address: Address,
    pub(crate) ttl: Duration,
}

/// `GET /v1/route` on `server`.
pub(crate) async fn route(dial: &dyn Dial, server: &Address, app: &str) -> Result<Route, OpenError> {
    let stream = dial
        .dial(&server.host, server.port, server.tls)
        .await
        .map_err(|source| OpenError::Dial { address: server.authority().to_owned(), source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = Request::get(path(server, app))
        .header(header::HOST, server.authority())
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(failed)?;
    let ask = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(failed)?;
        if !status.is_success() {
            return Err(OpenError::Discovery(format!("HTTP status {status}")));
        }
        parse(&body.to_bytes())
    };
    tokio::select! {
        answer = ask => answer,
        // Whatever ends the connection, ends the request with a better word.
        never = async { connection.await.ok(); std::future::pending().await } => never,
    }
}

fn path(server: &Address, app: &str) -> String {
    let secure = u8::from(server.tls);
    // App ids are of letters, digits and hyphens; anything else is written so that it stays one value.
    let app: String = app
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("/v1/route?appId={app}&secure={secure}")
}

fn parse(body: &[u8]) -> Result<Route, OpenError> {
    let answer: Value = serde_json::from_slice(body).map_err(failed)?;
    let server =
        answer["server"].as_str().ok_or_else(|| OpenError::Discovery("the answer has no server".into()))?;
    let address = Address::parse(server)?;
    if address.needs_discovery {
        return Err(OpenError::Discovery(format!("{server:?} is no WebSocket URL")));
    }
    let ttl = answer["ttl"].as_u64().map_or(DEFAULT_TTL, Duration::from_secs);
    Ok(Route { address, ttl: ttl.min(LONGEST_TTL) })
}

fn failed(error: impl std::fmt::Display) -> OpenError {
    OpenError::Discovery(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_a_websocket_and_its_time() {
        let body =
            br#"{"server":"ws://127.0.0.1:9/","secondary":"ws://127.0.0.1:9/","ttl":60,"groupId":"g0"}"#;
        let route = parse(body).unwrap();
        assert_eq!(route.address, Address::parse("ws://127.0.0.1:9/").unwrap());
        assert_eq!(route.ttl, Duration::from_secs(60));
    }

    #[test]
    fn a_time_beyond_all_clocks_is_a_day() {
        let route = parse(br#"{"server":"ws://127.0.0.1:9/","ttl":18446744073709551615}"#).unwrap();
        assert_eq!(route.ttl, LONGEST_TTL);
        assert_eq!(parse(br#"{"server":"ws://127.0.0.1:9/"}"#).unwrap().ttl, DEFAULT_TTL);
    }

    #[test]
    fn an_answer_without_a_websocket_is_refused() {
        for body in ["", "[]", "{}", r#"{"server":5}"#, r#"{"server":"http://127.0.0.1/"}"#] {
            assert!(matches!(parse(body.as_bytes()), Err(OpenError::Discovery(_))), "{body}");
        }
    }

    #[test]
    fn an_app_id_stays_one_value() {
        let server = Address::parse("https://chat.example.com").unwrap();
        assert_eq!(path(&server, "a-B_9"), "/v1/route?appId=a-B_9&secure=1");
        assert_eq!(path(&server, "a&b=ü"), "/v1/route?appId=a%26b%3D%C3%BC&secure=1");
    }
}
