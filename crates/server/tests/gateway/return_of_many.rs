//! A thousand clients drop together and come back together, in time and too late.

use std::net::SocketAddr;

use grandstand_protocol::{Level, RoomId, Token};
use tokio::{task::JoinSet, time::timeout};

use crate::{guest::Guest, raw::PATIENCE, server::Server};

const CLIENTS: usize = 1000;
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// One that dropped, and can come back.
struct Gone {
    client: String,
    token: Token,
}

async fn come(address: SocketAddr, room: RoomId, n: usize) -> (Guest, Token) {
    let (mut guest, token) = Guest::log_in(address, &format!("guest-{n}")).await;
    guest.join(&room).await;
    (guest, token)
}

/// Comes back with its token; enters the room itself where the server does not know any more that it was there.
async fn come_back(address: SocketAddr, room: RoomId, gone: Gone, is_back: bool) -> (Guest, Token) {
    let mut guest = Guest::reopen(address, &gone.client, &gone.token).await;
    if !is_back {
        guest.join(&room).await;
    }
    (guest, gone.token)
}

async fn until_alone(host: &mut Guest, room: &RoomId) {
    let alone = async {
        while host.count(room).await > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, alone).await.expect("the server notices that all are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_are_back_in_their_room_within_30_minutes_and_not_after() {
    // Both ends of every connection are in this process.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let limits = "[limits]\nhandshakes_per_second_per_address = 100000\n";
    let server = Server::start(limits).await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    host.join(&room).await;
    let everybody = i32::try_from(CLIENTS).unwrap() + 1;
    let coming: JoinSet<_> = (0..CLIENTS).map(|n| come(server.address, room.clone(), n)).collect();
    let mut members = coming.join_all().await;

    let table = [
        (SECOND, true),
        (MINUTE, true),
        // The clock that was set goes on while they come back: a minute is for a slow machine.
        (29 * MINUTE, true),
        (31 * MINUTE, false),
    ];
    for (away, is_back) in table {
        assert_eq!(host.count(&room).await, everybody, "before {away} ms");
        // Whoever goes away takes its token along; dropping the guest cuts its connection.
        let gone: Vec<Gone> =
            members.drain(..).map(|(guest, token)| Gone { client: guest.client, token }).collect();
        until_alone(&mut host, &room).await;
        let gifts: Vec<String> = (0..3).map(|n| format!("gift {n} of {away} ms")).collect();
        for gift in &gifts {
            host.say(&room, Level::High, gift).await;
            host.say(&room, Level::Normal, "chatter").await;
        }
        server.clock.jump(away);

        let returning: JoinSet<_> =
            gone.into_iter().map(|gone| come_back(server.address, room.clone(), gone, is_back)).collect();
        members = returning.join_all().await;
        assert_eq!(host.count(&room).await, everybody, "after {away} ms");
        host.say(&room, Level::Normal, "live").await;
        let expected = if is_back { &gifts[..] } else { &[] };
        for (guest, _) in &mut members {
            let mut heard = guest.hear_until("live").await;
            // What a socket died too early to confirm comes again, and is of an earlier time.
            let is_new = |text: &String| !text.starts_with("gift") || gifts.contains(text);
            heard.retain(|text| !is_back || is_new(text));
            assert_eq!(heard, [expected, &["live".to_owned()]].concat(), "{} after {away} ms", guest.client);
        }
    }
}
