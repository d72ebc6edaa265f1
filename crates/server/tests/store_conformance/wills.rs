//! Messages held until their session drops.

use std::{net::IpAddr, sync::Arc};

use grandstand::store::{Appended, Dropped, Held, NewMessage, Store, Will, WillSent};
use grandstand_protocol::MessageId;
use grandstand_room::{
    ban::{Ban, Banned},
    moderation::{List, MuteAll, Role, SlowMode, SwitchChange, moderators},
    session::SessionId,
};

use crate::{Place, fixture::*};

const LIMIT: u32 = 3;

async fn hold(store: &Arc<dyn Store>, will: Will) {
    assert_eq!(store.hold_will(will, LIMIT, NOW).await.unwrap(), Held::Waiting);
}

async fn drop_session(store: &Arc<dyn Store>, session: u128) {
    store.drop_session(&app(), SessionId(session), None, None, NOW).await.unwrap();
}

async fn send(store: &Arc<dyn Store>, session: u128) -> Vec<WillSent> {
    store.send_wills(&app(), dropped(session, NOW.plus(SECOND)), NOW.plus(MINUTE)).await.unwrap()
}

pub(crate) async fn wait_for_the_drop(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    enter(&store, "ann", 1, "other room").await;
    append(&store, message("room", "earlier"), NOW).await;
    hold(&store, will("ann", 1, high("room", "will 1"))).await;
    hold(&store, Will { transient: true, ..will("ann", 1, message("room", "will 2")) }).await;
    hold(&store, will("ann", 1, message("other room", "will 3"))).await;
    assert_eq!(send(&store, 1).await, [], "it is live");
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["earlier"]);

    drop_session(&store, 1).await;
    let sent = send(&store, 1).await;
    let later = NOW.plus(MINUTE);
    let outcome: Vec<_> = sent
        .iter()
        .map(|will| (will.message.id.as_str(), will.stamp.map(|stamp| stamp.number), will.timestamp))
        .collect();
    assert_eq!(outcome, [("will 1", Some(2), later), ("will 2", None, later), ("will 3", Some(1), later)]);
    assert_eq!(sent[0].message, will("ann", 1, high("room", "will 1")).message, "whole");
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["earlier", "will 1"]);
    assert_eq!(send(&store, 1).await, [], "once");
    assert_eq!(places(&store, "ann").await, [(1, Some("other room".to_owned()))], "it may still return");
    store.close().await.unwrap();
}

pub(crate) async fn wait_for_their_own_drop(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    enter(&store, "ann", 1, "room").await;
    hold(&store, will("ann", 1, message("room", "will"))).await;
    drop_session(&store, 1).await;
    store.resume(SessionId(1), claim("ann", 1, "room"), false, NOW).await.unwrap().unwrap();
    let again = NOW.plus(8 * SECOND);
    store.drop_session(&app(), SessionId(1), None, None, again).await.unwrap();
    let sent_for = async |drop| store.send_wills(&app(), dropped(1, drop), NOW.plus(MINUTE)).await.unwrap();
    assert_eq!(sent_for(NOW).await, [], "the first drop is no matter any more");
    assert_eq!(sent_for(again).await.len(), 1);
    store.close().await.unwrap();
}

pub(crate) async fn a_retry_is_held_once(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let marked = |session, id, mark: &str| {
        let message = NewMessage { dedupe: Some(mark.to_owned()), ..message("room", id) };
        will("ann", session, message)
    };
    let held = async |will| store.hold_will(will, LIMIT, NOW).await.unwrap();
    let first = |timestamp| Held::Duplicate { id: MessageId::from("first"), timestamp };
    hold(&store, marked(1, "first", "a")).await;
    hold(&store, marked(1, "second", "b")).await;
    hold(&store, marked(1, "third", "c")).await;
    assert_eq!(held(marked(1, "retry", "a")).await, first(None), "though there is no place left");
    assert_eq!(held(marked(2, "retry", "a")).await, first(None), "by another session of the sender");
    hold(&store, will("bob", 3, marked(3, "bob's", "a").message)).await;

    drop_session(&store, 1).await;
    assert_eq!(send(&store, 1).await.len(), 3);
    let sent_at = NOW.plus(MINUTE);
    assert_eq!(held(marked(2, "retry", "a")).await, first(Some(sent_at)), "it was sent");
    let outcome = store.append(marked(2, "retry", "a").message, sent_at).await.unwrap();
    assert_eq!(outcome, Appended::Duplicate { id: MessageId::from("first"), timestamp: sent_at });
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["first", "second", "third"]);
    store.close().await.unwrap();
}

