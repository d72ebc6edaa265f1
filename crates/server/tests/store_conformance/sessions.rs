//! Claims, epochs, drops, returns, crashes.

use std::sync::Arc;

use futures_util::future::join_all;
use grandstand::store::{Claim, Claimed, Held, LiveSession, NodeId, Resumed, SessionRecord, Store};
use grandstand_protocol::AppId;
use grandstand_room::{clock::Millis, session::SessionId, switches::OneRoomPer};

use crate::{Place, fixture::*};

fn in_room(room: &str) -> Option<String> {
    Some(room.to_owned())
}

async fn drop_at(store: &Arc<dyn Store>, session: u128, confirmed: Option<u64>, at: Millis) {
    store.drop_session(&app(), SessionId(session), confirmed, None, at).await.unwrap();
}

async fn resume(store: &Arc<dyn Store>, session: u128, room: &str) -> Option<Resumed> {
    store.resume(SessionId(session), claim("ann", session, room), false, NOW.plus(MINUTE)).await.unwrap()
}

async fn hold(store: &Arc<dyn Store>, name: &str, session: u128) {
    let will = will(name, session, message("a", &format!("will {session}")));
    assert_eq!(store.hold_will(will, 8, NOW).await.unwrap(), Held::Waiting);
}

pub(crate) async fn a_claim_moves_the_whole_client(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b", "c"]).await;
    append(&store, message("b", "first"), NOW).await;
    assert_eq!(enter(&store, "ann", 1, "a").await.former, []);
    assert_eq!(enter(&store, "ann", 2, "a").await.former, [], "two sessions may be in one room");
    enter(&store, "bob", 3, "a").await;
    drop_at(&store, 2, None, NOW).await;

    let Claimed { head, former, .. } = enter(&store, "ann", 4, "b").await;
    assert_eq!((head, former), (1, vec![room_id("a")]), "the dropped session left, too");
    assert_eq!(places(&store, "ann").await, [(4, in_room("b"))]);
    assert_eq!(places(&store, "bob").await, [(3, in_room("a"))], "another client stays");

    let Claimed { former, .. } = enter(&store, "ann", 4, "c").await;
    assert_eq!(former, [room_id("b")]);
    assert_eq!(enter(&store, "ann", 4, "c").await.former, [], "it is there already");
    assert_eq!(places(&store, "ann").await, [(4, in_room("c"))]);
    store.close().await.unwrap();
}

pub(crate) async fn a_claim_can_move_one_session(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    enter(&store, "ann", 1, "a").await;
    let moved = store.claim(claim("ann", 2, "b"), OneRoomPer::Session, NOW).await.unwrap();
    assert_eq!(moved.former, []);
    assert_eq!(places(&store, "ann").await, [(1, in_room("a")), (2, in_room("b"))]);
    let moved = store.claim(claim("ann", 2, "a"), OneRoomPer::Session, NOW).await.unwrap();
    assert_eq!(moved.former, [room_id("b")]);
    assert_eq!(places(&store, "ann").await, [(1, in_room("a")), (2, in_room("a"))]);
    store.close().await.unwrap();
}

pub(crate) async fn epochs_rise(place: &dyn Place) {
    let mut last = 0;
    for life in 0..3 {
        let store = place.open().await;
        if life == 0 {
            make_rooms(&store, &["a", "b"]).await;
        }
        for room in ["a", "b", "b"] {
            let epoch = enter(&store, "ann", 1, room).await.epoch;
            assert!(epoch > last, "{epoch} after {last}");
            last = epoch;
        }
        // Also when nothing is left to remember.
        assert!(store.leave(&app(), SessionId(1), &room_id("b")).await.unwrap());
        store.close().await.unwrap();
    }
}

