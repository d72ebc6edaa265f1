//! History over all rooms of an app.

use std::collections::BTreeSet;

use grandstand::store::{NewMessage, StoredMessage};
use grandstand_protocol::{AppId, Direction, MessageId, RoomId};
use grandstand_room::history::{Edge, HistoryQuery, Place as Spot, select};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::{Place, fixture::*};

const ROOMS: [&str; 3] = ["a", "b", "c"];
const SENDERS: [&str; 2] = ["ann", "bob"];
const MESSAGES: usize = 60;

/// Which room, which sender, how long after the last, whether it was imported.
fn sent() -> impl Strategy<Value = Vec<(usize, usize, i64, bool)>> {
    // Few milliseconds for many messages: equal times are what goes wrong.
    prop::collection::vec((0..3_usize, 0..2_usize, 0..2_i64, prop::bool::weighted(0.2)), MESSAGES)
}

fn query() -> impl Strategy<Value = HistoryQuery> {
    let timestamp = prop::option::of((-3..40_i64).prop_map(|time| NOW.plus(time)));
    // One index beyond the last stands for an id that nobody knows.
    let message = prop::option::of((0..=MESSAGES).prop_map(id));
    let edge = (timestamp, message, any::<bool>());
    let edge = edge.prop_map(|(timestamp, message, included)| Edge { timestamp, message, included }).boxed();
    let direction = prop_oneof![Just(Direction::Old), Just(Direction::New)];
    let lctype = prop_oneof![3 => Just(None), 1 => Just(Some(7))];
    (prop::option::of(edge.clone()), prop::option::of(edge), direction, 0..12_u32, lctype).prop_map(
        |(older, newer, direction, limit, lctype)| HistoryQuery { older, newer, direction, limit, lctype },
    )
}

fn id(n: usize) -> MessageId {
    MessageId::from(format!("message {n}"))
}

pub(crate) async fn pages_equal_the_model(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &ROOMS).await;
    let mut runner = TestRunner::new(Config::default());
    let mut now = NOW;
    for (n, (room, from, pause, import)) in
        sent().new_tree(&mut runner).unwrap().current().into_iter().enumerate()
    {
        now = now.plus(pause);
        let lctype = (n % 5 == 0).then_some(7);
        if import {
            let old = imported(id(n).as_str(), now);
            let old = StoredMessage { from: SENDERS[from].to_owned(), lctype, ..old };
            store.import_messages(&app(), &room_id(ROOMS[room]), vec![old], now).await.unwrap();
        } else {
            let from = client(SENDERS[from]);
            append(&store, NewMessage { from, lctype, ..message(ROOMS[room], id(n).as_str()) }, now).await;
        }
    }
    for sender in [None, Some(client("ann")), Some(client("bob")), Some(client("nobody"))] {
        let all = store.history_of_app(&app(), sender.as_ref(), &all()).await.unwrap();
        assert!(all.is_sorted_by_key(|(_, message)| message.timestamp));
        for (room, message) in &all {
            assert_eq!(store.message(&app(), room, &message.id).await.unwrap().as_ref(), Some(message));
            assert!(sender.as_ref().is_none_or(|sender| message.from == sender.as_str()));
        }
        for room in ROOMS {
            let here = all.iter().filter(|(at, _)| *at == room_id(room)).map(|(_, message)| message);
            assert!(here.is_sorted_by_key(|message| (message.timestamp, message.number)), "{room}");
        }
        // A page cuts from this order; a bound may name a message that is not in it.
        let whole = store.history_of_app(&app(), None, &crate::fixture::all()).await.unwrap();
        let spot = |(number, (_, message)): (usize, &(RoomId, StoredMessage))| Spot {
            timestamp: message.timestamp,
            number: number as i64,
            id: message.id.clone(),
            lctype: message.lctype,
        };
        let spots: Vec<_> = whole.iter().enumerate().map(spot).collect();
        let of_sender: BTreeSet<_> = ids_of_app(&all).into_iter().collect();
        for _ in 0..200 {
            let query = query().new_tree(&mut runner).unwrap().current();
            let page = store.history_of_app(&app(), sender.as_ref(), &query).await.unwrap();
            let unlimited = HistoryQuery { limit: u32::MAX, ..query.clone() };
            let mut expected: Vec<_> =
                select(&spots, &unlimited).into_iter().map(|spot| spot.id.as_str()).collect();
            expected.retain(|id| of_sender.contains(id));
            let limit = query.limit as usize;
            match query.direction {
                Direction::Old => drop(expected.drain(..expected.len().saturating_sub(limit))),
                Direction::New => expected.truncate(limit),
            }
            assert_eq!(ids_of_app(&page), expected, "{query:?} of {sender:?}");
        }
    }
    store.close().await.unwrap();
}

pub(crate) async fn holds_what_is_of_the_app_and_the_sender(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    let other = AppId::from("other");
    store.create_room(&other, room("a")).await.unwrap();
    append(&store, message("a", "1"), NOW).await;
    append(&store, message("b", "2"), NOW.plus(1)).await;
    append(&store, NewMessage { from: client("bob"), ..message("b", "3") }, NOW.plus(2)).await;
    append(&store, NewMessage { app: other.clone(), ..message("a", "4") }, NOW).await;
    let found = async |app: &AppId, sender: Option<&str>| {
        let sender = sender.map(client);
        let found = store.history_of_app(app, sender.as_ref(), &all()).await.unwrap();
        found.iter().map(|(_, message)| message.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(&app(), None).await, ["1", "2", "3"]);
    assert_eq!(found(&app(), Some("sender")).await, ["1", "2"]);
    assert_eq!(found(&app(), Some("bob")).await, ["3"]);
    assert_eq!(found(&other, None).await, ["4"]);
    assert!(found(&AppId::from("unknown"), None).await.is_empty());
    store.delete_room(&app(), &room_id("b")).await.unwrap();
    assert_eq!(found(&app(), None).await, ["1"], "messages of a removed room are gone");
    assert!(found(&app(), Some("bob")).await.is_empty());
    store.close().await.unwrap();
}
