//! Numbers, times, retries, content, isolation.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::join_all;
use grandstand::store::{AppendError, Appended, NewMessage};
use grandstand_protocol::{AppId, Body, Level, Mentions, MessageId};
use grandstand_room::switches::OneRoomPer;

use crate::{Place, fixture::*};

pub(crate) async fn numbers_have_no_gaps_under_concurrency(place: &dyn Place) {
    const ROOMS: usize = 3;
    const EACH: usize = 120;
    let store = place.open().await;
    make_rooms(&store, &["room 0", "room 1", "room 2"]).await;
    let appends = (0..ROOMS * EACH).map(|n| {
        let (store, room) = (&store, format!("room {}", n % ROOMS));
        async move { append(store, message(&room, &format!("{n}")), NOW.plus(n as i64 % 7)).await }
    });
    let stamps = join_all(appends).await;
    for room in 0..ROOMS {
        let numbers: BTreeSet<_> = stamps
            .iter()
            .enumerate()
            .filter(|(n, _)| n % ROOMS == room)
            .map(|(_, stamp)| stamp.number)
            .collect();
        assert_eq!(numbers, (1..=EACH as u64).collect(), "room {room}");
        let history = everything(&store, &app(), &format!("room {room}")).await;
        assert!(
            history.iter().map(|message| message.number).eq(1..=EACH as i64),
            "history in order of numbers"
        );
        assert!(history.is_sorted_by_key(|message| message.timestamp), "times never decrease");
    }
    store.close().await.unwrap();
}

pub(crate) async fn timestamps_never_decrease(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    assert_eq!(append(&store, message("room", "a"), NOW).await.timestamp, NOW);
    assert_eq!(
        append(&store, message("room", "b"), NOW.plus(-HOUR)).await.timestamp,
        NOW,
        "the clock went back"
    );
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(
        append(&store, message("room", "c"), NOW.plus(-HOUR)).await.timestamp,
        NOW,
        "and the node restarted"
    );
    assert_eq!(append(&store, message("room", "d"), NOW.plus(1)).await.timestamp, NOW.plus(1));
    store.close().await.unwrap();
}

pub(crate) async fn needs_a_room(place: &dyn Place) {
    let store = place.open().await;
    let refused = store.append(message("nowhere", "a"), NOW).await;
    assert!(matches!(refused, Err(AppendError::NoRoom)), "{refused:?}");
    let refused = store.claim(claim("ann", 1, "nowhere"), OneRoomPer::Client, NOW).await;
    assert!(matches!(refused, Err(AppendError::NoRoom)), "{refused:?}");
    let refused = store.import_messages(&app(), &room_id("nowhere"), vec![imported("a", NOW)], NOW).await;
    assert!(matches!(refused, Err(AppendError::NoRoom)), "{refused:?}");
    store.close().await.unwrap();
}

fn marked(room: &str, id: &str, mark: &str) -> NewMessage {
    NewMessage { dedupe: Some(mark.to_owned()), ..message(room, id) }
}

pub(crate) async fn a_retry_gets_the_first_outcome(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    let other_app = AppId::from("other app");
    store.create_room(&other_app, room("room")).await.unwrap();
    append(&store, marked("room", "a", "mark"), NOW).await;

    let first = Appended::Duplicate { id: MessageId::from("a"), timestamp: NOW };
    for retry in [marked("room", "b", "mark"), marked("other room", "c", "mark")] {
        assert_eq!(store.append(retry, NOW.plus(SECOND)).await.unwrap(), first);
    }
    let fresh = [
        marked("room", "d", "other mark"),
        NewMessage { from: client("other sender"), ..marked("room", "e", "mark") },
        NewMessage { app: other_app, ..marked("room", "f", "mark") },
    ];
    for message in fresh {
        append(&store, message, NOW.plus(SECOND)).await;
    }
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["a", "d", "e"]);
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(
        store.append(marked("room", "g", "mark"), NOW.plus(MINUTE)).await.unwrap(),
        first,
        "after a restart"
    );
    store.close().await.unwrap();
}

pub(crate) async fn a_mark_is_free_after_thirty_minutes(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, marked("room", "a", "mark"), NOW).await;
    for later in [-HOUR, 30 * MINUTE - 1] {
        let retry = store.append(marked("room", "b", "mark"), NOW.plus(later)).await.unwrap();
        assert!(matches!(retry, Appended::Duplicate { .. }), "{later} ms later");
    }
    let again = NOW.plus(30 * MINUTE + 1);
    append(&store, marked("room", "c", "mark"), again).await;
    let second = Appended::Duplicate { id: MessageId::from("c"), timestamp: again };
    assert_eq!(store.append(marked("room", "d", "mark"), again.plus(MINUTE)).await.unwrap(), second);
    store.close().await.unwrap();
}