pub(crate) async fn racing_claims_end_in_one_room(place: &dyn Place) {
    let store = place.open().await;
    let names: Vec<_> = (0..10).map(|n| format!("room {n}")).collect();
    make_rooms(&store, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let claims = (0..60).map(|n| enter(&store, "ann", n, &names[n as usize % 10]));
    let claimed = join_all(claims).await;
    let newest = (0..60).max_by_key(|n| claimed[*n].epoch).unwrap();
    let records = records(&store, "ann").await;
    let winner = room_id(&names[newest % 10]);
    assert!(!records.is_empty());
    assert!(records.iter().all(|record| record.room.as_ref() == Some(&winner)), "{records:?}");
    let mut epochs: Vec<_> = claimed.iter().map(|claimed| claimed.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 60, "no epoch twice");
    store.close().await.unwrap();
}

pub(crate) async fn leaving_forgets(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    enter(&store, "ann", 1, "a").await;
    assert!(!store.leave(&app(), SessionId(1), &room_id("b")).await.unwrap(), "it is not there");
    assert!(!store.leave(&app(), SessionId(1), &room_id("nowhere")).await.unwrap());
    assert!(!store.leave(&app(), SessionId(2), &room_id("a")).await.unwrap());
    assert_eq!(places(&store, "ann").await, [(1, in_room("a"))]);
    assert!(store.leave(&app(), SessionId(1), &room_id("a")).await.unwrap());
    assert_eq!(records(&store, "ann").await, []);
    drop_at(&store, 1, None, NOW).await;
    assert_eq!(records(&store, "ann").await, [], "who is nowhere is not remembered");
    assert_eq!(resume(&store, 1, "a").await, None);
    store.close().await.unwrap();
}

pub(crate) async fn dropped_ones_are_remembered(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    enter(&store, "ann", 1, "a").await;
    let live = SessionRecord {
        identity: identity("ann", 1),
        room: Some(room_id("a")),
        dropped_at: None,
        taken: false,
    };
    assert_eq!(records(&store, "ann").await, std::slice::from_ref(&live));
    drop_at(&store, 1, Some(0), NOW.plus(SECOND)).await;
    store.close().await.unwrap();

    let store = place.open().await;
    let dropped = SessionRecord { dropped_at: Some(NOW.plus(SECOND)), ..live.clone() };
    assert_eq!(records(&store, "ann").await, [dropped], "over a restart");
    enter(&store, "ann", 1, "a").await;
    assert_eq!(records(&store, "ann").await, [live], "a claim makes it live again");
    store.close().await.unwrap();
}

pub(crate) async fn resume_returns_the_gap(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    for n in 1..=3 {
        append(&store, high("a", &format!("{n}")), NOW).await;
    }
    let first = enter(&store, "ann", 1, "a").await;
    assert_eq!(first.head, 3);
    append(&store, high("a", "4"), NOW).await;

    drop_at(&store, 1, None, NOW).await;
    let resumed = resume(&store, 1, "a").await.unwrap();
    assert_eq!((resumed.claimed.head, resumed.gap), (4, 3), "nothing confirmed: all since it came");
    assert!(resumed.claimed.epoch > first.epoch);

    drop_at(&store, 1, Some(4), NOW).await;
    append(&store, high("a", "5"), NOW).await;
    let again = resume(&store, 1, "a").await.unwrap();
    assert_eq!((again.claimed.head, again.gap), (5, 4));
    assert!(again.claimed.epoch > resumed.claimed.epoch);

    drop_at(&store, 1, None, NOW).await;
    assert_eq!(resume(&store, 1, "a").await.unwrap().gap, 4, "nothing more was confirmed");
    let record = &records(&store, "ann").await[0];
    assert_eq!((&record.room, record.dropped_at), (&Some(room_id("a")), None));
    store.close().await.unwrap();
}

pub(crate) async fn resume_needs_the_same_room(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    enter(&store, "ann", 1, "a").await;
    drop_at(&store, 1, Some(0), NOW).await;
    let before = records(&store, "ann").await;
    assert_eq!(resume(&store, 1, "b").await, None);
    assert_eq!(resume(&store, 2, "a").await, None, "nobody knows that session");
    let stranger = store.resume(SessionId(1), claim("bob", 5, "a"), false, NOW).await.unwrap();
    assert_eq!(stranger, None, "not another client's");
    assert_eq!(records(&store, "ann").await, before);
    assert_eq!(records(&store, "bob").await, []);

    // It was taken out by another session of the client meanwhile.
    enter(&store, "ann", 3, "b").await;
    assert_eq!(resume(&store, 1, "a").await, None);
    assert_eq!(places(&store, "ann").await, [(3, in_room("b"))]);
    store.close().await.unwrap();
}

pub(crate) async fn resume_can_change_the_session(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    enter(&store, "ann", 1, "a").await;
    drop_at(&store, 1, Some(0), NOW).await;
    let resumed = store.resume(SessionId(1), claim("ann", 2, "a"), false, NOW).await.unwrap().unwrap();
    assert_eq!(resumed.gap, 0);
    assert_eq!(places(&store, "ann").await, [(2, in_room("a"))]);
    assert_eq!(resume(&store, 1, "a").await, None, "only once");
    store.close().await.unwrap();
}

/// The login that gives its room stays remembered, for its own return.
pub(crate) async fn resume_can_leave_a_record(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    enter(&store, "ann", 1, "a").await;
    hold(&store, "ann", 1).await;
    drop_at(&store, 1, Some(0), NOW).await;
    let resumed = store.resume(SessionId(1), claim("ann", 2, "a"), true, NOW).await.unwrap().unwrap();
    assert_eq!(resumed.gap, 0);
    assert_eq!(places(&store, "ann").await, [(1, in_room("a")), (2, in_room("a"))]);
    let dropped_at: Vec<_> = records(&store, "ann").await.iter().map(|record| record.dropped_at).collect();
    assert_eq!(dropped_at, [Some(NOW), None]);
    let sent = store.send_wills(&app(), dropped(1, NOW), NOW).await.unwrap();
    assert_eq!(sent.len(), 1, "its wills stayed with it");
    assert!(resume(&store, 1, "a").await.is_some());
    store.close().await.unwrap();
}

pub(crate) async fn a_late_drop_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let before = enter(&store, "ann", 1, "a").await.epoch;
    let back = resume(&store, 1, "a").await.unwrap().claimed.epoch;
    for (epoch, dropped_at) in [(before, None), (back, Some(NOW))] {
        store.drop_session(&app(), SessionId(1), None, Some(epoch), NOW).await.unwrap();
        let known = store.sessions(&app(), &client("ann")).await.unwrap();
        assert_eq!(known[0].dropped_at, dropped_at, "a drop of epoch {epoch}, now {back}");
    }
    store.close().await.unwrap();
}

