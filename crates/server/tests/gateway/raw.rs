//! A WebSocket client that may break every rule: frames by hand over TCP.

use std::{io::Cursor, net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tungstenite::protocol::frame::FrameHeader;

/// Far above what anything here takes, so that only a real hang fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a segment to a narrow peer: the least that every host takes.
const SEGMENT: u32 = 536;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// `S` may be the reading half alone.
pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
    /// Bytes that are no whole frame yet.
    pub(crate) input: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr, subprotocol: &str) -> Self {
        Self::upgrade(TcpStream::connect(address).await.unwrap(), subprotocol).await
    }

    /// A peer whose kernel holds next to nothing, so that not reading is felt at once, on both sides.
    ///
    /// Its segments are much smaller than that. Loopback's are not: now and then Linux comes to offer a window that is
    /// a few bytes short of one, again and again, and each is sent by the probe timer: 10 KiB a second, for good.
    pub(crate) async fn connect_narrow(address: SocketAddr, subprotocol: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        SockRef::from(&socket).set_tcp_mss(SEGMENT).unwrap();
        Self::upgrade(socket.connect(address).await.unwrap(), subprotocol).await
    }

    pub(crate) async fn upgrade(mut stream: TcpStream, subprotocol: &str) -> Self {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self { stream, input: Vec::new() }
    }

    /// Sends a masked frame.
    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        self.send_bytes(&masked(first, payload)).await;
    }

    /// Sends what it is given. A server that has closed already is no failure here.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }
}

impl<S: AsyncRead + Unpin> Raw<S> {
    /// The next frame: its first byte and its payload; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, self.read_frame()).await.expect("a frame in time")
    }

    async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let mut cursor = Cursor::new(&self.input[..]);
            if let Some((_, length)) = FrameHeader::parse(&mut cursor).unwrap() {
                let start = usize::try_from(cursor.position()).unwrap();
                let end = start + usize::try_from(length).unwrap();
                if self.input.len() >= end {
                    let frame = (self.input[0], self.input[start..end].to_vec());
                    self.input.drain(..end);
                    return Some(frame);
                }
            }
            // Memory is that of the server, too: tests of it allow little for their own end.
            self.input.reserve(4096);
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads until the server closes, and tells its code; 0 when it just hung up.
    pub(crate) async fn close_code(&mut self) -> u16 {
        while let Some((first, payload)) = self.next().await {
            if first == CLOSE {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
        0
    }
}

/// A client frame, masked with 1, 2, 3, 4.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | u8::try_from(n).unwrap()),
        n @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(n).unwrap().to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend([1, 2, 3, 4]);
    out.extend(payload.iter().zip([1u8, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}
