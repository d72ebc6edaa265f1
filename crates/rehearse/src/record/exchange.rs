//! One request through the recorder: to the server as it came, and the answer back as it came.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
        TRANSFER_ENCODING, UPGRADE,
    },
    uri::PathAndQuery,
};
use http_body_util::{BodyExt, Either, Empty, Full, Limited, channel::Channel};
use hyper::{body::Incoming, client::conn::http1, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;

use grandstand_protocol::Subprotocol;

use super::{
    Shared,
    copied::{Broken, Copied, Copy, Note, What},
    route,
    tunnel::{Slot, Tunnel},
};
use crate::{Server, recording::Event, redact};

/// Pieces of a body between both sides.
const PIECES: usize = 2;

/// Answers of the router are far shorter.
const LONGEST_ROUTE: usize = 64 * 1024;

type Sent = Either<Empty<Bytes>, Channel<Bytes, Broken>>;
type Answered = Either<Full<Bytes>, Channel<Bytes, Broken>>;

/// The server gave no answer, so the app gets none: its connection ends.
#[derive(Debug, thiserror::Error)]
#[error("the server gave no answer: {0}")]
pub(super) struct Unanswered(String);

/// Passes a request on and its answer back.
pub(super) async fn pass(
    shared: Arc<Shared>,
    connection: u64,
    slot: Slot,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Unanswered> {
    if is_upgrade(request.headers()) {
        upgrade(shared, connection, &slot, request).await
    } else {
        call(shared, connection, request).await
    }
}

async fn upgrade(
    shared: Arc<Shared>,
    connection: u64,
    slot: &Slot,
    mut request: Request<Incoming>,
) -> Result<Response<Answered>, Unanswered> {
    let text = |headers: &HeaderMap, name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let headers = request.headers();
    let in_url = redact::parameter(request.uri(), "subprotocol");
    let asked = Event::Upgrade {
        path: request.uri().path().to_owned(),
        in_url: in_url.clone(),
        subprotocol: text(headers, SEC_WEBSOCKET_PROTOCOL.as_str()),
        agent: text(headers, "user-agent"),
        origin: text(headers, "origin"),
    };
    shared.journal.note(connection, asked).await;
    let server = shared.routes.resolve(request.uri(), &shared.to);
    let path = match &server {
        Some(server) => server.path_with(request.uri().query()),
        None => path_of(request.uri()),
    };
    let server = server.unwrap_or_else(|| shared.to.clone());
    let app: OnUpgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let mut asked = Request::new(Either::Left(Empty::new()));
    (*asked.method_mut(), *asked.headers_mut()) = (parts.method, parts.headers);
    // Compressed messages could not be read along. No SDK insists.
    asked.headers_mut().remove(SEC_WEBSOCKET_EXTENSIONS);
    let mut answer = match send(&shared, &server, &path, asked).await {
        Ok(answer) => answer,
        Err(cause) => {
            let note = cause.to_string();
            shared.journal.note(connection, Event::Unanswered { exchange: 0, note: note.clone() }).await;
            return Err(Unanswered(note));
        }
    };
    let subprotocol = text(answer.headers(), SEC_WEBSOCKET_PROTOCOL.as_str());
    let format = subprotocol.as_deref().or(in_url.as_deref());
    let format = format.and_then(|name| Subprotocol::from_name(name).ok());
    let status = answer.status();
    shared.journal.note(connection, Event::Upgraded { status: status.as_u16(), subprotocol }).await;
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(back(
            &shared,
            answer,
            Note { shared: Arc::clone(&shared), connection, what: What::Nothing },
        ));
    }
    let upgraded = hyper::upgrade::on(&mut answer).await.map_err(|cause| Unanswered(cause.to_string()))?;
    let format = format.map(|subprotocol| subprotocol.format);
    slot.put(Tunnel { connection, format, app, server: upgraded });
    Ok(answer.map(|_| Either::Left(Full::default())))
}

async fn call(
    shared: Arc<Shared>,
    connection: u64,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Unanswered> {
    let exchange = shared.journal.next_exchange();
    let (parts, body) = request.into_parts();
    let call = redact::call(&shared.redactor, exchange, &parts.method, &parts.uri, &parts.headers);
    let chat = call.chat;
    let note = Note { shared: Arc::clone(&shared), connection, what: What::Request(Box::new(call)) };
    let mut asked = Request::new(if has_body(&parts.headers) {
        let (sender, channel) = Channel::new(PIECES);
        shared.tasks.spawn(Copy::new(body, sender, shared.redactor.clone()).run(note));
        Either::Right(channel)
    } else {
        note.write(Copied::nothing(&shared.redactor)).await;
        Either::Left(Empty::new())
    });
    (*asked.method_mut(), *asked.headers_mut()) = (parts.method, parts.headers.clone());
    for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING, ACCEPT_ENCODING] {
        asked.headers_mut().remove(name);
    }
    let answer = match send(&shared, &shared.to, &path_of(&parts.uri), asked).await {
        Ok(answer) if parts.uri.path() == route::PATH => {
            return self::route(&shared, connection, exchange, &parts.headers, answer).await;
        }
        Ok(answer) => answer,
        Err(cause) => {
            let note = cause.to_string();
            shared.journal.note(connection, Event::Unanswered { exchange, note: note.clone() }).await;
            return Err(Unanswered(note));
        }
    };
    let status = answer.status().as_u16();
    let what = What::Answer { exchange, status, chat };
    Ok(back(&shared, answer, Note { shared: Arc::clone(&shared), connection, what }))
}

/// The answer to where to connect, with this recorder's addresses in it.
async fn route(
    shared: &Shared,
    connection: u64,
    exchange: u64,
    asked: &HeaderMap,
    answer: Response<Incoming>,
) -> Result<Response<Answered>, Unanswered> {
    let (mut parts, body) = answer.into_parts();
    let whole = Limited::new(body, LONGEST_ROUTE).collect().await;
    let whole = whole.map_err(|cause| Unanswered(cause.to_string()))?.to_bytes();
    let body = shared.redactor.kept(true, Some(&whole), shared.redactor.content(&whole));
    shared.journal.note(connection, Event::Answer { exchange, status: parts.status.as_u16(), body }).await;
    let ours = shared.routes.rewrite(&whole, asked).map_or(whole, Bytes::from);
    keep_close_only(&mut parts.headers);
    for name in [TRANSFER_ENCODING, CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    Ok(Response::from_parts(parts, Either::Left(Full::new(ours))))
}

/// The answer, piece by piece; `note` is written before the app has all of it.
fn back(shared: &Shared, answer: Response<Incoming>, note: Note) -> Response<Answered> {
    let (mut parts, body) = answer.into_parts();
    keep_close_only(&mut parts.headers);
    parts.headers.remove(TRANSFER_ENCODING);
    let (sender, channel) = Channel::new(PIECES);
    shared.tasks.spawn(Copy::new(body, sender, shared.redactor.clone()).run(note));
    Response::from_parts(parts, Either::Right(channel))
}

/// A connection for each request: a rehearsal has few, and each is seen as it is.
async fn send(
    shared: &Shared,
    server: &Server,
    path: &PathAndQuery,
    mut request: Request<Sent>,
) -> io::Result<Response<Incoming>> {
    let stream = server.connect().await?;
    let (mut sender, connection) = http1::Builder::new()
        .preserve_header_case(true)
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    shared.tasks.spawn(async move {
        // What went wrong with it is in the answer, or in its lack.
        let _ = connection.with_upgrades().await;
    });
    request.headers_mut().insert(HOST, server.host_header());
    *request.uri_mut() = Uri::from(path.clone());
    sender.send_request(request).await.map_err(io::Error::other)
}

/// A server that ends its connection ends that of the app.
fn keep_close_only(headers: &mut HeaderMap) {
    let closes = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
    if !headers.get(CONNECTION).is_some_and(closes) {
        headers.remove(CONNECTION);
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

fn path_of(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}
