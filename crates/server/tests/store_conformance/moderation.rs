//! Lists of rooms, roles, and bans.

use std::sync::Arc;

use grandstand::store::{Keeps, Retention, RuleError, Store};
use grandstand_protocol::{AppId, ClientId};
use grandstand_room::{
    ban::{Ban, Banned},
    clock::Millis,
    moderation::{List, MuteAll, ROLES, Role, RoomRules, RoomSwitches, SILENCES, SlowMode, SwitchChange},
    session::SessionId,
    switches::OneRoomPer,
};

use crate::{Place, fixture::*};

const EVERY_SILENCE: &[List] = &[List::Silenced, List::SilencedForATime];

async fn put(store: &Arc<dyn Store>, list: List, names: &[&str], until: Option<Millis>) -> Vec<ClientId> {
    let clients = names.iter().map(|name| client(name)).collect();
    store.put_on_list(&app(), &room_id("a"), list, clients, until, NOW).await.unwrap()
}

async fn rules(store: &Arc<dyn Store>, now: Millis) -> RoomRules {
    store.room_rules(&app(), &room_id("a"), now).await.unwrap().unwrap()
}

async fn listed(store: &Arc<dyn Store>, lists: &[List], page: (u32, u32), now: Millis) -> Vec<String> {
    let found = store.listed(&app(), &room_id("a"), lists, page, now).await.unwrap();
    found.into_iter().map(|listed| listed.client.to_string()).collect()
}

pub(crate) async fn lists_last_and_end(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    let later = NOW.plus(HOUR);
    put(&store, List::Silenced, &["tom", "ann"], None).await;
    put(&store, List::SilencedForATime, &["max", "tom"], Some(later)).await;
    put(&store, List::Blocked, &["bob"], None).await;
    put(&store, List::Blocked, &["eve"], Some(later)).await;
    store.close().await.unwrap();

    let store = place.open().await;
    let found = rules(&store, NOW).await;
    assert_eq!(found.creator, "creator");
    assert_eq!(found.silenced, [client("tom"), client("ann")].into());
    assert_eq!(found.silenced_until, [(client("max"), later), (client("tom"), later)].into());
    assert_eq!(found.blocked, [(client("bob"), None), (client("eve"), Some(later))].into());
    assert_eq!(listed(&store, EVERY_SILENCE, (0, 10), NOW).await, ["ann", "max", "tom"]);
    assert_eq!(listed(&store, EVERY_SILENCE, (1, 1), NOW).await, ["max"]);
    let of_tom = store.listed(&app(), &room_id("a"), EVERY_SILENCE, (2, 1), NOW).await.unwrap();
    assert_eq!(of_tom[0].until, None, "for good and for a time is for good");
    assert_eq!(listed(&store, &[List::Blocked], (0, 10), later).await, ["bob"]);
    assert_eq!(rules(&store, later).await.silenced_until, [].into());

    let off = |lists: &'static [List], name: &str| {
        let (store, clients) = (Arc::clone(&store), vec![client(name)]);
        async move { store.take_off_lists(&app(), &room_id("a"), lists, clients).await.unwrap() }
    };
    off(&[List::Silenced], "tom").await;
    assert_eq!(listed(&store, EVERY_SILENCE, (0, 10), NOW).await, ["ann", "max", "tom"], "still for a time");
    off(EVERY_SILENCE, "tom").await;
    off(EVERY_SILENCE, "nobody").await;
    assert_eq!(listed(&store, EVERY_SILENCE, (0, 10), NOW).await, ["ann", "max"]);
    put(&store, List::Blocked, &["eve"], None).await;
    assert_eq!(rules(&store, later).await.blocked.len(), 2, "a new end replaces the old one");
    let of_other_room = store.room_rules(&app(), &room_id("b"), NOW).await.unwrap().unwrap();
    assert_eq!(of_other_room.size(), 0);
    assert_eq!(store.room_rules(&AppId::from("other"), &room_id("a"), NOW).await.unwrap(), None);
    store.close().await.unwrap();
}

