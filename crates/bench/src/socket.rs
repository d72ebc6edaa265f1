//! One connection of the load: the real protocol in binary frames, with small buffers and without comfort.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures_util::{FutureExt, SinkExt, StreamExt};
use grandstand_protocol::{Command, Downlink, Event, Format, Open, Request};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{ClientRequestBuilder, Message, protocol::WebSocketConfig},
};

use crate::{endpoint::Endpoint, transport::Transport};

/// Tungstenite allocates it for each connection at once; its default would be 128 KiB.
const READ_BUFFER: usize = 4096;

/// How long the server may take for anything while a workload is being set up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bit 7 of the capabilities: `peerId` may be left out, so that the server can share frames.
pub(crate) const CONFIG: i64 = 0x80;

/// Binary frames.
pub(crate) const SUBPROTOCOL: &str = "lc.protobuf2.3";

/// How a connection is made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dial {
    /// From any address if none.
    pub(crate) from: Option<IpAddr>,
    /// `SO_RCVBUF`; the kernel's choice if none.
    pub(crate) receive_buffer: Option<u32>,
}

pub(crate) struct Socket {
    stream: WebSocketStream<Transport>,
    serial: i32,
    /// Of the session, to come back with.
    token: String,
}

impl Socket {
    /// Connects from `from` (any address if none) and opens a session.
    pub(crate) async fn open(endpoint: &Endpoint, from: Option<IpAddr>, client: &str) -> Result<Self> {
        Self::dial(endpoint, Dial { from, ..Dial::default() }, client).await
    }

    /// Connects and opens a session.
    pub(crate) async fn dial(endpoint: &Endpoint, dial: Dial, client: &str) -> Result<Self> {
        Self::login(endpoint, dial, client, Open::default()).await
    }

    /// Comes back as SDKs do: with the token of the connection that was lost.
    pub(crate) async fn reopen(endpoint: &Endpoint, dial: Dial, client: &str, token: String) -> Result<Self> {
        let open = Open { reopen: true, token: Some(token), ..Open::default() };
        Self::login(endpoint, dial, client, open).await
    }

    async fn login(endpoint: &Endpoint, dial: Dial, client: &str, open: Open) -> Result<Self> {
        timeout(PATIENCE, Self::attempt(endpoint, dial, client, open))
            .await
            .context("the server did not answer")?
            .with_context(|| format!("failed to open a session for {client}"))
    }

    async fn attempt(endpoint: &Endpoint, dial: Dial, client: &str, open: Open) -> Result<Self> {
        let stream = connect(endpoint, dial).await?;
        let request = ClientRequestBuilder::new(endpoint.uri()?).with_sub_protocol(SUBPROTOCOL);
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(READ_BUFFER);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut socket = Self { stream, serial: 0, token: String::new() };
        let open = Open { config: Some(CONFIG), ..open };
        let request = Request {
            app: Some(endpoint.app.clone()),
            peer: Some(client.to_owned()),
            serial: Some(0),
            command: Command::Open(Box::new(open)),
        };
        socket.write(&request).await?;
        socket.flush().await?;
        match socket.next().await?.event {
            Event::Opened { token } => Ok(Self { token: token.text, ..socket }),
            other => bail!("the server answered {other:?}"),
        }
    }

    /// Asks and waits for the answer; nothing else is expected meanwhile.
    pub(crate) async fn ask(&mut self, command: Command) -> Result<Event> {
        let serial = self.send(command).await?;
        self.flush().await?;
        let answer = timeout(PATIENCE, async {
            loop {
                let said = self.next().await?;
                if said.serial == Some(serial) {
                    return anyhow::Ok(said.event);
                }
            }
        });
        match answer.await.context("the server did not answer")?? {
            Event::Failed { fault } | Event::Refused { fault } => bail!("the server refused: {fault}"),
            answer => Ok(answer),
        }
    }

    /// Puts a command into the write buffer; returns its serial.
    pub(crate) async fn send(&mut self, command: Command) -> Result<i32> {
        self.serial += 1;
        let request = Request { app: None, peer: None, serial: Some(self.serial), command };
        self.write(&request).await?;
        Ok(self.serial)
    }

    async fn write(&mut self, request: &Request) -> Result<()> {
        let frame = request.encode(Format::Binary);
        Ok(self.stream.feed(Message::Binary(frame.payload)).await?)
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(self.stream.flush().await?)
    }

    /// The next event. Pings are answered on the way. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Downlink> {
        loop {
            match self.stream.next().await.context("the server ended the connection")?? {
                Message::Binary(payload) => return Ok(Downlink::decode(Format::Binary, &payload)?),
                Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The connection under the WebSocket. Bytes that came and were not asked for are lost: take it while the
    /// server has nothing to say.
    pub(crate) fn into_transport(self) -> Transport {
        self.stream.into_inner()
    }

    /// Of the session, to come back with.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Ends the connection at once, without a word, as a network does that is gone. Returns the session's token.
    pub(crate) fn cut(self) -> String {
        self.token
    }

    /// The next event if it is here already.
    pub(crate) fn ready(&mut self) -> Option<Result<Downlink>> {
        self.next().now_or_never()
    }
}

/// Only TCP. It ends with a reset: a port that is closed otherwise stays taken for a minute, and after a few runs in a
/// row the search for free ones took the load more time than everything else.
pub(crate) async fn tcp(address: SocketAddr, dial: Dial) -> Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(bytes) = dial.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(from) = dial.from {
        socket.bind(SocketAddr::new(from, 0)).with_context(|| format!("failed to bind {from}"))?;
    }
    let stream = socket.connect(address).await.context("failed to connect")?;
    stream.set_nodelay(true)?;
    stream.set_zero_linger().context("failed to prepare a reset")?;
    Ok(stream)
}

async fn connect(endpoint: &Endpoint, dial: Dial) -> Result<Transport> {
    let stream = tcp(endpoint.address, dial).await?;
    let Some(tls) = endpoint.tls()? else { return Ok(Transport::Plain(stream)) };
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    let stream = connector.connect(tls.name.clone(), stream).await.context("failed to agree on TLS")?;
    Ok(Transport::Tls(Box::new(stream)))
}

/// Source addresses on loopback: 127.0.0.2, 127.0.0.3 … with `per_address` sockets each. The server limits sockets
/// per address, and an address has about 28,000 ports towards one destination.
pub(crate) fn source(server: SocketAddr, number: u32, per_address: u32) -> Option<IpAddr> {
    let IpAddr::V4(server) = server.ip() else { return None };
    let host = 2 + number / per_address;
    server.is_loopback().then(|| Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 0, 0).to_bits() + host).into())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn loopback_clients_come_from_several_addresses() {
        let server: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        for (number, expected) in
            [(0, "127.0.0.2"), (3999, "127.0.0.2"), (4000, "127.0.0.3"), (1_200_000, "127.0.1.46")]
        {
            assert_eq!(source(server, number, 4000).unwrap().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_connection_ends_with_a_reset() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tcp(listener.local_addr().unwrap(), Dial::default()).await.unwrap();
        let (mut served, _) = listener.accept().await.unwrap();
        drop(stream);
        let error = served.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn elsewhere_the_system_chooses() {
        for server in ["192.0.2.1:8080", "[::1]:8080"] {
            assert_eq!(source(server.parse().unwrap(), 0, 4000), None);
        }
    }
}
