//! Slow mode over the socket: all devices together, over rejoins, retries, many speakers at once.

use std::collections::HashMap;

use grandstand::cluster::News;
use grandstand_protocol::{
    Body, Command, Direction, Event, Fault, Level, MessageId, Open, PatchRequest, RoomId, Send,
};
use grandstand_room::{
    clock::Millis,
    history::HistoryQuery,
    moderation::{RoomSwitches, SlowMode, SwitchChange, moderators},
};
use tokio::task::JoinSet;

use crate::{
    guest::{Guest, message},
    server::{APP, Server},
};

/// A room in slow mode whose creator is not there.
async fn slow_room(server: &Server, seconds: u32) -> RoomId {
    let mut owner = Guest::log_in(server.address, "owner").await.0;
    let room = owner.create().await;
    slow(server, &room, Some(seconds)).await;
    room
}

async fn slow(server: &Server, room: &RoomId, seconds: Option<u32>) {
    let mode = seconds.map(|seconds| SlowMode { seconds, roles: moderators() });
    let change = SwitchChange { slow_mode: Some(mode.clone()), ..SwitchChange::default() };
    let app = APP.into();
    let switches = server.node.store.change_room_switches(&app, room, change).await.unwrap();
    server.node.bus.publish(News::Moderated { app, room: room.clone(), expelled: Vec::new() }).await;
    assert_eq!(switches, RoomSwitches { slow_mode: mode, ..RoomSwitches::default() });
}

async fn send(guest: &mut Guest, send: Send) -> Result<MessageId, Fault> {
    match guest.ask(Command::Send(Box::new(send))).await {
        Event::Accepted { message, .. } => Ok(message),
        Event::Refused { fault } => Err(fault),
        other => panic!("an acknowledgement, not {other:?}"),
    }
}

fn text(room: &RoomId, text: &str) -> Send {
    message(room, Level::Normal, text)
}

#[track_caller]
fn too_early(answer: Result<MessageId, Fault>) {
    let fault = answer.unwrap_err();
    assert_eq!(fault.code, 4116, "{fault}");
    assert!(fault.app_code.is_some_and(|seconds| seconds > 0) && fault.app_message.is_some(), "{fault:?}");
}

#[tokio::test]
async fn all_devices_of_a_client_wait_together_and_over_rejoins() {
    let server = Server::start("").await;
    let room = slow_room(&server, 3600).await;
    let (mut phone, token) = Guest::log_in(server.address, "ann").await;
    phone.join(&room).await;
    let mut tablet = Guest::connect(server.address, "ann").await;
    tablet.open(Open { tag: Some("tablet".to_owned()), ..Open::default() }).await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    send(&mut phone, text(&room, "once")).await.unwrap();
    too_early(send(&mut phone, text(&room, "again")).await);
    too_early(send(&mut tablet, text(&room, "from the other device")).await);
    too_early(send(&mut tablet, Send { transient: true, ..text(&room, "transient") }).await);
    too_early(send(&mut tablet, Send { will: true, ..text(&room, "a will") }).await);
    send(&mut bob, text(&room, "others have their own turn")).await.unwrap();

    phone.quit(&room).await;
    too_early(send(&mut phone, text(&room, "from outside")).await);
    phone.join(&room).await;
    too_early(send(&mut phone, text(&room, "after a rejoin")).await);
    drop(phone);
    let mut phone = Guest::reopen(server.address, "ann", &token).await;
    too_early(send(&mut phone, text(&room, "after a drop")).await);
    let mut anew = Guest::log_in(server.address, "ann").await.0;
    anew.join(&room).await;
    too_early(send(&mut anew, text(&room, "after a new login")).await);

    let other_room = bob.create().await;
    for _ in 0..2 {
        send(&mut anew, text(&other_room, "elsewhere")).await.unwrap();
    }
    bob.join(&room).await;
    slow(&server, &room, None).await;
    send(&mut anew, text(&room, "over")).await.unwrap();
}