pub(crate) async fn lists_are_bounded(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let many: Vec<ClientId> = (0..SILENCES).map(|n| client(&format!("c{n}"))).collect();
    let a = room_id("a");
    let put = |clients: Vec<ClientId>, list| {
        let (store, a) = (Arc::clone(&store), a.clone());
        async move { store.put_on_list(&app(), &a, list, clients, None, NOW).await }
    };
    put(many[1..].to_vec(), List::Silenced).await.unwrap();
    let two = vec![client("x"), client("y")];
    assert!(matches!(put(two, List::Silenced).await, Err(RuleError::Full)));
    assert_eq!(rules(&store, NOW).await.silenced.len(), many.len() - 1, "all or none");
    put(vec![client("x"), many[1].clone()], List::Silenced).await.unwrap();
    assert!(matches!(put(vec![client("y")], List::Silenced).await, Err(RuleError::Full)));
    put(vec![many[5].clone()], List::Silenced).await.expect("who is there takes no place");
    put(vec![client("y")], List::SilencedForATime).await.expect("each list counts by itself");
    assert!(matches!(
        store.put_on_list(&app(), &room_id("none"), List::Blocked, vec![client("y")], None, NOW).await,
        Err(RuleError::NoRoom)
    ));
    store.close().await.unwrap();
}

pub(crate) async fn a_block_takes_out_of_the_room(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    enter(&store, "tom", 1, "a").await;
    store.drop_session(&app(), SessionId(1), None, None, NOW).await.unwrap();
    store.claim(claim("tom", 2, "a"), OneRoomPer::Client, NOW).await.unwrap();
    enter(&store, "ann", 3, "b").await;
    enter(&store, "max", 4, "a").await;
    store.hold_will(will("tom", 2, high("a", "w1")), 8, NOW).await.unwrap();
    store.hold_will(will("tom", 2, high("b", "w2")), 8, NOW).await.unwrap();
    let left = put(&store, List::Blocked, &["tom", "ann", "new"], None).await;
    assert_eq!(left, [client("tom")], "who was there");
    assert_eq!(places(&store, "tom").await, [(2, None)], "one session still holds a will for another room");
    assert_eq!(places(&store, "ann").await, [(3, Some("b".to_owned()))]);
    assert_eq!(places(&store, "max").await, [(4, Some("a".to_owned()))]);
    store.drop_session(&app(), SessionId(2), None, None, NOW).await.unwrap();
    let sent = store.send_wills(&app(), dropped(2, NOW), NOW).await.unwrap();
    assert_eq!(sent.iter().map(|sent| sent.message.id.as_str()).collect::<Vec<_>>(), ["w2"]);
    store.close().await.unwrap();
}

pub(crate) async fn who_is_expelled_may_return(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a", "b"]).await;
    enter(&store, "tom", 1, "a").await;
    enter(&store, "max", 2, "a").await;
    store.drop_session(&app(), SessionId(2), None, None, NOW).await.unwrap();
    enter(&store, "ann", 3, "b").await;
    store.hold_will(will("tom", 1, high("a", "w1")), 8, NOW).await.unwrap();
    let expel = |room: &'static str, names: &[&str]| {
        let (store, clients) = (Arc::clone(&store), names.iter().map(|name| client(name)).collect());
        async move { store.expel(&app(), &room_id(room), clients).await }
    };
    let out = expel("a", &["tom", "max", "ann", "new"]).await.unwrap();
    assert_eq!(out, [client("tom"), client("max")], "who was there, or would have returned");
    assert!(places(&store, "tom").await.is_empty() && places(&store, "max").await.is_empty());
    assert_eq!(places(&store, "ann").await, [(3, Some("b".to_owned()))]);
    assert!(expel("a", &["tom"]).await.unwrap().is_empty(), "no more");
    assert!(matches!(expel("none", &["tom"]).await, Err(RuleError::NoRoom)));
    enter(&store, "tom", 1, "a").await;
    assert_eq!(rules(&store, NOW).await.size(), 0, "nothing keeps it out");
    store.drop_session(&app(), SessionId(1), None, None, NOW).await.unwrap();
    assert!(store.send_wills(&app(), dropped(1, NOW), NOW).await.unwrap().is_empty(), "its will is gone");
    store.close().await.unwrap();
}