pub(crate) async fn reattached_ones_have_no_room(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    for (name, session) in [("ann", 1), ("bob", 2)] {
        enter(&store, name, session, "a").await;
        drop_at(&store, session, Some(0), NOW).await;
    }
    enter(&store, "ann", 1, "a").await;
    hold(&store, "ann", 1).await;
    drop_at(&store, 1, Some(0), NOW).await;
    for session in [1, 2, 3] {
        store.reattach(&app(), SessionId(session)).await.unwrap();
    }
    assert_eq!(places(&store, "ann").await, [(1, None)], "it holds its will");
    assert_eq!(records(&store, "ann").await[0].dropped_at, None);
    assert_eq!(store.send_wills(&app(), dropped(1, NOW), NOW).await.unwrap(), [], "it is live");
    assert_eq!(records(&store, "bob").await, [], "nothing is left to remember");
    store.close().await.unwrap();
}

pub(crate) async fn live_ones_are_listed(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let far = u128::MAX - 1;
    let ann = enter(&store, "ann", far, "a").await.epoch;
    enter(&store, "bob", 2, "a").await;
    drop_at(&store, 2, Some(0), NOW).await;
    store.claim(on_node("cid", 3, "node-2"), OneRoomPer::Client, NOW).await.unwrap();
    hold(&store, "dan", 4).await;
    let of = |session, epoch| LiveSession { app: app(), session: SessionId(session), epoch };
    let live =
        async |after: Option<u128>| store.live_sessions(&node(), after.map(SessionId), 1).await.unwrap();
    assert_eq!(live(None).await, [of(4, 0)], "in no room, with a will");
    assert_eq!(live(Some(4)).await, [of(far, ann)]);
    assert_eq!(live(Some(far)).await, []);
    assert_eq!(store.live_sessions(&node(), None, 9).await.unwrap().len(), 2);
    store.drop_session(&app(), SessionId(4), None, Some(0), NOW).await.unwrap();
    assert_eq!(live(None).await, [of(far, ann)]);
    store.close().await.unwrap();
}

pub(crate) async fn ended_ones_are_forgotten(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    enter(&store, "ann", 1, "a").await;
    store.end_session(&app(), SessionId(1)).await.unwrap();
    store.end_session(&app(), SessionId(9)).await.unwrap();
    assert_eq!(records(&store, "ann").await, []);
    assert_eq!(resume(&store, 1, "a").await, None);
    store.close().await.unwrap();
}

fn on_node(name: &str, session: u128, node: &str) -> Claim {
    Claim { node: NodeId(node.to_owned()), ..claim(name, session, "a") }
}