#[tokio::test]
async fn edits_and_recalls_need_no_turn_and_a_retry_is_one_message() {
    let server = Server::start("").await;
    let room = slow_room(&server, 3600).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let marked = |mark: &str| Send { dedupe: Some(mark.to_owned()), ..text(&room, mark) };
    let first = send(&mut ann, marked("a mark")).await.unwrap();
    assert_eq!(send(&mut ann, marked("a mark")).await.unwrap(), first, "the answer was lost");
    too_early(send(&mut ann, marked("another")).await);
    too_early(send(&mut ann, Send { transient: true, ..marked("a mark") }).await);
    for recall in [false, true] {
        let patch = PatchRequest {
            room: room.clone(),
            message: first.clone(),
            timestamp: 0,
            recall,
            body: (!recall).then(|| Body::Text("changed".to_owned())),
            mentions: Default::default(),
        };
        let answer = ann.ask(Command::Modify { patches: vec![patch] }).await;
        assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_refused_for_another_reason_costs_no_turn() {
    let server = Server::start("[limits]\nwills_per_session = 0").await;
    let room = slow_room(&server, 3600).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    // Refused when its turn was taken already.
    let will = Send { will: true, ..text(&room, "a will") };
    let refusal = send(&mut ann, will).await.unwrap_err();
    assert_eq!((refusal.code, refusal.app_code), (4116, None), "no wills are held here");
    let too_long = text(&room, &"x".repeat(6000));
    assert_eq!(send(&mut ann, too_long).await.unwrap_err().code, 4109);
    send(&mut ann, text(&room, "the first")).await.unwrap();
    too_early(send(&mut ann, text(&room, "the second")).await);
}

/// A thousand clients speak as often as they can: of each, what was accepted is so far apart, and each is heard.
#[tokio::test]
async fn of_a_thousand_speakers_none_is_faster() {
    const SPEAKERS: usize = 1000;
    const SECONDS: u32 = 2;
    // Two files for each: the client's socket and the server's.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let server = Server::start("[limits]\nhandshakes_per_second_per_address = 10000").await;
    let room = slow_room(&server, SECONDS).await;
    let mut talking = JoinSet::new();
    let (address, until) = (server.address, std::time::Instant::now() + std::time::Duration::from_secs(120));
    for n in 0..SPEAKERS {
        let room = room.clone();
        talking.spawn(async move {
            let (mut guest, _) = Guest::log_in(address, &format!("c{n}")).await;
            let (mut accepted, mut refused) = (0, 0);
            while accepted < 3 {
                assert!(std::time::Instant::now() < until, "c{n}: {accepted} accepted, {refused} refused");
                match send(&mut guest, text(&room, "me!")).await {
                    Ok(_) => accepted += 1,
                    Err(fault) => {
                        assert_eq!(fault.code, 4116, "{fault}");
                        refused += 1;
                        // Now and then, as a client in a hurry would.
                        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                    }
                }
            }
            (accepted, refused)
        });
    }
    let outcomes: Vec<(usize, usize)> = talking.join_all().await;
    let [accepted, refused] =
        outcomes.iter().fold([0, 0], |[all, others], (yes, no)| [all + yes, others + no]);
    assert_eq!(accepted, 3 * SPEAKERS);
    assert!(refused > SPEAKERS, "they were in a hurry: {refused} refused");
    assert_eq!(smallest_distances(&server, &room).await.len(), SPEAKERS);
}

/// For each sender, the least time between two of its messages; checked to be enough.
async fn smallest_distances(server: &Server, room: &RoomId) -> HashMap<String, i64> {
    let mut times: HashMap<String, Vec<Millis>> = HashMap::new();
    let all =
        HistoryQuery { older: None, newer: None, direction: Direction::New, limit: u32::MAX, lctype: None };
    for stored in server.node.store.history(&APP.into(), room, &all).await.unwrap() {
        times.entry(stored.from).or_default().push(stored.timestamp);
    }
    let least = |mut times: Vec<Millis>| {
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1].since(pair[0])).min().unwrap()
    };
    let distances: HashMap<_, _> = times.into_iter().map(|(who, times)| (who, least(times))).collect();
    for (who, distance) in &distances {
        assert!(*distance >= 2000, "{who}: {distance} ms");
    }
    distances
}
