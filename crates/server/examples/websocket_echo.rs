//! An echo over the server's own WebSocket codec, for conformance tests: `websocket_echo ADDR:PORT BYTES FRAGMENTS`.
#![expect(clippy::print_stdout, reason = "a program that tells its address")]

use std::{env::args, io, net::SocketAddr};

use grandstand::gateway::{
    close::Close,
    frames::{FrameLimits, Frames, Incoming, data_frame, frame},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tungstenite::{
    handshake::derive_accept_key,
    protocol::frame::coding::{Control, OpCode},
};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = args().skip(1);
    let mut next =
        || args.next().ok_or_else(|| io::Error::other("usage: websocket_echo ADDR:PORT BYTES FRAGMENTS"));
    let address: SocketAddr = next()?.parse().map_err(io::Error::other)?;
    let message = next()?.parse().map_err(io::Error::other)?;
    let fragments = next()?.parse().map_err(io::Error::other)?;

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        connections.spawn(echo(stream, FrameLimits { message, fragments }));
        while connections.try_join_next().is_some() {}
    }
}

async fn echo(mut stream: TcpStream, limits: FrameLimits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    upgrade(&mut stream).await?;
    let mut frames = Frames::new(limits);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        frames.feed(&buffer[..read]);
        if let Err(close) = answer_all(&mut stream, &mut frames).await? {
            stream.write_all(&close.frame()).await?;
            stream.shutdown().await?;
            // Closing while the peer's bytes wait unread would reset the connection and lose our last word.
            while stream.read(&mut buffer).await? > 0 {}
            return Ok(());
        }
    }
}

async fn answer_all(stream: &mut TcpStream, frames: &mut Frames) -> io::Result<Result<(), Close>> {
    loop {
        let answer = match frames.pop() {
            Ok(None) => return Ok(Ok(())),
            Ok(Some(Incoming::Message { text, payload })) => data_frame(text, &[&payload]),
            Ok(Some(Incoming::Ping(payload))) => frame(OpCode::Control(Control::Pong), &[&payload]),
            Ok(Some(Incoming::Pong(_))) => continue,
            Ok(Some(Incoming::Close)) => return Ok(Err(Close::NORMAL)),
            Err(close) => return Ok(Err(close)),
        };
        stream.write_all(&answer).await?;
    }
}

/// Just enough of a handshake: the conformance suite tests frames.
async fn upgrade(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let key = head
        .lines()
        .find_map(|line| {
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        })
        .map(|(_, key)| derive_accept_key(key.trim().as_bytes()))
        .ok_or_else(|| io::Error::other("no Sec-WebSocket-Key"))?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await
}