pub(crate) async fn roles_are_rows(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let a = room_id("a");
    let set = |name: &'static str, role, id: &'static str| {
        let (store, a) = (Arc::clone(&store), a.clone());
        async move { store.set_role(&app(), &a, &client(name), role, id.to_owned(), NOW).await }
    };
    let row = set("tom", Role::Manager, "r1").await.unwrap();
    assert_eq!((row.id.as_str(), row.role), ("r1", Role::Manager));
    let row = set("tom", Role::Owner, "r2").await.unwrap();
    assert_eq!((row.id.as_str(), row.role), ("r1", Role::Owner), "one row for each client");
    set("ann", Role::Member, "r3").await.unwrap();
    let named = |rows: Vec<grandstand::store::RoleRow>| {
        rows.into_iter().map(|row| row.client.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(named(store.roles(&app(), &a, None, (0, 10)).await.unwrap()), ["ann", "tom"]);
    assert_eq!(named(store.roles(&app(), &a, None, (1, 10)).await.unwrap()), ["tom"]);
    assert_eq!(named(store.roles(&app(), &a, Some(Role::Owner), (0, 10)).await.unwrap()), ["tom"]);
    assert_eq!(rules(&store, NOW).await.roles.len(), 2);

    // The creator is an owner without a row; one of two may go.
    set("creator", Role::Member, "r4").await.unwrap();
    assert!(matches!(set("tom", Role::Member, "r5").await, Err(RuleError::NeedOwner)));
    assert!(matches!(store.remove_role(&app(), &a, "r1").await, Err(RuleError::NeedOwner)));
    assert_eq!(store.remove_role(&app(), &a, "r4").await.unwrap().unwrap().client, client("creator"));
    store.remove_role(&app(), &a, "r1").await.unwrap();
    assert_eq!(store.remove_role(&app(), &a, "r1").await.unwrap(), None);
    assert!(matches!(set("creator", Role::Manager, "r6").await, Err(RuleError::NeedOwner)));
    store.close().await.unwrap();
}

pub(crate) async fn roles_are_bounded(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let a = room_id("a");
    for n in 0..ROLES {
        let (name, id) = (client(&format!("c{n}")), format!("r{n}"));
        store.set_role(&app(), &a, &name, Role::Manager, id, NOW).await.unwrap();
    }
    let one_more = store.set_role(&app(), &a, &client("x"), Role::Manager, "x".to_owned(), NOW).await;
    assert!(matches!(one_more, Err(RuleError::Full)));
    store.set_role(&app(), &a, &client("x"), Role::Member, "x".to_owned(), NOW).await.unwrap();
    store.set_role(&app(), &a, &client("c1"), Role::Owner, "y".to_owned(), NOW).await.unwrap();
    store.close().await.unwrap();
}

pub(crate) async fn switches_of_a_room_go_with_it(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let a = room_id("a");
    assert_eq!(rules(&store, NOW).await.switches, RoomSwitches::default());
    let mute = MuteAll {
        until: Some(NOW.plus(60_000)),
        clients: [client("tom"), client("安妮")].into(),
        roles: [Role::Owner].into(),
    };
    let slow = SlowMode { seconds: 10, roles: [].into() };
    let switches = RoomSwitches { mute_all: Some(mute.clone()), slow_mode: Some(slow.clone()), frozen: true };
    let nothing = SwitchChange::default();
    for (change, expected) in [
        (
            SwitchChange { mute_all: Some(Some(mute.clone())), ..nothing.clone() },
            RoomSwitches { mute_all: Some(mute), ..RoomSwitches::default() },
        ),
        (
            SwitchChange { slow_mode: Some(Some(slow)), ..nothing.clone() },
            RoomSwitches { frozen: false, ..switches.clone() },
        ),
        (SwitchChange { frozen: Some(true), ..nothing.clone() }, switches.clone()),
        (nothing, switches.clone()),
    ] {
        assert_eq!(store.change_room_switches(&app(), &a, change).await.unwrap(), expected);
    }
    put(&store, List::Silenced, &["tom"], None).await;
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(rules(&store, NOW).await.switches, switches);
    let all_off = SwitchChange { mute_all: Some(None), slow_mode: Some(None), frozen: Some(false) };
    let off = store.change_room_switches(&app(), &a, all_off.clone()).await.unwrap();
    assert_eq!((off, rules(&store, NOW).await.switches), Default::default());
    let frozen = SwitchChange { frozen: Some(true), ..SwitchChange::default() };
    store.change_room_switches(&app(), &a, frozen).await.unwrap();
    let nowhere = store.change_room_switches(&app(), &room_id("nowhere"), all_off).await;
    assert!(matches!(nowhere, Err(RuleError::NoRoom)));
    store.delete_room(&app(), &a).await.unwrap();
    assert_eq!(store.room_rules(&app(), &a, NOW).await.unwrap(), None);
    make_rooms(&store, &["a"]).await;
    let anew = rules(&store, NOW).await;
    assert_eq!((anew.switches, anew.silenced.len()), (RoomSwitches::default(), 0));
    store.close().await.unwrap();
}

pub(crate) async fn refused_rooms_are_a_clients_own(place: &dyn Place) {
    let store = place.open().await;
    let refuse = |room: &'static str, refuses| {
        let store = Arc::clone(&store);
        async move { store.refuse_room(&app(), &client("tom"), &room_id(room), refuses).await.unwrap() }
    };
    for room in ["b", "a", "c", "a"] {
        refuse(room, true).await;
    }
    refuse("c", false).await;
    refuse("never", false).await;
    let found = store.refused_rooms(&app(), &client("tom"), (0, 10)).await.unwrap();
    assert_eq!(found, [room_id("a"), room_id("b")]);
    assert_eq!(store.refused_rooms(&app(), &client("tom"), (1, 10)).await.unwrap(), [room_id("b")]);
    assert_eq!(store.refused_rooms(&app(), &client("ann"), (0, 10)).await.unwrap(), []);
    store.close().await.unwrap();
}

pub(crate) async fn bans_last_and_end(place: &dyn Place) {
    let ban = |banned: Banned, until| Ban { banned, until, reason: Some("spam".to_owned()), made_at: NOW };
    let of_client = |name| ban(Banned::Client(client(name)), None);
    let network = || Banned::Network("192.0.2.0/24".parse().unwrap());
    let store = place.open().await;
    store.ban(&app(), of_client("tom")).await.unwrap();
    store.ban(&app(), ban(network(), Some(NOW.plus(HOUR)))).await.unwrap();
    store.ban(&AppId::from("other"), of_client("ann")).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    let all = store.bans(&app(), NOW).await.unwrap();
    assert_eq!(all, [of_client("tom"), ban(network(), Some(NOW.plus(HOUR)))]);
    assert_eq!(store.bans(&app(), NOW.plus(HOUR)).await.unwrap(), [of_client("tom")]);
    assert!(store.unban(&app(), &Banned::Client(client("tom"))).await.unwrap());
    assert!(!store.unban(&app(), &Banned::Client(client("tom"))).await.unwrap());
    assert_eq!(store.bans(&app(), NOW).await.unwrap().len(), 1);
    store.close().await.unwrap();
}

pub(crate) async fn what_has_ended_is_swept(place: &dyn Place) {
    let retention = Retention {
        messages: 365 * DAY,
        rooms: 365 * DAY,
        sessions: DAY,
        audit: 365 * DAY,
        audit_entries: 1000,
        evidence: Keeps { originals: 30 * DAY, addresses: 90 * DAY },
    };
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let names: Vec<ClientId> = (0..1200).map(|n| client(&format!("c{n}"))).collect();
    let (a, later) = (room_id("a"), NOW.plus(HOUR));
    store.put_on_list(&app(), &a, List::SilencedForATime, names, Some(later), NOW).await.unwrap();
    put(&store, List::Blocked, &["tom"], Some(later)).await;
    put(&store, List::Silenced, &["tom"], None).await;
    store.sweep(&retention, NOW).await.unwrap();
    assert_eq!(rules(&store, NOW).await.size(), 1202);
    assert!(store.sweep(&retention, later).await.unwrap().more, "a slice is small");
    while store.sweep(&retention, later).await.unwrap().more {}
    assert_eq!(rules(&store, NOW).await.size(), 1, "what has no end stays");
    store.close().await.unwrap();
}
