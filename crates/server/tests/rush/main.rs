//! More come in one moment than the kernel holds, and than may shake hands in a second; and one address comes without
//! end. A program of its own, because so many sockets disturb tests that look at the time.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod flood_beside_members;
#[path = "../gateway/guest.rs"]
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
mod guest;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
mod raw;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the tests of the program use more of it")]
mod running;
#[path = "../storms/server.rs"]
mod server;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use running::{PATIENCE, Running, upgrade_request};

/// The kernel holds 4096 at most.
const CLIENTS: usize = 6000;

/// So many at least have not had their turn when all are accepted: connecting may take five seconds. If sockets were
/// accepted at their turn, nobody would wait in the server.
const STILL_WAITING: usize = CLIENTS / 2;

const LIMITS: &str = "handshakes_per_second = 500\nhandshakes_per_second_per_address = 100000\n\
    connections = 15000\nsockets_per_address = 10000\nsessionless_sockets_per_address = 10000\n\
    sessionless_sockets = 10000\nfirst_command_timeout = \"10m\"\nupgrade_timeout = \"60s\"\n";

/// Each test needs the machine for itself.
static ALONE: Mutex<()> = Mutex::const_new(());

#[test]
fn all_are_accepted_at_once_and_get_their_turn() {
    let _alone = ALONE.blocking_lock();
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), LIMITS);
    let start = Instant::now();
    let mut clients: Vec<TcpStream> =
        (0..CLIENTS).map(|_| TcpStream::connect(server.public).unwrap()).collect();
    assert!(waiting_when_all_are_counted(&server) >= STILL_WAITING);
    for client in &mut clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(upgrade_request("/", &[]).as_bytes()).unwrap();
    }
    let mut answer = [0; 12];
    for client in &mut clients {
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
    }
    let took = start.elapsed();
    assert!(took > Duration::from_millis(10_900), "500 at once, then 500 a second: {took:?}");
}

fn waiting_when_all_are_counted(server: &Running) -> usize {
    let start = Instant::now();
    loop {
        let overview = server.overview();
        let [counted, waiting] = ["connections", "connections_waiting"]
            .map(|figure| usize::try_from(overview[figure].as_u64().unwrap()).unwrap());
        if counted == CLIENTS {
            return waiting;
        }
        assert!(start.elapsed() < PATIENCE, "{counted} are accepted, {waiting} of them wait");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
