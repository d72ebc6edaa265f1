//! What goes when its time is over, and what stays.

use std::sync::Arc;

use grandstand::store::{Held, Keeps, NewMessage, Retention, Store, Swept};
use grandstand_protocol::{AppId, RoomId};
use grandstand_room::{attributes::AttributeUpdate, clock::Millis, room::Room, session::SessionId};

use crate::{Place, fixture::*};

pub(crate) const RETENTION: Retention = Retention {
    messages: 180 * DAY,
    rooms: 180 * DAY,
    sessions: 30 * MINUTE,
    audit: 30 * DAY,
    audit_entries: 1000,
    evidence: Keeps { originals: 30 * DAY, addresses: 90 * DAY },
};

/// Messages for a short time, rooms for ever.
const ROOMS_STAY: Retention = Retention {
    messages: 10 * DAY,
    rooms: 100_000 * DAY,
    sessions: 30 * MINUTE,
    audit: 30 * DAY,
    audit_entries: 1000,
    evidence: Keeps { originals: 30 * DAY, addresses: 90 * DAY },
};

/// Slices until there is nothing more to do; what they did together.
async fn sweep(store: &Arc<dyn Store>, retention: &Retention, now: Millis) -> Swept {
    let mut total = Swept::default();
    for _ in 0..1000 {
        let slice = store.sweep(retention, now).await.unwrap();
        total.messages += slice.messages;
        total.sessions += slice.sessions;
        total.rooms.extend(slice.rooms);
        total.left.extend(slice.left);
        if !slice.more {
            return total;
        }
    }
    panic!("a sweep without end");
}

pub(crate) async fn expired_messages_go(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    for day in 0..20 {
        for room in ["a", "b"] {
            append(&store, message(room, &format!("{room} {day}")), NOW.plus(day * DAY)).await;
        }
    }
    let swept = sweep(&store, &ROOMS_STAY, NOW.plus(15 * DAY)).await;
    assert_eq!((swept.messages, swept.rooms), (10, vec![]), "older than ten days: 0 to 4 of each room");
    for room in ["a", "b"] {
        let left = everything(&store, &app(), room).await;
        assert_eq!((left.len(), left[0].timestamp), (15, NOW.plus(5 * DAY)), "exactly ten days old stays");
    }
    assert_eq!(sweep(&store, &ROOMS_STAY, NOW.plus(15 * DAY)).await, Swept::default());
    store.close().await.unwrap();
}

pub(crate) async fn imported_messages_count_from_import(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let old = vec![imported("ancient", NOW.plus(-500 * DAY)), imported("yesterday", NOW.plus(-DAY))];
    store.import_messages(&app(), &room_id("room"), old, NOW).await.unwrap();
    append(&store, message("room", "live"), NOW.plus(SECOND)).await;
    assert_eq!(sweep(&store, &ROOMS_STAY, NOW.plus(10 * DAY)).await, Swept::default());
    let swept = sweep(&store, &ROOMS_STAY, NOW.plus(10 * DAY + 1)).await;
    assert_eq!(swept.messages, 2);
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["live"]);
    store.close().await.unwrap();
}

pub(crate) async fn idle_rooms_go(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["idle", "spoken"]).await;
    let other = AppId::from("other");
    store.create_room(&other, room("idle, too")).await.unwrap();
    append(&store, message("spoken", "a"), NOW.plus(DAY)).await;
    enter(&store, "ann", 1, "idle").await;
    assert_eq!(sweep(&store, &RETENTION, NOW.plus(180 * DAY)).await.rooms, []);

    let mut rooms = sweep(&store, &RETENTION, NOW.plus(180 * DAY + 1)).await.rooms;
    rooms.sort();
    assert_eq!(rooms, [(app(), room_id("idle")), (other.clone(), room_id("idle, too"))]);
    assert_eq!(store.room(&app(), &room_id("idle")).await.unwrap(), None);
    assert_eq!(places(&store, "ann").await, [], "its members are in no room");

    let swept = sweep(&store, &RETENTION, NOW.plus(181 * DAY + 1)).await;
    assert_eq!(swept.rooms, [(app(), room_id("spoken"))]);
    assert_eq!(everything(&store, &app(), "spoken").await, []);
    store.close().await.unwrap();
}

pub(crate) async fn active_rooms_stay(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["spoken", "changed", "filled"]).await;
    let late = NOW.plus(100 * DAY);
    append(&store, message("spoken", "a"), late).await;
    let update = AttributeUpdate::parse(r#"{"name": "new"}"#).unwrap();
    store.update_room(&app(), &room_id("changed"), &update, 1000, late).await.unwrap();
    store.import_messages(&app(), &room_id("filled"), vec![imported("b", late)], late).await.unwrap();
    let ancient = NOW.plus(-1000 * DAY);
    let old =
        Room { created_at: ancient, updated_at: ancient, last_message_at: Some(ancient), ..room("imported") };
    store.import_room(&app(), old, late).await.unwrap();

    assert_eq!(sweep(&store, &RETENTION, late.plus(180 * DAY)).await.rooms, []);
    let mut rooms: Vec<RoomId> = sweep(&store, &RETENTION, late.plus(180 * DAY + 1))
        .await
        .rooms
        .into_iter()
        .map(|(_, room)| room)
        .collect();
    rooms.sort();
    assert_eq!(rooms, ["changed", "filled", "imported", "spoken"].map(room_id));
    store.close().await.unwrap();
}

