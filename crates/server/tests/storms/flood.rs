//! One address that connects far too often: it is told quickly, and the others get in.

use std::time::{Duration, Instant};

use grandstand_protocol::Open;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{guest::Guest, raw::Raw, running::upgrade_request, server};

const LIMIT: usize = 50;
const FLOOD: usize = 500;

/// A socket from another address than 127.0.0.1.
async fn connect_from(source: [u8; 4], to: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// The status of an upgrade, how long it took, and the socket.
async fn knock(to: std::net::SocketAddr) -> (u16, Duration, TcpStream) {
    let start = Instant::now();
    let mut stream = connect_from([127, 0, 0, 7], to).await;
    stream.write_all(upgrade_request("/", &[]).as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    let status = std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap();
    (status, start.elapsed(), stream)
}

#[tokio::test]
async fn an_address_that_connects_too_often_is_refused_at_once_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), &format!("handshakes_per_second_per_address = {LIMIT}\n"));
    let start = Instant::now();
    let (mut admitted, mut refused) = (Vec::new(), Vec::new());
    for n in 0..FLOOD {
        let (status, took, stream) = knock(server.public).await;
        match status {
            101 => admitted.push(stream),
            503 => refused.push(took),
            other => panic!("{other} is no answer to an upgrade"),
        }
        if n == FLOOD / 2 {
            let honest = TcpStream::connect(server.public).await.unwrap();
            let raw = Raw::upgrade(honest, "lc.protobuf2.3").await;
            let mut guest = Guest::over(raw, "honest", grandstand_protocol::Format::Binary);
            guest.open(Open::default()).await;
        }
    }
    // A second's worth at once, and then so many a second.
    let due = LIMIT + (start.elapsed().as_secs_f64() * LIMIT as f64) as usize;
    assert!((LIMIT..=due + 1).contains(&admitted.len()), "{} of {due} admitted", admitted.len());
    refused.sort();
    let slow = refused[refused.len() * 99 / 100];
    assert!(slow < Duration::from_millis(50), "99 of 100 are told within 50 ms, not {slow:?}");
    assert_eq!(server.counter("grandstand_sockets_refused_total"), refused.len() as u64);
}