pub(crate) async fn are_bounded(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for n in 0..LIMIT {
        hold(&store, will("ann", 1, message("room", &format!("{n}")))).await;
    }
    let more = will("ann", 1, message("room", "more"));
    assert_eq!(store.hold_will(more.clone(), LIMIT, NOW).await.unwrap(), Held::Full);
    hold(&store, will("ann", 2, message("room", "another session's"))).await;
    drop_session(&store, 1).await;
    assert_eq!(send(&store, 1).await.len(), 3);
    assert_eq!(records(&store, "ann").await.len(), 1, "the first held nothing but wills");
    hold(&store, more).await;
    store.close().await.unwrap();
}

pub(crate) async fn follow_a_resume(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    enter(&store, "ann", 1, "room").await;
    hold(&store, will("ann", 1, message("room", "will"))).await;
    drop_session(&store, 1).await;
    store.resume(SessionId(1), claim("ann", 2, "room"), false, NOW).await.unwrap().unwrap();
    assert_eq!(send(&store, 1).await, []);
    assert_eq!(send(&store, 2).await, [], "it is live");
    drop_session(&store, 2).await;
    assert_eq!(send(&store, 2).await.len(), 1);
    store.close().await.unwrap();
}

pub(crate) async fn go_with_the_session(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    hold(&store, will("ann", 1, message("room", "will"))).await;
    store.end_session(&app(), SessionId(1)).await.unwrap();
    drop_session(&store, 1).await;
    assert_eq!(send(&store, 1).await, []);
    assert_eq!(records(&store, "ann").await, []);
    assert_eq!(everything(&store, &app(), "room").await, []);
    store.close().await.unwrap();
}

pub(crate) async fn survive_a_restart(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    hold(&store, will("ann", 1, message("room", "live at the crash"))).await;
    hold(&store, will("bob", 2, message("room", "dropped before"))).await;
    drop_session(&store, 2).await;
    enter(&store, "cid", 3, "room").await;
    store.beat(&node(), NOW.plus(SECOND)).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    let mut with_wills = store.recover(&node(), NOW.plus(MINUTE)).await.unwrap().with_wills;
    with_wills.sort();
    assert_eq!(with_wills, [(app(), SessionId(1), NOW.plus(SECOND)), (app(), SessionId(2), NOW)]);
    for (session, id) in [(1, "live at the crash"), (2, "dropped before")] {
        let sent = send(&store, session).await;
        assert_eq!(sent.iter().map(|will| will.message.id.as_str()).collect::<Vec<_>>(), [id]);
    }
    assert_eq!(store.recover(&node(), NOW.plus(MINUTE)).await.unwrap().with_wills, []);
    store.close().await.unwrap();
}

pub(crate) async fn skip_a_removed_room(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "gone"]).await;
    for room in ["gone", "room"] {
        hold_more(&store, will("ann", 1, message(room, room))).await;
        let transient = message(room, &format!("transient in {room}"));
        hold_more(&store, Will { transient: true, ..will("ann", 1, transient) }).await;
    }
    store.delete_room(&app(), &room_id("gone")).await.unwrap();
    drop_session(&store, 1).await;
    let sent = send(&store, 1).await;
    let ids: Vec<_> = sent.iter().map(|will| will.message.id.as_str()).collect();
    assert_eq!(ids, ["room", "transient in room"]);
    store.close().await.unwrap();
}

async fn hold_more(store: &Arc<dyn Store>, will: Will) {
    assert_eq!(store.hold_will(will, 2 * LIMIT, NOW).await.unwrap(), Held::Waiting);
}

pub(crate) async fn of_those_who_may_not_speak_are_not_sent(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    let until =
        [(List::Silenced, None), (List::SilencedForATime, Some(NOW.plus(HOUR))), (List::Blocked, None)];
    for (session, (list, until)) in (1..).zip(until) {
        let name = format!("client {session}");
        // They are checked before they are held, but a list may grow in between.
        store.put_on_list(&app(), &room_id("room"), list, vec![client(&name)], until, NOW).await.unwrap();
        for (number, transient) in [(1, false), (2, true)] {
            let held = message("room", &format!("will {number} of {name}"));
            hold(&store, Will { transient, ..will(&name, session, held) }).await;
        }
        hold(&store, will(&name, session, message("other room", &format!("will 3 of {name}")))).await;
        drop_session(&store, session).await;
        let sent = send(&store, session).await;
        let rooms: Vec<_> = sent.iter().map(|sent| sent.message.room.as_str()).collect();
        assert_eq!(rooms, ["other room"], "{list:?}");
        assert_eq!(send(&store, session).await, [], "all are forgotten");
    }
    assert_eq!(ids(&everything(&store, &app(), "room").await), [""; 0]);
    store.close().await.unwrap();
}