pub(crate) async fn dropped_sessions_go(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for (name, session) in [("ann", 1), ("bob", 2), ("cid", 3)] {
        enter(&store, name, session, "room").await;
    }
    let held = store.hold_will(will("ann", 1, message("room", "will")), 8, NOW).await.unwrap();
    assert_eq!(held, Held::Waiting);
    store.drop_session(&app(), SessionId(1), Some(0), None, NOW).await.unwrap();
    store.drop_session(&app(), SessionId(2), Some(0), None, NOW.plus(SECOND)).await.unwrap();
    assert_eq!(sweep(&store, &RETENTION, NOW.plus(30 * MINUTE)).await.sessions, 0);
    let swept = sweep(&store, &RETENTION, NOW.plus(30 * MINUTE + 1)).await;
    assert_eq!((swept.sessions, swept.left), (1, vec![(app(), room_id("room"), client("ann"))]));
    assert_eq!(records(&store, "ann").await, []);
    let back =
        store.resume(SessionId(1), claim("ann", 1, "room"), false, NOW.plus(31 * MINUTE)).await.unwrap();
    assert_eq!(back, None, "too late");
    assert_eq!(store.send_wills(&app(), dropped(1, NOW), NOW).await.unwrap(), [], "its will is gone, too");
    let back =
        store.resume(SessionId(2), claim("bob", 2, "room"), false, NOW.plus(30 * MINUTE)).await.unwrap();
    assert!(back.is_some(), "in time");
    assert_eq!(sweep(&store, &RETENTION, NOW.plus(DAY)).await.sessions, 0, "the others are live");
    store.close().await.unwrap();
}

/// What is swept of them ends no stay: the room was another login's since, or there is none any more.
pub(crate) async fn sessions_without_a_room_of_their_own_leave_none(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "gone"]).await;
    for (name, session, room) in [("ann", 1, "room"), ("bob", 2, "gone")] {
        enter(&store, name, session, room).await;
        let held = store.hold_will(will(name, session, message("room", name)), 8, NOW).await.unwrap();
        assert_eq!(held, Held::Waiting);
        store.drop_session(&app(), SessionId(session), Some(0), None, NOW).await.unwrap();
    }
    let taken = store.resume(SessionId(1), claim("ann", 11, "room"), true, NOW).await.unwrap();
    assert!(taken.is_some(), "another login has the room");
    assert!(store.delete_room(&app(), &room_id("gone")).await.unwrap());
    let swept = sweep(&store, &RETENTION, NOW.plus(30 * MINUTE + 1)).await;
    assert_eq!((swept.sessions, swept.left), (2, vec![]));
    store.close().await.unwrap();
}

pub(crate) async fn a_clock_that_jumps_back_expires_nothing(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let marked = |id: &str| NewMessage { dedupe: Some("mark".to_owned()), ..message("room", id) };
    append(&store, marked("a"), NOW).await;
    enter(&store, "ann", 1, "room").await;
    store.drop_session(&app(), SessionId(1), Some(1), None, NOW).await.unwrap();
    let back = NOW.plus(-1000 * DAY);
    assert_eq!(sweep(&store, &RETENTION, back).await, Swept::default());
    assert_eq!(records(&store, "ann").await.len(), 1);
    let retry = store.append(marked("b"), back).await.unwrap();
    assert!(matches!(retry, grandstand::store::Appended::Duplicate { .. }));
    store.close().await.unwrap();
}

/// One slice takes a part only, so that no writer waits long.
pub(crate) async fn slices_are_small(place: &dyn Place) {
    const BATCH: usize = 1000;
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for batch in 0..3 {
        let messages = (0..BATCH).map(|n| imported(&format!("{batch} {n}"), NOW)).collect();
        store.import_messages(&app(), &room_id("room"), messages, NOW).await.unwrap();
    }
    let later = NOW.plus(11 * DAY);
    let first = store.sweep(&ROOMS_STAY, later).await.unwrap();
    assert!(first.more && (1..=1000).contains(&first.messages), "{first:?}");
    assert_eq!(sweep(&store, &ROOMS_STAY, later).await.messages, 3000 - first.messages);

    // The messages of a removed room go the same way, and do not stand in anyone's way meanwhile.
    let messages = (0..2 * BATCH).map(|n| imported(&format!("{n}"), later)).collect();
    store.import_messages(&app(), &room_id("room"), messages, later).await.unwrap();
    store.delete_room(&app(), &room_id("room")).await.unwrap();
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "new"), later).await;
    sweep(&store, &ROOMS_STAY, later).await;
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["new"]);
    store.close().await.unwrap();
}

pub(crate) async fn an_emptied_room_counts_on(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for n in 1..=3 {
        append(&store, message("room", &format!("{n}")), NOW).await;
    }
    assert_eq!(sweep(&store, &ROOMS_STAY, NOW.plus(11 * DAY)).await.messages, 3);
    assert_eq!(everything(&store, &app(), "room").await, []);
    store.close().await.unwrap();

    let store = place.open().await;
    let stamp = append(&store, message("room", "4"), NOW).await;
    assert_eq!((stamp.number, stamp.timestamp), (4, NOW), "the number goes on");
    assert_eq!(sweep(&store, &ROOMS_STAY, NOW.plus(22 * DAY)).await.messages, 1);
    store.close().await.unwrap();
}
