//! One HTTP request on a connection of its own; redirects are seen, not followed.

use std::{future::Future, pin::pin};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{
    Target,
    dial::{Dialer, Trouble},
};

/// Answers that are looked at are small; of others the beginning would not help.
const LONGEST: usize = 1024 * 1024;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The connection, if it is no HTTP any more.
    pub(crate) upgraded: Option<Upgraded>,
}

impl Answer {
    /// A header as text; empty when there is none.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A request as SDKs make it.
pub(crate) fn request(method: Method, target: &Target, path: &str) -> request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, target.authority())
        .header(header::USER_AGENT, concat!("grandstand-doctor/", env!("CARGO_PKG_VERSION")))
}

/// Sends a request to the target, and reads the whole answer.
pub(crate) async fn exchange(
    dialer: &Dialer,
    target: &Target,
    request: request::Builder,
    body: Bytes,
) -> Result<Answer, Trouble> {
    let asked = timeout(dialer.patience, ask(dialer, target, request, body)).await;
    asked.unwrap_or(Err(Trouble::TooSlow(dialer.patience)))
}

async fn ask(
    dialer: &Dialer,
    target: &Target,
    request: request::Builder,
    body: Bytes,
) -> Result<Answer, Trouble> {
    let request = request.body(Full::new(body)).map_err(broken)?;
    let stream = dialer.dial(target).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let mut connection = pin!(connection.with_upgrades());
    let mut ended = false;
    let sent = sender.send_request(request);
    let mut response = beside(sent, connection.as_mut(), &mut ended).await.map_err(broken)?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let upgrade = hyper::upgrade::on(&mut response);
        let upgraded = beside(upgrade, connection, &mut ended).await.map_err(broken)?;
        return Ok(Answer { status, headers, body: Bytes::new(), upgraded: Some(upgraded) });
    }
    let read = Limited::new(response.into_body(), LONGEST).collect();
    let body = beside(read, connection, &mut ended).await.map_err(broken)?.to_bytes();
    Ok(Answer { status, headers, body, upgraded: None })
}

/// Drives the connection while something on it is waited for. Its end is no error: what is waited for has the better word.
async fn beside<T>(
    work: impl Future<Output = T>,
    mut connection: impl Future + Unpin,
    ended: &mut bool,
) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = &mut connection, if !*ended => *ended = true,
        }
    }
}

fn broken(error: impl std::fmt::Display) -> Trouble {
    Trouble::Http(error.to_string())
}
