//! A server that does what a test says: the real codec over a stream in memory.

use std::{io, time::Duration};

use futures_util::{SinkExt, StreamExt, future::BoxFuture};
use grandstand_client::{
    BoxedStream, Client, ClientBuilder, Code, Dial, Events, Fault, Format, OpenError, Push, RoomId,
};
use grandstand_protocol::{Command, Downlink, Event as Say, Open, Request, Subprotocol, Token};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::server::{ErrorResponse, Request as Upgrade, Response},
        protocol::CloseFrame,
    },
};

/// Bytes under way in each direction; more makes the writer wait.
pub(crate) const STREAM_BYTES: usize = 64 * 1024;

/// What the fake says its clock shows, ms.
pub(crate) const SERVER_TIME: i64 = 1_700_000_000_000;

/// Dialled by the client, answered by the test.
pub(crate) struct Fake {
    dials: mpsc::Receiver<Dialling>,
}

struct FakeDial(mpsc::Sender<Dialling>);

impl Dial for FakeDial {
    fn dial(&self, host: &str, port: u16, tls: bool) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let (reply, answer) = oneshot::channel();
        let (dials, to) = (self.0.clone(), format!("{host}:{port} tls={tls}"));
        Box::pin(async move {
            dials.send(Dialling { to, at: Instant::now(), reply }).await.map_err(io::Error::other)?;
            answer.await.map_err(io::Error::other)?
        })
    }
}

/// A client that waits for its connection.
pub(crate) struct Dialling {
    pub(crate) to: String,
    pub(crate) at: Instant,
    reply: oneshot::Sender<io::Result<BoxedStream>>,
}

impl Dialling {
    pub(crate) fn refuse(self) {
        self.reply.send(Err(io::ErrorKind::ConnectionRefused.into())).ok();
    }

    /// The bare stream, for tests of HTTP.
    pub(crate) fn stream(self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(STREAM_BYTES);
        assert!(self.reply.send(Ok(Box::new(client))).is_ok(), "the client has given up dialling");
        server
    }

    /// Upgrades to a WebSocket.
    #[expect(clippy::result_large_err, reason = "the shape of the library's callback")]
    pub(crate) async fn accept(self) -> Peer {
        let mut name = String::new();
        let on_upgrade = |request: &Upgrade, mut response: Response| -> Result<Response, ErrorResponse> {
            let offered = request.headers().get("sec-websocket-protocol").unwrap().clone();
            name = offered.to_str().unwrap().to_owned();
            response.headers_mut().insert("sec-websocket-protocol", offered);
            Ok(response)
        };
        let socket = accept_hdr_async(self.stream(), on_upgrade).await.unwrap();
        Peer { socket, format: Subprotocol::from_name(&name).unwrap().format }
    }
}

/// The server's end of one connection.
pub(crate) struct Peer {
    socket: WebSocketStream<DuplexStream>,
    pub(crate) format: Format,
}

impl Peer {
    /// The next request; pings are answered on the way.
    pub(crate) async fn request(&mut self) -> Request {
        loop {
            let payload = match self.socket.next().await.unwrap().unwrap() {
                Message::Text(text) => text.into(),
                Message::Binary(bytes) => bytes,
                Message::Ping(_) => continue,
                other => panic!("not a request: {other:?}"),
            };
            return Request::decode(self.format, &payload).unwrap();
        }
    }

    /// The next frame as it stands on the wire.
    pub(crate) async fn frame(&mut self) -> Option<Message> {
        self.socket.next().await.map(Result::unwrap)
    }

    /// A frame from the server; answers carry the serial of their request.
    pub(crate) async fn say(&mut self, serial: Option<i32>, event: Say) {
        let downlink = Downlink { serial, peer: None, server_time: Some(SERVER_TIME), event };
        let frame = downlink.encode(self.format);
        let message = if frame.text {
            Message::Text(Utf8Bytes::try_from(frame.payload).unwrap())
        } else {
            Message::Binary(frame.payload)
        };
        self.socket.send(message).await.unwrap();
    }

    /// Takes the login and grants it.
    pub(crate) async fn grant(&mut self, token: &str) -> Open {
        let (serial, open) = self.login().await;
        self.say(serial, Say::Opened { token: Token { text: token.to_owned(), ttl: 172_800 } }).await;
        open
    }

    /// Takes the login and refuses it.
    pub(crate) async fn refuse(&mut self, code: Code) -> Open {
        let (serial, open) = self.login().await;
        self.say(serial, Say::Failed { fault: Fault::from(code) }).await;
        open
    }

    async fn login(&mut self) -> (Option<i32>, Open) {
        let request = self.request().await;
        let Command::Open(open) = request.command else { panic!("not a login: {request:?}") };
        (request.serial, *open)
    }

    /// Takes a message and accepts it under its own dedupe token; returns its body's text.
    pub(crate) async fn accept_message(&mut self) -> String {
        let request = self.request().await;
        let Command::Send(send) = request.command else { panic!("not a message: {request:?}") };
        let message = send.dedupe.unwrap().as_str().into();
        self.say(request.serial, Say::Accepted { message, timestamp: SERVER_TIME }).await;
        text(&send.body)
    }

    /// Whether the connection ends with a close frame rather than by itself.
    pub(crate) async fn said_goodbye(&mut self) -> bool {
        matches!(self.socket.next().await, Some(Ok(Message::Close(_))))
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "TEST".into() };
        self.socket.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

impl Fake {
    /// A builder whose connections come here.
    pub(crate) fn new() -> (Self, ClientBuilder) {
        Self::at("ws://chat.example.com/")
    }

    pub(crate) fn at(server: &str) -> (Self, ClientBuilder) {
        let (sender, dials) = mpsc::channel(1);
        (Self { dials }, Client::builder(server, "app-id", "ann").dial(FakeDial(sender)))
    }

    pub(crate) async fn dialled(&mut self) -> Dialling {
        self.dials.recv().await.unwrap()
    }

    pub(crate) async fn accept(&mut self) -> Peer {
        self.dialled().await.accept().await
    }

    /// An open session, its events, and the server's end.
    pub(crate) async fn opened(&mut self, builder: ClientBuilder) -> (Client, Events, Peer) {
        let serve = async {
            let mut peer = self.accept().await;
            peer.grant("token-1").await;
            peer
        };
        let (opened, peer) = tokio::join!(builder.open(), serve);
        let (client, events) = opened.unwrap();
        (client, events, peer)
    }
}

/// Runs the client's side beside the test's script.
#[expect(clippy::disallowed_methods, reason = "the script joins it")]
pub(crate) fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

pub(crate) fn opening(builder: ClientBuilder) -> JoinHandle<Result<(Client, Events), OpenError>> {
    beside(builder.open())
}

pub(crate) fn room() -> RoomId {
    "64f0c0ffee".into()
}

pub(crate) fn push(id: &str) -> Say {
    Say::Message(Box::new(Push {
        room: room(),
        message: id.into(),
        timestamp: SERVER_TIME,
        from: "bob".to_owned(),
        body: grandstand_client::Body::Text(id.to_owned()),
        transient: false,
        mentions: grandstand_client::Mentions::default(),
        patched_at: None,
    }))
}

pub(crate) fn text(body: &grandstand_client::Body) -> String {
    match body {
        grandstand_client::Body::Text(text) => text.clone(),
        grandstand_client::Body::Binary(_) => panic!("a binary body"),
    }
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