pub(crate) async fn recover_drops_what_a_crash_left(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.recover(&node(), NOW).await.unwrap().last_alive, None, "the first life");
    make_rooms(&store, &["a"]).await;
    for (name, session, on) in [("ann", 1, "node-1"), ("bob", 2, "node-2"), ("cid", 3, "node-1")] {
        store.claim(on_node(name, session, on), OneRoomPer::Client, NOW).await.unwrap();
    }
    drop_at(&store, 3, Some(0), NOW.plus(SECOND)).await;
    let last_beat = NOW.plus(HOUR);
    store.beat(&NodeId("node-2".to_owned()), last_beat.plus(SECOND)).await.unwrap();
    store.beat(&node(), NOW).await.unwrap();
    store.beat(&node(), last_beat).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(store.recover(&node(), last_beat.plus(MINUTE)).await.unwrap().last_alive, Some(last_beat));
    let dropped_at = async |name| records(&store, name).await[0].dropped_at;
    assert_eq!(dropped_at("ann").await, Some(last_beat));
    assert_eq!(dropped_at("bob").await, None, "another node's is live");
    assert_eq!(dropped_at("cid").await, Some(NOW.plus(SECOND)), "it had dropped before");
    store.close().await.unwrap();
}

/// In a storm many are looked up at once, and each gets its own.
pub(crate) async fn looked_up_together(place: &dyn Place) {
    const CLIENTS: u128 = 600;
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let other = AppId::from("other");
    store.create_room(&other, room("a")).await.unwrap();
    let name = |n: u128| format!("client \"{n}\"");
    let named: Vec<String> = (0..CLIENTS).map(name).collect();
    // Every other one is known, and the first to another app as well.
    let known = (0..CLIENTS).step_by(2);
    join_all(known.map(|n| enter(&store, &named[n as usize], n, "a"))).await;
    let elsewhere = Claim { app: other.clone(), ..claim(&named[0], CLIENTS, "a") };
    store.claim(elsewhere, OneRoomPer::Client, NOW).await.unwrap();

    let found = join_all(named.iter().map(|name| places(&store, name))).await;
    for (n, places) in (0..CLIENTS).zip(found) {
        let expected = if n % 2 == 0 { vec![(n, in_room("a"))] } else { vec![] };
        assert_eq!(places, expected, "client {n}");
    }
    let of_other = store.sessions(&other, &client(&named[0])).await.unwrap();
    assert_eq!(of_other[0].identity.session, SessionId(CLIENTS));
    assert_eq!(store.sessions(&AppId::from("unknown"), &client(&named[0])).await.unwrap(), []);
    store.close().await.unwrap();
}

pub(crate) async fn all_of_a_client_are_ended(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let other = AppId::from("other");
    store.create_room(&other, room("a")).await.unwrap();
    enter(&store, "ann", 1, "a").await;
    enter(&store, "ann", 2, "a").await;
    enter(&store, "bob", 3, "a").await;
    let elsewhere = Claim { app: other.clone(), ..claim("ann", 4, "a") };
    store.claim(elsewhere, OneRoomPer::Client, NOW).await.unwrap();
    assert_eq!(store.hold_will(will("ann", 2, message("a", "will")), 8, NOW).await.unwrap(), Held::Waiting);
    drop_at(&store, 2, Some(0), NOW).await;

    store.end_sessions(&app(), &client("ann")).await.unwrap();
    assert_eq!(records(&store, "ann").await, []);
    assert_eq!(store.send_wills(&app(), dropped(2, NOW), NOW).await.unwrap(), []);
    assert_eq!(places(&store, "bob").await, [(3, in_room("a"))]);
    assert_eq!(store.sessions(&other, &client("ann")).await.unwrap().len(), 1);
    store.end_sessions(&AppId::from("unknown"), &client("ann")).await.unwrap();
    store.close().await.unwrap();
}

pub(crate) async fn a_removed_room_holds_nobody(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    enter(&store, "ann", 1, "a").await;
    enter(&store, "bob", 2, "a").await;
    drop_at(&store, 2, Some(0), NOW).await;
    store.delete_room(&app(), &room_id("a")).await.unwrap();
    assert_eq!(records(&store, "ann").await, []);
    assert!(!store.leave(&app(), SessionId(1), &room_id("a")).await.unwrap());
    make_rooms(&store, &["a"]).await;
    let back = store.resume(SessionId(2), claim("bob", 2, "a"), false, NOW).await.unwrap();
    assert_eq!(back, None, "another room of the same id");
    assert_eq!(enter(&store, "ann", 1, "b").await.former, []);
    assert_eq!(places(&store, "ann").await, [(1, in_room("b"))]);
    store.close().await.unwrap();
}
