//! Peers that send as fast as they can, and read: all is answered, and the rates hold.

use grandstand_protocol::{Code, Command, Event, Format, RoomId};
use tokio::io::AsyncWriteExt;

use crate::{
    guest::Guest,
    peer::{answer, assert_alive, assert_echo, echo, payload, split},
    raw::{BINARY, PING, PONG, Raw, masked},
    siege::Siege,
};

const FLOOD: u32 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_is_answered_in_order() {
    Siege::lay("")
        .await
        .withstands(0..1, |address, _| async move {
            let (mut reading, mut writing) = split(Raw::connect(address, "lc.protobuf2.3").await);
            let pings =
                (1..=FLOOD).flat_map(|number| masked(PING, &number.to_be_bytes())).collect::<Vec<_>>();
            let read = async {
                let mut last = 0;
                while last < FLOOD {
                    let (first, payload) = reading.next().await.expect("a pong before the end");
                    let number = u32::from_be_bytes(payload[..].try_into().unwrap());
                    // RFC 6455 lets one pong stand for several pings.
                    assert!(first == PONG && number > last, "pong {number} after {last}");
                    last = number;
                }
            };
            let (written, ()) = tokio::join!(writing.write_all(&pings), read);
            written.unwrap();
            writing.write_all(&masked(BINARY, &echo(Format::Binary, 1))).await.unwrap();
            assert_echo(&mut reading, Format::Binary, 1).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_empty_frames_costs_nothing() {
    Siege::lay("")
        .await
        .withstands(0..4, |address, _| async move {
            let mut raw = Raw::connect(address, "lc.protobuf2.3").await;
            raw.send_bytes(&masked(PONG, b"").repeat(FLOOD as usize)).await;
            assert_alive(&mut raw, Format::Binary).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_commands_is_answered_with_4116_in_order() {
    const COMMANDS: i32 = 5000;
    Siege::lay("[client_limits]\nsend = 1000000\nother = 1000")
        .await
        .withstands(0..4, |address, number| async move {
            let (guest, _) = Guest::log_in(address, &format!("flood-{number}")).await;
            let (mut reading, mut writing) = split(guest.raw);
            let count = |serial| {
                let room = RoomId::from("5f7f2a1b3c4d5e6f70819203");
                masked(BINARY, &payload(Format::Binary, serial, Command::Count { room }))
            };
            let commands = (1..=COMMANDS).flat_map(count).collect::<Vec<_>>();
            let read = async {
                let mut refused = 0;
                for serial in 1..=COMMANDS {
                    let told = answer(&mut reading, Format::Binary).await;
                    assert_eq!(told.serial, Some(serial));
                    let Event::Failed { fault } = told.event else {
                        panic!("no such room: {:?}", told.event)
                    };
                    refused += usize::from(fault.is(Code::MessageSentQuotaExceeded));
                }
                refused
            };
            let (written, refused) = tokio::join!(writing.write_all(&commands), read);
            written.unwrap();
            // A minute's worth passes, and what the rate allows until the flood is over.
            assert!((3000..=4000).contains(&refused), "{refused} of {COMMANDS}");
        })
        .await;
}