/// Which of three wills come through, in a room with these switches.
async fn let_through(
    store: &Arc<dyn Store>,
    session: u128,
    sender: &str,
    switches: SwitchChange,
) -> Vec<String> {
    for (n, transient) in [(1, false), (2, true), (3, false)] {
        let text = format!("{sender} {session} {n}");
        hold_more(store, Will { transient, ..will(sender, session, message("room", &text)) }).await;
    }
    store.change_room_switches(&app(), &room_id("room"), switches).await.unwrap();
    drop_session(store, session).await;
    let sent = send(store, session).await;
    assert_eq!(send(store, session).await, [], "once, or never");
    sent.into_iter().map(|will| will.message.id.to_string()).collect()
}

pub(crate) async fn respect_the_switches(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let (room, manager) = (room_id("room"), client("manager"));
    store.set_role(&app(), &room, &manager, Role::Manager, "row".to_owned(), NOW).await.unwrap();
    let off = || SwitchChange { mute_all: Some(None), slow_mode: Some(None), frozen: Some(false) };
    let none: [&str; 0] = [];
    assert_eq!(let_through(&store, 1, "guest", off()).await, ["guest 1 1", "guest 1 2", "guest 1 3"]);

    let frozen = || SwitchChange { frozen: Some(true), ..off() };
    assert_eq!(let_through(&store, 2, "guest", frozen()).await, none);
    assert_eq!(let_through(&store, 3, "manager", frozen()).await, none, "for all");

    // Wills are sent a minute after `NOW`.
    let mute = |until| {
        let mute = MuteAll { until, clients: [client("host")].into(), roles: moderators() };
        SwitchChange { mute_all: Some(Some(mute)), ..off() }
    };
    assert_eq!(let_through(&store, 4, "guest", mute(None)).await, none);
    assert_eq!(let_through(&store, 5, "host", mute(None)).await.len(), 3);
    assert_eq!(let_through(&store, 6, "manager", mute(None)).await.len(), 3);
    assert_eq!(let_through(&store, 7, "guest", mute(Some(NOW.plus(MINUTE + 1)))).await, none);
    assert_eq!(let_through(&store, 8, "guest", mute(Some(NOW.plus(MINUTE)))).await.len(), 3, "it is over");

    let slow = || {
        let slow = SlowMode { seconds: 1, roles: moderators() };
        SwitchChange { slow_mode: Some(Some(slow)), ..off() }
    };
    assert_eq!(let_through(&store, 9, "guest", slow()).await, ["guest 9 1"], "one message");
    assert_eq!(let_through(&store, 10, "manager", slow()).await.len(), 3);
    store.close().await.unwrap();
}

pub(crate) async fn of_the_banned_are_not_sent(place: &dyn Place) {
    let here: IpAddr = "192.0.2.7".parse().unwrap();
    let elsewhere: IpAddr = "198.51.100.7".parse().unwrap();
    let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    let network = |text: &str| Banned::Network(text.parse().unwrap());
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let cases = [
        (network("192.0.2.7/32"), None, Some(here), None, false),
        (network("192.0.2.0/24"), None, Some(mapped), None, false),
        (network("192.0.2.9/24"), None, None, Some(here), false),
        (network("128.0.0.0/1"), None, Some(here), None, false),
        (network("192.0.2.0/24"), Some(NOW.plus(HOUR)), Some(here), None, false),
        (network("192.0.2.0/24"), Some(NOW.plus(MINUTE)), Some(here), None, true),
        (network("192.0.2.0/24"), None, Some(elsewhere), Some(here), true),
        (network("192.0.2.8/32"), None, Some(here), Some(here), true),
        (network("192.0.2.0/24"), None, None, None, true),
        (network("2001:db8::/32"), None, Some("2001:db8::7".parse().unwrap()), None, false),
        (Banned::Client(client("ann")), None, Some(here), None, false),
        (Banned::Client(client("tom")), None, Some(here), None, true),
    ];
    for (session, (banned, until, connected, came_from, is_sent)) in (1..).zip(cases) {
        let message = NewMessage { address: came_from, ..message("room", &session.to_string()) };
        hold(&store, will("ann", session, message)).await;
        drop_session(&store, session).await;
        let ban = Ban { banned: banned.clone(), until, reason: None, made_at: NOW };
        store.ban(&app(), ban).await.unwrap();
        let dropped = Dropped { address: connected, ..dropped(session, NOW) };
        let sent = store.send_wills(&app(), dropped, NOW.plus(MINUTE)).await.unwrap();
        assert_eq!(sent.len(), usize::from(is_sent), "{banned:?} {connected:?} {came_from:?}");
        assert!(places(&store, "ann").await.is_empty(), "it does not wait any longer");
        store.unban(&app(), &banned).await.unwrap();
    }
    store.close().await.unwrap();
}