pub(crate) async fn racing_retries_store_once(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let tries = (0..40).map(|n| store.append(marked("room", &format!("try {n}"), "mark"), NOW));
    let outcomes: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let stored = everything(&store, &app(), "room").await;
    assert_eq!(stored.len(), 1);
    let first = Appended::Duplicate { id: stored[0].id.clone(), timestamp: NOW };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == first).count(), 39);
    store.close().await.unwrap();
}

pub(crate) async fn content_comes_back(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let bodies = [
        Body::Text(String::new()),
        Body::Text("quote ' \" \\ and newline \n, 弹幕 🎉".to_owned()),
        Body::Text("x".repeat(5 * 1024)),
        Body::Binary(Bytes::new()),
        Body::Binary(Bytes::from_static(b"\x00\xff' not text")),
    ];
    let levels = [Level::High, Level::Normal, Level::Low];
    let addresses = [None, Some("192.0.2.7".parse().unwrap()), Some("2001:db8::1".parse().unwrap())];
    let audiences = [None, Some(vec![client("it's \"me\""), client("ann")])];
    let mut sent = Vec::new();
    for (n, body) in bodies.into_iter().enumerate() {
        let mentions = Mentions { all: n % 2 == 0, clients: vec!["it's \"me\"".to_owned(); n % 3] };
        let lctype = (n % 2 == 1).then_some(-(n as i32));
        let message = NewMessage {
            level: levels[n % 3],
            body,
            mentions,
            lctype,
            address: addresses[n % 3],
            audience: audiences[n % 2].clone(),
            ..message("room", &format!("id {n}"))
        };
        append(&store, message.clone(), NOW).await;
        sent.push(message);
    }
    for (n, (sent, stored)) in sent.iter().zip(everything(&store, &app(), "room").await).enumerate() {
        assert_eq!(stored.number, n as i64 + 1);
        assert_eq!((&stored.id, &stored.from, stored.timestamp), (&sent.id, &"sender".to_owned(), NOW));
        assert_eq!((stored.session, stored.level, &stored.body), (sent.session, sent.level, &sent.body));
        assert_eq!((&stored.mentions, stored.lctype), (&sent.mentions, sent.lctype));
        assert_eq!(stored.audience, sent.audience);
        assert_eq!((stored.patched_at, stored.recalled, stored.address), (None, false, sent.address));
        assert_eq!(store.message(&app(), &room_id("room"), &sent.id).await.unwrap(), Some(stored));
    }
    assert_eq!(store.message(&app(), &room_id("room"), &MessageId::from("unknown")).await.unwrap(), None);
    store.close().await.unwrap();
}

pub(crate) async fn apps_are_apart(place: &dyn Place) {
    let store = place.open().await;
    let other = AppId::from("other");
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "only here"), NOW).await;
    enter(&store, "ann", 1, "room").await;
    assert_eq!(store.room(&other, &room_id("room")).await.unwrap(), None);

    store.create_room(&other, room("room")).await.unwrap();
    assert_eq!(everything(&store, &other, "room").await, []);
    assert_eq!(store.message(&other, &room_id("room"), &MessageId::from("only here")).await.unwrap(), None);
    assert_eq!(store.sessions(&other, &client("ann")).await.unwrap(), []);
    assert!(!store.leave(&other, grandstand_room::session::SessionId(1), &room_id("room")).await.unwrap());

    let twin = NewMessage { app: other.clone(), ..message("room", "only here") };
    assert_eq!(append(&store, twin, NOW).await.number, 1, "numbers and ids of their own");
    assert!(store.delete_room(&other, &room_id("room")).await.unwrap());
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["only here"]);
    assert_eq!(places(&store, "ann").await, [(1, Some("room".to_owned()))]);
    store.close().await.unwrap();
}

pub(crate) async fn numbers_go_on_after_a_restart(place: &dyn Place) {
    for life in 0..3_u64 {
        let store = place.open().await;
        if life == 0 {
            make_rooms(&store, &["room"]).await;
        }
        for n in 1..=5 {
            let stamp = append(&store, message("room", &format!("{life} {n}")), NOW).await;
            assert_eq!(stamp.number, life * 5 + n);
        }
        store.close().await.unwrap();
        assert!(store.append(message("room", "late"), NOW).await.is_err(), "a closed store refuses");
        assert!(store.room(&app(), &room_id("room")).await.is_err());
    }
}

/// An id that is there already cannot be stored again; what was written at the same time is.
pub(crate) async fn a_failed_append_harms_no_other(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "taken"), NOW).await;
    let appends = (0..60).map(|n| {
        let id = if n % 10 == 5 { "taken".to_owned() } else { format!("{n}") };
        store.append(message("room", &id), NOW)
    });
    let outcomes = join_all(appends).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 6);
    let numbers: Vec<_> =
        everything(&store, &app(), "room").await.into_iter().map(|message| message.number).collect();
    assert!(numbers.into_iter().eq(1..=55), "no gap where one failed");
    store.close().await.unwrap();
}
