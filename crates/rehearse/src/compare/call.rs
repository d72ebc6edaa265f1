//! Calls over HTTP to the server that is compared.

use std::{fmt::Write, io, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::timeout;

use crate::Server;

/// Longer answers are cut off, which is a difference.
const LONGEST: usize = 16 * 1024 * 1024;

/// Head and body of an answer together.
const ANSWER: Duration = Duration::from_secs(30);

/// A call as it is to be made.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Option<Value>,
}

/// Makes a call on a connection of its own: status and body.
pub(super) async fn ask(server: &Server, asked: Asked) -> io::Result<(u16, Bytes)> {
    timeout(ANSWER, answered(server, asked)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn answered(server: &Server, asked: Asked) -> io::Result<(u16, Bytes)> {
    let stream = server.connect().await?;
    let (mut sender, connection) =
        http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let body = asked.body.map(|body| body.to_string());
    let mut request = Request::new(Full::from(body.clone().unwrap_or_default()));
    *request.method_mut() = asked.method;
    *request.uri_mut() = asked.path;
    request.headers_mut().extend(asked.headers);
    request.headers_mut().insert(http::header::HOST, server.host_header());
    if body.is_some() {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let answer = async {
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(io::Error::other)?;
        io::Result::Ok((status, body.to_bytes()))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end before what it brought is read.
        _ = &mut connection => answer.await,
    }
}

/// As a part of a path or of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn whatever_is_special_is_encoded() {
        assert_eq!(super::encoded("a-1 中/&"), "a-1%20%E4%B8%AD%2F%26");
    }
}
