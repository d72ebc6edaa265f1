//! What a member needs to come back after its connection was lost: as SDKs do, with the session's token.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use grandstand_protocol::{Command, Format, Open, Request};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{endpoint::Endpoint, frame, link::Link, socket};

#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) client: String,
    pub(crate) token: String,
    pub(crate) from: Option<IpAddr>,
}

impl Account {
    /// A new connection, on which the handshake has been asked for.
    pub(super) fn connect(&self, endpoint: &Endpoint) -> Result<Link> {
        let socket = Socket::new(Domain::for_address(endpoint.address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(from) = self.from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        socket.connect(&endpoint.address.into()).context("failed to connect")?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut link = Link::over(TcpStream::from_std(socket.into()), endpoint.tls()?)?;
        let (uri, subprotocol) = (endpoint.uri()?, socket::SUBPROTOCOL);
        let host = uri.authority().context("a URL without a host")?;
        // The key may be any 16 bytes: the answer to it is not checked here.
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Z3JhbmRzdGFuZC1iZW5jaA==\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        link.write(head.as_bytes())?;
        Ok(link)
    }

    /// The first command on it.
    pub(super) fn open(&self, endpoint: &Endpoint) -> Vec<u8> {
        let config = Some(socket::CONFIG);
        let open = Open { reopen: true, token: Some(self.token.clone()), config, ..Open::default() };
        let request = Request {
            app: Some(endpoint.app.clone()),
            peer: Some(self.client.clone()),
            serial: Some(0),
            command: Command::Open(Box::new(open)),
        };
        frame::from_client(frame::BINARY, &request.encode(Format::Binary).payload)
    }
}
