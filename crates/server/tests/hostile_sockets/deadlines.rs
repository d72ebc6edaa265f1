//! Peers that are silent, or never finish: 4107 and 4108, neither early nor never.

use std::{net::SocketAddr, time::Duration};

use grandstand_protocol::{Command, Format, Open};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use crate::{
    guest::Guest,
    peer::{assert_alive, echo, payload, split},
    raw::{BINARY, PATIENCE, PING, PONG, Raw, TEXT, masked},
    siege::{Siege, all},
};

const PEERS: usize = 200;

/// What the deadlines are shortened to.
const DEADLINE: Duration = Duration::from_millis(500);

/// The same for silence, which the honest pair must not keep for so long, whatever else the machine does.
const SILENCE: Duration = Duration::from_secs(3);

/// A peer that keeps the server waiting.
#[derive(Debug, Clone)]
struct Idler {
    name: &'static str,
    subprotocol: &'static str,
    /// Sent once.
    first: Vec<u8>,
    /// Sent again and again.
    then: Vec<u8>,
    /// Between two times, unless there is always something to read.
    pause: Option<Duration>,
}

impl Idler {
    fn new(name: &'static str, first: Vec<u8>, then: Vec<u8>) -> Self {
        Self { name, subprotocol: "lc.protobuf2.3", first, then, pause: Some(Duration::from_millis(20)) }
    }

    /// The same, as fast as it can.
    fn in_a_flood(self) -> Self {
        Self { then: self.then.repeat(10_000), pause: None, ..self }
    }

    /// Waits to be closed with this code, not before the deadline.
    async fn idle(self, address: SocketAddr, code: u16, deadline: Duration) {
        let begin = Instant::now();
        let raw = Raw::connect(address, self.subprotocol).await;
        assert_eq!(self.close_code(raw).await, code, "{}", self.name);
        assert_in_time(begin, deadline);
    }

    /// Sends what it has to send until it is closed.
    async fn close_code(&self, mut raw: Raw) -> u16 {
        raw.send_bytes(&self.first).await;
        let (mut reading, mut writing) = split(raw);
        let send = async {
            while writing.write_all(&self.then).await.is_ok() {
                if let Some(pause) = self.pause {
                    sleep(pause).await;
                }
            }
            std::future::pending().await
        };
        tokio::select! { code = reading.close_code() => code, () = send => unreachable!("it is closed first") }
    }
}

fn assert_in_time(since: Instant, deadline: Duration) {
    let elapsed = since.elapsed();
    assert!(elapsed >= deadline, "{elapsed:?} is too early for {deadline:?}");
    assert!(elapsed < deadline + PATIENCE, "{elapsed:?} is too late for {deadline:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_without_a_command_ends_in_4108_whatever_else_it_sends() {
    let ping = masked(PING, b"are you there?");
    let idlers = [
        Idler::new("silent", vec![], vec![]),
        Idler::new("echoes", vec![], masked(BINARY, &echo(Format::Binary, 1))),
        Idler { subprotocol: "lc.json.3", ..Idler::new("heartbeats", vec![], masked(TEXT, b"{}")) },
        Idler::new("pings", vec![], ping.clone()),
        Idler::new("pongs", vec![], masked(PONG, b"")),
        Idler::new("a flood of pongs", vec![], masked(PONG, b"")).in_a_flood(),
        Idler::new("a flood of pings", vec![], ping).in_a_flood(),
    ];
    let siege = Siege::lay("[limits]\nfirst_command_timeout = \"500ms\"").await;
    let address = siege.address();
    // Older than all the others, and with nothing but a login.
    let mut java = Raw::connect(address, "lc.protobuf2.3").await;
    java.send(BINARY, &payload(Format::Binary, 1, Command::Login { service: None })).await;
    java.next().await.expect("logged in");
    let attack = async move {
        all((0..PEERS).map(|number| {
            // One of each flood is enough for two cores.
            let kinds = if number < idlers.len() { idlers.len() } else { idlers.len() - 2 };
            idlers[number % kinds].clone().idle(address, 4108, DEADLINE)
        }))
        .await;
        assert_alive(&mut java, Format::Binary).await;
    };
    siege.withstands_all(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_end_ends_in_4107() {
    let begun = masked(0x02, b"\x08");
    let ping = masked(PING, b"");
    let idlers = [
        Idler::new("a first fragment", begun.clone(), vec![]),
        Idler::new("half a header", vec![BINARY], vec![]),
        Idler::new("a header", vec![BINARY, 0x80 | 100, 1, 2, 3, 4], vec![]),
        Idler::new("a byte at a time", vec![BINARY, 0xfe, 0x1f, 0xff, 1, 2, 3, 4], vec![0]),
        Idler::new("pings between fragments", begun.clone(), ping.clone()),
        Idler::new("a flood of pings between fragments", begun, ping).in_a_flood(),
    ];
    Siege::lay("[limits]\nmessage_timeout = \"500ms\"")
        .await
        .withstands(0..PEERS, |address, number| {
            let kinds = if number < idlers.len() { idlers.len() } else { idlers.len() - 1 };
            idlers[number % kinds].clone().idle(address, 4107, DEADLINE)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_from_which_nothing_comes_ends_in_4107() {
    Siege::lay("[limits]\nread_timeout = \"3s\"")
        .await
        .withstands(0..PEERS, |address, number| async move {
            let begin = Instant::now();
            let (guest, _) = Guest::log_in(address, &format!("silent-{number}")).await;
            let mut raw = guest.raw;
            assert_eq!(raw.close_code().await, 4107);
            assert_in_time(begin, SILENCE);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_sockets_without_a_session_the_oldest_end_in_4108() {
    const PLACES: usize = 20;
    let siege = Siege::lay("[limits]\nsessionless_sockets = 20").await;
    let address = siege.address();
    let attack = async move {
        let mut guests = Vec::new();
        for number in 0..PLACES {
            guests.push(Guest::log_in(address, &format!("guest-{number}")).await.0);
        }
        // A command keeps no place; a session would.
        let mut sockets = Vec::new();
        for _ in 0..PEERS {
            let mut raw = Raw::connect(address, "lc.protobuf2.3").await;
            raw.send(BINARY, &payload(Format::Binary, 1, Command::Login { service: None })).await;
            raw.next().await.expect("logged in");
            sockets.push(raw);
        }
        let newest = sockets.split_off(PEERS - PLACES);
        for mut oldest in sockets {
            assert_eq!(oldest.close_code().await, 4108);
        }
        for mut raw in newest {
            assert_alive(&mut raw, Format::Binary).await;
        }
        for mut guest in guests {
            guest.open(Open::default()).await;
        }
    };
    siege.withstands_all(attack).await;
}
