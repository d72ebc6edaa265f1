//! What live sessions confirmed, and what a crash leaves of it.

use std::sync::Arc;

use grandstand::store::{Position, Store};
use grandstand_room::session::SessionId;

use crate::{Place, fixture::*};

async fn note(store: &Arc<dyn Store>, session: u128, epoch: u64, number: u64) {
    let position = Position { app: app(), session: SessionId(session), epoch, number };
    store.note_positions(vec![position]).await.unwrap();
}

/// Closes as a crash would, and opens again.
async fn crash(place: &dyn Place, store: Arc<dyn Store>) -> Arc<dyn Store> {
    store.beat(&node(), NOW).await.unwrap();
    store.close().await.unwrap();
    let store = place.open().await;
    store.recover(&node(), NOW.plus(MINUTE)).await.unwrap();
    store
}

async fn gap(store: &Arc<dyn Store>, name: &str, session: u128, room: &str) -> Option<u64> {
    let claim = claim(name, session, room);
    let resumed = store.resume(SessionId(session), claim, false, NOW.plus(MINUTE)).await.unwrap();
    resumed.map(|resumed| resumed.gap)
}

async fn with_messages(place: &dyn Place) -> Arc<dyn Store> {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    for n in 0..10 {
        append(&store, high("a", &format!("{n}")), NOW).await;
    }
    store
}

pub(crate) async fn gaps_begin_behind_them_after_a_crash(place: &dyn Place) {
    let store = with_messages(place).await;
    let ann = enter(&store, "ann", 1, "a").await.epoch;
    enter(&store, "bob", 2, "a").await;
    let cid = enter(&store, "cid", 3, "a").await.epoch;
    for n in 10..20 {
        append(&store, high("a", &format!("{n}")), NOW).await;
    }
    note(&store, 1, ann, 17).await;
    note(&store, 3, cid, 12).await;
    store.drop_session(&app(), SessionId(3), None, Some(cid), NOW).await.unwrap();
    let store = crash(place, store).await;
    assert_eq!(gap(&store, "ann", 1, "a").await, Some(17));
    assert_eq!(gap(&store, "bob", 2, "a").await, Some(10), "nothing confirmed since it came");
    assert_eq!(gap(&store, "cid", 3, "a").await, Some(12), "a drop that knew no better");
    store.close().await.unwrap();
}

pub(crate) async fn never_go_back(place: &dyn Place) {
    let store = with_messages(place).await;
    let epoch = enter(&store, "ann", 1, "a").await.epoch;
    for number in [12, 15, 14] {
        note(&store, 1, epoch, number).await;
    }
    let store = crash(place, store).await;
    assert_eq!(gap(&store, "ann", 1, "a").await, Some(15));
    store.close().await.unwrap();
}

/// Numbers of another room, or of a session that is gone, say nothing.
pub(crate) async fn are_of_a_stay(place: &dyn Place) {
    let store = with_messages(place).await;
    let first = enter(&store, "ann", 1, "a").await.epoch;
    note(&store, 1, first, 10).await;
    let second = enter(&store, "ann", 1, "b").await.epoch;
    note(&store, 1, first, 11).await;
    // Told when it had dropped already, with what it knew then.
    let bob = enter(&store, "bob", 2, "a").await.epoch;
    store.drop_session(&app(), SessionId(2), Some(10), Some(bob), NOW).await.unwrap();
    note(&store, 2, bob, 14).await;
    let cid = enter(&store, "cid", 3, "b").await.epoch;
    store.end_session(&app(), SessionId(3)).await.unwrap();
    note(&store, 3, cid, 4).await;
    let store = crash(place, store).await;
    assert_eq!(gap(&store, "ann", 1, "b").await, Some(0));
    assert_eq!(gap(&store, "bob", 2, "a").await, Some(10));

    // The record was gone, and with it the position: the same numbers begin anew.
    enter(&store, "cid", 3, "b").await;
    let store = crash(place, store).await;
    assert_eq!(gap(&store, "cid", 3, "b").await, Some(0));
    assert!(second > first);
    store.close().await.unwrap();
}

/// A client that joins the room where it is has not got what was on its way.
pub(crate) async fn a_second_join_keeps_the_gap(place: &dyn Place) {
    let store = with_messages(place).await;
    let first = enter(&store, "ann", 1, "a").await.epoch;
    enter(&store, "bob", 2, "a").await;
    for n in 10..20 {
        append(&store, high("a", &format!("{n}")), NOW).await;
    }
    note(&store, 1, first, 13).await;
    for (name, session) in [("ann", 1), ("bob", 2)] {
        enter(&store, name, session, "a").await;
    }
    let store = crash(place, store).await;
    assert_eq!(gap(&store, "ann", 1, "a").await, Some(13));
    assert_eq!(gap(&store, "bob", 2, "a").await, Some(10));
    store.close().await.unwrap();
}
