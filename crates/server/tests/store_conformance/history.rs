//! Pages of history, imported messages among live ones.

use std::sync::Arc;

use grandstand::store::{Imported, NewMessage, Store, StoredMessage};
use grandstand_protocol::{Direction, MessageId};
use grandstand_room::{
    clock::Millis,
    history::{Edge, HistoryQuery, Place as Spot, select},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::{Place, fixture::*};

/// One step of filling a room: a live message after some milliseconds, or imported ones of any time.
#[derive(Debug, Clone)]
enum Step {
    Live { pause: i64, lctype: Option<i32> },
    Import(Vec<(i64, Option<i32>)>),
}

fn lctype() -> impl Strategy<Value = Option<i32>> {
    prop_oneof![Just(None), Just(Some(-1)), Just(Some(-2)), Just(Some(7))]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few milliseconds for many messages: equal times are what goes wrong.
    let live = (0..3_i64, lctype()).prop_map(|(pause, lctype)| Step::Live { pause, lctype });
    let import = prop::collection::vec((-5..25_i64, lctype()), 1..6).prop_map(Step::Import);
    prop::collection::vec(prop_oneof![3 => live, 1 => import], 0..30)
}

fn edge(room: &str, messages: usize) -> impl Strategy<Value = Option<Edge>> {
    let timestamp = prop::option::of((-8..28_i64).prop_map(|time| NOW.plus(time)));
    let room = room.to_owned();
    // One index beyond the last stands for an id that nobody knows.
    let message = prop::option::of((0..=messages).prop_map(move |n| id(&room, n)));
    let edge = (timestamp, message, any::<bool>());
    prop::option::of(edge.prop_map(|(timestamp, message, included)| Edge { timestamp, message, included }))
}

fn queries(room: &str, messages: usize) -> impl Strategy<Value = Vec<HistoryQuery>> {
    let direction = prop_oneof![Just(Direction::Old), Just(Direction::New)];
    let wanted = prop_oneof![3 => Just(None), 1 => lctype()];
    let query = (edge(room, messages), edge(room, messages), direction, 0..12_u32, wanted).prop_map(
        |(older, newer, direction, limit, lctype)| HistoryQuery { older, newer, direction, limit, lctype },
    );
    prop::collection::vec(query, 40)
}

fn id(room: &str, n: usize) -> MessageId {
    MessageId::from(format!("{room} {n}"))
}

async fn fill(store: &Arc<dyn Store>, room: &str, steps: &[Step]) -> usize {
    let (mut now, mut count) = (NOW, 0);
    for step in steps {
        match step {
            Step::Live { pause, lctype } => {
                now = now.plus(*pause);
                let message = NewMessage { lctype: *lctype, ..message(room, id(room, count).as_str()) };
                append(store, message, now).await;
                count += 1;
            }
            Step::Import(batch) => {
                let messages: Vec<_> = batch
                    .iter()
                    .enumerate()
                    .map(|(n, (time, lctype))| StoredMessage {
                        lctype: *lctype,
                        ..imported(id(room, count + n).as_str(), NOW.plus(*time))
                    })
                    .collect();
                count += messages.len();
                store.import_messages(&app(), &room_id(room), messages, now).await.unwrap();
            }
        }
    }
    count
}

pub(crate) async fn pages_equal_the_model(place: &dyn Place) {
    let store = place.open().await;
    let mut runner = TestRunner::new(Config::default());
    for round in 0..24 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let name = format!("room {round}");
        make_rooms(&store, &[&name]).await;
        let count = fill(&store, &name, &steps).await;
        let all = everything(&store, &app(), &name).await;
        assert_eq!(all.len(), count);
        let spots: Vec<_> = all
            .iter()
            .map(|message| Spot {
                timestamp: message.timestamp,
                number: message.number,
                id: message.id.clone(),
                lctype: message.lctype,
            })
            .collect();
        for query in queries(&name, count).new_tree(&mut runner).unwrap().current() {
            let page = store.history(&app(), &room_id(&name), &query).await.unwrap();
            let expected: Vec<_> = select(&spots, &query).into_iter().map(|spot| spot.id.as_str()).collect();
            assert_eq!(ids(&page), expected, "{query:?} of {steps:?}");
        }
    }
    store.close().await.unwrap();
}

pub(crate) async fn import_keeps_order_ids_and_places(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "live 1"), NOW).await;
    let batch = [("old", NOW.plus(-DAY)), ("twin 1", NOW), ("twin 2", NOW), ("later", NOW.plus(5))];
    let messages = batch.map(|(id, time)| imported(id, time)).to_vec();
    let outcome = store.import_messages(&app(), &room_id("room"), messages, NOW).await.unwrap();
    assert_eq!(outcome, Imported { stored: 4, known: 0 });
    let more = vec![imported("twin 3", NOW)];
    store.import_messages(&app(), &room_id("room"), more, NOW).await.unwrap();
    let stamp = append(&store, message("room", "live 2"), NOW.plus(10)).await;
    assert_eq!(stamp.number, 2, "imported messages take no live numbers");

    let all = everything(&store, &app(), "room").await;
    assert_eq!(ids(&all), ["old", "twin 1", "twin 2", "twin 3", "live 1", "later", "live 2"]);
    assert!(all.is_sorted_by_key(|message| (message.timestamp, message.number)), "one order for all");
    assert!(all.iter().all(|message| (message.number > 0) == message.id.as_str().starts_with("live")));
    let found = store.message(&app(), &room_id("room"), &MessageId::from("old")).await.unwrap().unwrap();
    assert_eq!(found, StoredMessage { number: found.number, ..imported("old", NOW.plus(-DAY)) });
    store.close().await.unwrap();
}

pub(crate) async fn known_ids_are_left_alone(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    append(&store, message("room", "live"), NOW).await;
    let batch = vec![imported("live", NOW.plus(-DAY)), imported("a", NOW), imported("a", NOW.plus(1))];
    let outcome = store.import_messages(&app(), &room_id("room"), batch.clone(), NOW).await.unwrap();
    assert_eq!(outcome, Imported { stored: 1, known: 2 });
    let outcome = store.import_messages(&app(), &room_id("other room"), batch, NOW).await.unwrap();
    assert_eq!(outcome, Imported { stored: 0, known: 3 }, "ids are unique in the app");
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["a", "live"]);
    store.close().await.unwrap();
}

pub(crate) async fn an_unknown_room_is_empty(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(everything(&store, &app(), "nowhere").await, []);
    assert_eq!(store.range(&app(), &room_id("nowhere"), 1, 9).await.unwrap(), []);
    assert_eq!(store.patches(&app(), &room_id("nowhere"), Millis(0), 9).await.unwrap(), []);
    store.close().await.unwrap();
}
