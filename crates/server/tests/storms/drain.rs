//! SIGTERM with many clients: they go one after the other, and nothing that was acknowledged is lost.

use std::{
    env,
    io::ErrorKind,
    time::{Duration, Instant},
};

use grandstand_protocol::{Command, Downlink, Event, Format, Level, Open, RoomId};
use tokio::{net::TcpStream, task::JoinSet, time::sleep};

use crate::{
    guest::{Guest, message},
    raw::CLOSE,
    server,
};

/// Without `GRANDSTAND_DRAIN_CLIENTS`.
const CLIENTS: usize = 1000;
const WINDOW: Duration = Duration::from_secs(4);
const LIMITS: &str =
    "drain = \"4s\"\nsockets_per_address = 15000\nhandshakes_per_second_per_address = 100000\n";

/// When a client was told to go, and when its socket was closed with which code.
struct Gone {
    told: Option<Instant>,
    closed: Instant,
    code: u16,
}

/// Does not go when it is told.
async fn stay(mut guest: Guest) -> Gone {
    let mut told = None;
    loop {
        match guest.raw.next().await.expect("a close frame before the end") {
            (CLOSE, code) => {
                let code = u16::from_be_bytes([code[0], code[1]]);
                return Gone { told, closed: Instant::now(), code };
            }
            (_, command) => {
                let command = Downlink::decode(Format::Binary, &command).unwrap();
                assert_eq!(command.event, Event::GoAway);
                assert!(told.replace(Instant::now()).is_none(), "told once");
            }
        }
    }
}

/// Sends HIGH messages until it is closed; returns what was acknowledged.
async fn talk(mut host: Guest, room: RoomId) -> Vec<String> {
    let mut acked = Vec::new();
    loop {
        let text = format!("gift {}", acked.len());
        let serial = host.send(Command::Send(Box::new(message(&room, Level::High, &text)))).await;
        loop {
            match host.read().await {
                None => return acked,
                Some(told) if told.serial == Some(serial) => break,
                Some(_) => {}
            }
        }
        acked.push(text);
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_told_and_closed_one_after_the_other_and_lose_nothing() {
    let clients = env::var("GRANDSTAND_DRAIN_CLIENTS").map_or(CLIENTS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), LIMITS);
    let (mut host, _) = Guest::log_in(server.public, "host").await;
    let room = host.create().await;
    let (mut witness, token) = Guest::log_in(server.public, "witness").await;
    witness.join(&room).await;
    // The two that talk and listen are closed, too.
    let mut guests = Vec::new();
    for n in 2..clients {
        let mut guest = Guest::connect(server.public, &format!("guest-{n}")).await;
        // Half are JavaScript, which is told first.
        let user_agent = if n % 2 == 0 { "js/5.0.0" } else { "android/8.0" };
        guest.open(Open { user_agent: Some(user_agent.into()), ..Open::default() }).await;
        guests.push(guest);
    }
    let start = Instant::now();
    let mut staying: JoinSet<_> = guests.into_iter().map(stay).collect();
    let talking: JoinSet<_> = [talk(host, room.clone())].into_iter().collect();
    server.signal("TERM");
    let (mut told, mut closed) = (Vec::new(), Vec::new());
    while let Some(gone) = staying.join_next().await {
        let Gone { told: at, closed: end, code } = gone.unwrap();
        assert_eq!(code, 1001, "come back");
        let at = at.expect("every client is told before it is closed");
        assert!(end > at);
        told.push(at);
        closed.push(end);
    }
    told.sort();
    // That the plan is even is for its own tests to say. Here its order shows: who was told is closed while others are
    // still to be told. By the plan more than a third are closed when half are told, and seven eighths when all are.
    for (of_told, least) in [(told.len() / 2, clients / 8), (told.len(), clients / 2)] {
        let by_then = closed.iter().filter(|end| **end < told[of_told - 1]).count();
        assert!(by_then >= least, "when {of_told} were told, {by_then} were closed");
    }
    let acked = talking.join_all().await.concat();
    let last = server.wait_for_log("every acknowledged message is on disk");
    let counts = [format!("told={clients}"), format!("closed={clients}")];
    assert!(counts.iter().all(|count| last.contains(count)), "{last}");
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() < WINDOW + Duration::from_secs(5), "{:?}", start.elapsed());

    drop(witness);
    let server = server::start(folder.path(), LIMITS);
    let mut witness = Guest::reopen(server.public, "witness", &token).await;
    let (mut host, _) = Guest::log_in(server.public, "host").await;
    host.say(&room, Level::High, "end").await;
    let heard = witness.hear_until("end").await;
    let missing: Vec<_> = acked.iter().filter(|text| !heard.contains(text)).collect();
    assert!(!acked.is_empty() && missing.is_empty(), "of {}: {missing:?}", acked.len());
}

#[tokio::test]
async fn a_server_whose_clients_obey_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), "drain = \"20s\"\n");
    let (guest, _) = Guest::log_in(server.public, "guest").await;
    let start = Instant::now();
    server.signal("TERM");
    let obeying = async {
        let mut guest = guest;
        while !matches!(guest.read().await.expect("a goaway").event, Event::GoAway) {}
    };
    obeying.await;
    // It is told when nobody can connect any more: Java gives up when it is accepted and then closed.
    let back = TcpStream::connect(server.public).await;
    assert_eq!(back.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let last = server.wait_for_log("every acknowledged message is on disk");
    assert!(last.contains("told=1") && last.contains("closed=0"), "{last}");
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
