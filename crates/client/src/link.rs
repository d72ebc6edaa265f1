//! One WebSocket connection: frames out without waiting, events in.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, future::poll_fn};
use grandstand_protocol::{DecodeError, Downlink, Format, Request};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        ClientRequestBuilder, Error as WebSocketError, Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::{BoxedStream, Dial, Lost, OpenError, address::Address};

/// Tungstenite allocates it at once; its default of 128 KiB is made for few connections.
const READ_BUFFER: usize = 16 * 1024;

/// Query results and history pages are the longest frames: 1,000 rows of up to 16 KiB.
const LONGEST_MESSAGE: usize = 32 * 1024 * 1024;

/// How long an ordered end waits for the socket to take its last bytes.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a link yields.
#[derive(Debug)]
pub(crate) enum Received {
    /// An event of the protocol.
    Event(Downlink),
    /// A sign of life: a ping, a pong, or an event that this version does not know.
    Alive,
    /// What was written is on its way.
    Flushed,
}

pub(crate) struct Link {
    socket: WebSocketStream<BoxedStream>,
    format: Format,
    unflushed: bool,
}

impl Link {
    /// Dials and upgrades.
    pub(crate) async fn connect(
        dial: &dyn Dial,
        address: &Address,
        format: Format,
    ) -> Result<Self, OpenError> {
        let stream = dial
            .dial(&address.host, address.port, address.tls)
            .await
            .map_err(|source| OpenError::Dial { address: address.authority().to_owned(), source })?;
        let request = ClientRequestBuilder::new(address.uri.clone()).with_sub_protocol(subprotocol(format));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| OpenError::Upgrade(Box::new(error)))?;
        Ok(Self { socket, format, unflushed: false })
    }

    /// Whether something written has not left yet; [`Self::receive`] sees to it. Nothing more may be written then.
    pub(crate) fn is_writing(&self) -> bool {
        self.unflushed
    }

    /// Writes a command without waiting: what the socket does not take is kept and goes out in [`Self::receive`].
    pub(crate) fn send(&mut self, request: &Request) -> Result<(), Lost> {
        let frame = request.encode(self.format);
        let message = if frame.text {
            Message::Text(
                Utf8Bytes::try_from(frame.payload).map_err(|error| Lost::Failed(error.to_string()))?,
            )
        } else {
            Message::Binary(frame.payload)
        };
        self.write(message)
    }

    /// Writes a ping, unless something is still being written: then the other side owes an answer anyway.
    pub(crate) fn ping(&mut self) -> Result<(), Lost> {
        if self.unflushed { Ok(()) } else { self.write(Message::Ping(bytes::Bytes::new())) }
    }

    /// Says goodbye, for at most a second: the session is closed already.
    pub(crate) async fn close(&mut self) {
        tokio::time::timeout(FAREWELL, SinkExt::close(&mut self.socket)).await.ok();
    }

    fn write(&mut self, message: Message) -> Result<(), Lost> {
        debug_assert!(!self.unflushed, "the sink was not ready");
        self.unflushed = true;
        Pin::new(&mut self.socket).start_send(message).map_err(lost)
    }

    /// Waits for what the socket says, flushing meanwhile. With `readable` off it only flushes. Cancel safe.
    pub(crate) async fn receive(&mut self, readable: bool) -> Result<Received, Lost> {
        poll_fn(|cx| self.poll(cx, readable)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, readable: bool) -> Poll<Result<Received, Lost>> {
        if self.unflushed && Pin::new(&mut self.socket).poll_flush(cx).map_err(lost)?.is_ready() {
            self.unflushed = false;
            return Poll::Ready(Ok(Received::Flushed));
        }
        if !readable {
            return Poll::Pending;
        }
        let message = ready!(Pin::new(&mut self.socket).poll_next(cx));
        Poll::Ready(match message {
            Some(Ok(message)) => self.read(message),
            Some(Err(error)) => Err(lost(error)),
            None => Err(Lost::Failed("the connection ended without a close".to_owned())),
        })
    }

    fn read(&self, message: Message) -> Result<Received, Lost> {
        let payload = match message {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => bytes,
            Message::Close(frame) => return Err(closed(frame)),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(Received::Alive),
        };
        match Downlink::decode(self.format, &payload) {
            Ok(event) => Ok(Received::Event(event)),
            Err(error @ DecodeError::UnknownEvent { .. }) => {
                tracing::debug!(%error, "skipped an event");
                Ok(Received::Alive)
            }
            Err(error) => Err(Lost::Failed(error.to_string())),
        }
    }
}

/// The version that all current SDKs offer.
fn subprotocol(format: Format) -> &'static str {
    match format {
        Format::Binary => "lc.protobuf2.3",
        Format::Base64 => "lc.proto2base64.3",
        Format::Json => "lc.json.3",
    }
}

fn closed(frame: Option<CloseFrame>) -> Lost {
    frame.map_or(Lost::Closed { code: 1005, reason: String::new() }, |frame| Lost::Closed {
        code: frame.code.into(),
        reason: frame.reason.as_str().to_owned(),
    })
}

fn lost(error: WebSocketError) -> Lost {
    Lost::Failed(error.to_string())
}
