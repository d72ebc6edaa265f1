//! A WebSocket to the server that is compared, and what comes on it.

use std::{io, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use grandstand_protocol::{Encoded, Fields, Format};
use serde_json::{Map, Value};
use tokio::{
    sync::mpsc::Sender,
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        ClientRequestBuilder, Error, Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::call::encoded;
use crate::{Server, upstream::BoxedStream};

/// History pages of a thousand long messages are below.
const LONGEST: usize = 32 * 1024 * 1024;

/// A server that does not read for so long reads no more.
const WRITE: Duration = Duration::from_secs(10);

/// What comes from the server.
#[derive(Debug)]
pub(super) enum Mail {
    Command {
        connection: u64,
        fields: Map<String, Value>,
    },
    /// Something that is no command.
    Unreadable {
        connection: u64,
        why: String,
    },
    /// The WebSocket is closed, by a close with or without a code, or without one.
    Closed {
        connection: u64,
        code: Option<u16>,
    },
    Answer {
        exchange: u64,
        answer: io::Result<(u16, bytes::Bytes)>,
    },
}

/// An open WebSocket. Its reader lives in the tasks that it was given.
pub(super) struct Link {
    sink: SplitSink<WebSocketStream<BoxedStream>, Message>,
    reader: AbortHandle,
}

/// What the server says to an upgrade.
pub(super) struct Agreed {
    pub(super) status: u16,
    pub(super) subprotocol: Option<String>,
    pub(super) socket: Option<WebSocketStream<BoxedStream>>,
}

/// Asks for a WebSocket.
pub(super) async fn open(
    server: &Server,
    subprotocol: Option<&str>,
    in_url: Option<&str>,
) -> io::Result<Agreed> {
    let stream = server.connect().await?;
    let named = in_url.map(|name| format!("subprotocol={}", encoded(name)));
    let uri = server.web_socket_url(&server.path_with(named.as_deref()));
    let uri = uri.parse().map_err(io::Error::other)?;
    let mut request = ClientRequestBuilder::new(uri);
    if let Some(name) = subprotocol {
        request = request.with_sub_protocol(name);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, answer)) => {
            let subprotocol = answer.headers().get("sec-websocket-protocol");
            let subprotocol = subprotocol.and_then(|name| Some(name.to_str().ok()?.to_owned()));
            Ok(Agreed { status: 101, subprotocol, socket: Some(socket) })
        }
        Err(Error::Http(answer)) => {
            Ok(Agreed { status: answer.status().as_u16(), subprotocol: None, socket: None })
        }
        Err(cause) => Err(io::Error::other(cause)),
    }
}

impl Link {
    /// Begins to read; what comes goes into `mail`.
    pub(super) fn start(
        socket: WebSocketStream<BoxedStream>,
        format: Format,
        connection: u64,
        mail: Sender<Mail>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (sink, stream) = socket.split();
        Self { sink, reader: tasks.spawn(read(stream, format, connection, mail)) }
    }

    /// Whether it could be written.
    pub(super) async fn send(&mut self, frame: Encoded) -> bool {
        let message = match Utf8Bytes::try_from(frame.payload.clone()) {
            Ok(text) if frame.text => Message::Text(text),
            _ => Message::Binary(frame.payload),
        };
        matches!(timeout(WRITE, self.sink.send(message)).await, Ok(Ok(())))
    }

    /// Says that it closes; the server's close is mail.
    pub(super) async fn close(&mut self, code: Option<u16>) {
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
        timeout(WRITE, self.sink.send(Message::Close(frame))).await.ok();
    }

    /// Is gone without a word.
    pub(super) fn drop_at_once(self) {
        self.reader.abort();
    }
}

async fn read(
    mut stream: SplitStream<WebSocketStream<BoxedStream>>,
    format: Format,
    connection: u64,
    mail: Sender<Mail>,
) {
    loop {
        let next = match stream.next().await {
            Some(Ok(Message::Text(text))) => command(format, true, text.as_bytes(), connection),
            Some(Ok(Message::Binary(bytes))) => command(format, false, &bytes, connection),
            Some(Ok(Message::Close(frame))) => {
                Mail::Closed { connection, code: frame.map(|frame| frame.code.into()) }
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => Mail::Closed { connection, code: None },
        };
        let over = matches!(next, Mail::Closed { .. });
        if mail.send(next).await.is_err() {
            return;
        }
        if over {
            break;
        }
    }
    // The answer to a close leaves with the next look at the socket.
    while let Some(Ok(_)) = stream.next().await {}
}

fn command(format: Format, text: bool, payload: &[u8], connection: u64) -> Mail {
    if format.is_text() != text {
        return Mail::Unreadable { connection, why: "a message of the wrong kind".to_owned() };
    }
    match Fields::read(format, payload) {
        Ok(Fields { object, .. }) => Mail::Command { connection, fields: object },
        Err(cause) => Mail::Unreadable { connection, why: cause.to_string() },
    }
}
