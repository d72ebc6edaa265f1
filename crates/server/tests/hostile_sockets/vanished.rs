//! Peers that are gone without a word, wherever they were: nothing of them stays.

use std::{net::SocketAddr, time::Duration};

use grandstand_protocol::{Command, Format, RoomId};
use socket2::SockRef;

use crate::{
    guest::Guest,
    raw::{BINARY, Raw},
    siege::{Siege, all},
};

const PEERS: usize = 200;

/// Where a peer is when it vanishes.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Upgraded,
    InAFrame,
    BetweenFragments,
    /// The command is on its way, the answer is not.
    Opening,
    LoggedIn,
    InARoom,
}

const STAGES: [Stage; 6] = [
    Stage::Upgraded,
    Stage::InAFrame,
    Stage::BetweenFragments,
    Stage::Opening,
    Stage::LoggedIn,
    Stage::InARoom,
];

impl Stage {
    async fn reach(self, address: SocketAddr, client: &str, room: &RoomId) -> Raw {
        if let Self::LoggedIn | Self::InARoom = self {
            let (mut guest, _) = Guest::log_in(address, client).await;
            if let Self::InARoom = self {
                guest.join(room).await;
            }
            return guest.raw;
        }
        let mut raw = Raw::connect(address, "lc.protobuf2.3").await;
        match self {
            Self::InAFrame => raw.send_bytes(&[BINARY, 0x80 | 100, 1, 2, 3, 4, 5]).await,
            Self::BetweenFragments => raw.send(0x02, b"\x08").await,
            Self::Opening => {
                let room = room.clone();
                let mut guest = Guest::over(raw, client, Format::Binary);
                guest.send(Command::Open(Box::default())).await;
                guest.send(Command::Join { room, members: vec![client.to_owned()], signature: None }).await;
                raw = guest.raw;
            }
            _ => {}
        }
        raw
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_peers_that_hang_up_or_reset_nothing_stays() {
    let siege = Siege::lay("").await;
    let room = siege.room();
    siege
        .withstands(0..PEERS, |address, number| {
            let room = room.clone();
            async move {
                let stage = STAGES[number % STAGES.len()];
                let raw = stage.reach(address, &format!("gone-{number}"), &room).await;
                if number % 2 == 0 {
                    // Closing resets the connection.
                    SockRef::from(&raw.stream).set_linger(Some(Duration::ZERO)).unwrap();
                }
            }
        })
        .await;
}

/// A phone in a tunnel: its socket is never closed, it just says nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn of_peers_that_fall_silent_nothing_stays() {
    let siege = Siege::lay("[limits]\nread_timeout = \"3s\"").await;
    let (address, room) = (siege.address(), siege.room());
    let attack = async move {
        let mut silent = Vec::new();
        for number in 0..PEERS {
            let stage = STAGES[number % STAGES.len()];
            silent.push(stage.reach(address, &format!("gone-{number}"), &room).await);
        }
        all(silent.into_iter().map(|mut raw| async move {
            assert_eq!(raw.close_code().await, 4107);
        }))
        .await;
    };
    siege.withstands_all(attack).await;
}
