//! What one client wrote.

use std::sync::Arc;

use grandstand::store::{Edit, NewMessage, Store, Writings, WritingsQuery};
use grandstand_protocol::{AppId, MessageId};
use grandstand_room::clock::Millis;

use crate::{Place, fixture::*};

fn by(author: &str, room: &str, id: &str) -> NewMessage {
    NewMessage { from: client(author), ..message(room, id) }
}

fn of_tom(room: Option<&str>) -> WritingsQuery {
    let (from, till) = (Millis(i64::MIN), Millis(i64::MAX));
    WritingsQuery { room: room.map(room_id), author: client("tom"), from, till, after: None, limit: 100 }
}

async fn find(store: &Arc<dyn Store>, query: &WritingsQuery) -> Writings {
    store.writings(&app(), query).await.unwrap()
}

fn ids(found: &Writings) -> Vec<&str> {
    found.found.iter().map(|writing| writing.message.as_str()).collect()
}

pub(crate) async fn are_found_newest_first(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    for (at, (author, room, id)) in [
        ("tom", "a", "a1"),
        ("ann", "a", "a2"),
        ("tom", "b", "b1"),
        ("tom", "a", "a3"),
        ("tom", "a", "a4"),
        ("ann", "a", "a5"),
    ]
    .into_iter()
    .enumerate()
    {
        append(&store, by(author, room, id), NOW.plus(at as i64 * SECOND)).await;
    }
    let old = grandstand::store::StoredMessage { from: "tom".to_owned(), ..imported("old", NOW.plus(-HOUR)) };
    store.import_messages(&app(), &room_id("a"), vec![old], NOW).await.unwrap();
    store.modify(&app(), &room_id("a"), &"a3".into(), None, Edit::Recall, NOW).await.unwrap();

    let in_a = find(&store, &of_tom(Some("a"))).await;
    assert_eq!((ids(&in_a), in_a.next), (vec!["a4", "a1", "old"], None), "but what is recalled");
    let newer: Vec<u64> = in_a.found.iter().map(|writing| writing.newer).collect();
    assert_eq!(newer, [1, 4, u64::MAX], "of five live ones");
    let in_all = find(&store, &of_tom(None)).await;
    assert_eq!(ids(&in_all), ["a4", "b1", "a1", "old"]);
    assert_eq!(in_all.found[1].room, room_id("b"));
    let span = WritingsQuery { from: NOW, till: NOW.plus(4 * SECOND - 1), ..of_tom(None) };
    assert_eq!(ids(&find(&store, &span).await), ["b1", "a1"], "both ends are included");
    let exact = WritingsQuery { from: NOW, till: NOW, ..of_tom(Some("a")) };
    assert_eq!(ids(&find(&store, &exact).await), ["a1"]);

    store.delete_room(&app(), &room_id("b")).await.unwrap();
    assert_eq!(
        ids(&find(&store, &of_tom(None)).await),
        ["a4", "a1", "old"],
        "its messages wait for the sweep"
    );
    assert_eq!(find(&store, &of_tom(Some("b"))).await, Writings::default());
    assert_eq!(store.writings(&AppId::from("other"), &of_tom(None)).await.unwrap(), Writings::default());
    assert_eq!(store.writings(&AppId::from("other"), &of_tom(Some("a"))).await.unwrap(), Writings::default());
    store.close().await.unwrap();
}

pub(crate) async fn are_found_in_steps(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    // All of one time, so that only their places tell them apart.
    for at in 0..20 {
        let room = ["a", "b"][at % 2];
        append(&store, by("tom", room, &format!("m{at}")), NOW).await;
    }
    for room in [None, Some("a")] {
        let whole = find(&store, &of_tom(room)).await;
        let mut query = WritingsQuery { limit: 3, ..of_tom(room) };
        let mut stepped: Vec<MessageId> = Vec::new();
        loop {
            let step = find(&store, &query).await;
            assert!(step.found.len() <= 3);
            stepped.extend(step.found.into_iter().map(|writing| writing.message));
            query.after = step.next;
            if query.after.is_none() {
                break;
            }
        }
        let whole: Vec<MessageId> = whole.found.into_iter().map(|writing| writing.message).collect();
        assert_eq!(stepped, whole);
        assert_eq!(whole.len(), if room.is_some() { 10 } else { 20 });
    }
    // Among many of others, a step ends without a find, and the search goes on.
    let many = (0..25_000).map(|n| imported(&format!("i{n}"), NOW.plus(-HOUR - n))).collect();
    store.import_messages(&app(), &room_id("a"), many, NOW).await.unwrap();
    let mut query = WritingsQuery { till: NOW.plus(-1), ..of_tom(Some("a")) };
    let first = find(&store, &query).await;
    assert!(first.found.is_empty() && first.next.is_some(), "{first:?}");
    query.after = first.next;
    assert_eq!(find(&store, &query).await, Writings::default());
    store.close().await.unwrap();
}
