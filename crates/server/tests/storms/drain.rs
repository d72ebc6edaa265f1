//! SIGTERM with many clients: they go one after the other.

use std::time::{Duration, Instant};

use grandstand_protocol::{Downlink, Event, Format, Open};
use tokio::task::JoinSet;

use crate::{guest::Guest, raw::CLOSE, server};

const CLIENTS: usize = 1000;
const WINDOW: Duration = Duration::from_secs(4);

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

#[tokio::test]
async fn clients_are_told_and_closed_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), "drain = \"4s\"\n");
    let mut guests = Vec::new();
    for n in 0..CLIENTS {
        let mut guest = Guest::connect(server.public, &format!("guest-{n}")).await;
        // Half are JavaScript, which is told first.
        let user_agent = if n % 2 == 0 { "js/5.0.0" } else { "android/8.0" };
        guest.open(Open { user_agent: Some(user_agent.into()), ..Open::default() }).await;
        guests.push(guest);
    }
    let start = Instant::now();
    let mut staying: JoinSet<_> = guests.into_iter().map(stay).collect();
    server.signal("TERM");
    let mut told = [0; 10];
    let mut closed = [0; 10];
    let tenth = |at: Instant| ((at - start).as_millis() * 10 / WINDOW.as_millis()).min(9) as usize;
    while let Some(gone) = staying.join_next().await {
        let Gone { told: at, closed: end, code } = gone.unwrap();
        assert_eq!(code, 1001, "come back");
        let at = at.expect("every client is told before it is closed");
        assert!(end > at);
        told[tenth(at)] += 1;
        closed[tenth(end)] += 1;
    }
    for tenths in [told, closed] {
        // An eighth by the plan; a loaded machine is late now and then.
        assert!(tenths.iter().all(|n| *n <= CLIENTS / 5), "evenly: {told:?} {closed:?}");
    }
    let last = server.wait_for_log("every acknowledged message is on disk");
    assert!(last.contains("told=1000") && last.contains("closed=1000"), "{last}");
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() < WINDOW + Duration::from_secs(5), "{:?}", start.elapsed());
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
    let last = server.wait_for_log("every acknowledged message is on disk");
    assert!(last.contains("told=1") && last.contains("closed=0"), "{last}");
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
