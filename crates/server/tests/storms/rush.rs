//! More come in one moment than the kernel holds, and than may shake hands in a second.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{
    running::{PATIENCE, upgrade_request},
    server,
};

/// The kernel holds 4096 at most.
const CLIENTS: usize = 6000;

const LIMITS: &str = "handshakes_per_second = 1000\nhandshakes_per_second_per_address = 100000\n\
    sockets_per_address = 10000\nsessionless_sockets_per_address = 10000\nsessionless_sockets = 10000\n\
    first_command_timeout = \"10m\"\n";

#[test]
fn all_are_accepted_at_once_and_get_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), LIMITS);
    let start = Instant::now();
    let (mut clients, mut slowest) = (Vec::new(), Duration::ZERO);
    for _ in 0..CLIENTS {
        let before = Instant::now();
        let mut stream = TcpStream::connect(server.public).unwrap();
        slowest = slowest.max(before.elapsed());
        stream.write_all(upgrade_request("/", &[]).as_bytes()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        clients.push(stream);
    }
    // Where the kernel's queue is full, TCP tries again after a second.
    assert!(slowest < Duration::from_secs(1), "{slowest:?} for a connection");
    let mut answer = [0; 12];
    for client in &mut clients {
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
    }
    let took = start.elapsed();
    assert!(took > Duration::from_millis(4900), "a thousand at once, then a thousand a second: {took:?}");
}
