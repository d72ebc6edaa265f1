//! What messages were before, where they came from, and what is erased of a client.

use std::{net::IpAddr, sync::Arc};

use grandstand::store::{
    Appended, Cause, Edit, Erased, Erasure, Keeps, NewMessage, Original, Retention, Store, Visitor, Will,
};
use grandstand_protocol::{AppId, Body, Direction, Mentions, MessageId};
use grandstand_room::{clock::Millis, history::HistoryQuery, session::SessionId};

use crate::{Place, fixture::*, retention::RETENTION};

fn text(text: &str) -> Body {
    Body::Text(text.to_owned())
}

fn here() -> Option<IpAddr> {
    Some("192.0.2.1".parse().unwrap())
}

fn by(name: &str, id: &str) -> NewMessage {
    NewMessage { from: client(name), address: here(), ..message("room", id) }
}

fn edit(new: &str, original: Option<&str>) -> Edit {
    Edit::Replace {
        body: text(new),
        mentions: Mentions::default(),
        lctype: None,
        original: original.map(text),
    }
}

async fn modify(store: &Arc<dyn Store>, id: &str, edit: Edit, now: Millis) {
    store.modify(&app(), &room_id("room"), &id.into(), None, edit, now).await.unwrap();
}

async fn originals(store: &Arc<dyn Store>, id: &str) -> Vec<Original> {
    store.originals(&app(), &room_id("room"), &id.into(), 0, 1000).await.unwrap()
}

fn told(originals: &[Original]) -> Vec<(Cause, Body)> {
    originals.iter().map(|original| (original.cause, original.body.clone())).collect()
}

async fn erase_all(store: &Arc<dyn Store>, erasure: Erasure) -> (Erased, usize) {
    let (mut total, mut slices, mut after) = (Erased::default(), 0, None);
    loop {
        let erased = store.erase(&app(), Erasure { after, ..erasure.clone() }).await.unwrap();
        total.originals += erased.originals;
        total.addresses += erased.addresses;
        total.messages += erased.messages;
        total.rooms.extend(erased.rooms);
        slices += 1;
        after = erased.next;
        if after.is_none() {
            return (total, slices);
        }
        assert!(slices < 1000, "an erasure without end");
    }
}

pub(crate) async fn is_kept_with_the_change(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other"]).await;
    let binary = Body::Binary(vec![0, 255, 7].into());
    append(
        &store,
        NewMessage { original: Some(binary.clone()), dedupe: Some("mark".to_owned()), ..by("ann", "a") },
        NOW,
    )
    .await;
    let retry =
        NewMessage { original: Some(text("again")), dedupe: Some("mark".to_owned()), ..by("ann", "b") };
    assert!(matches!(store.append(retry, NOW).await.unwrap(), Appended::Duplicate { .. }));
    modify(&store, "a", edit("second", None), NOW.plus(1)).await;
    modify(&store, "a", edit("th***", Some("third")), NOW.plus(2)).await;
    modify(&store, "a", Edit::Recall, NOW.plus(3)).await;
    modify(&store, "a", Edit::Recall, NOW.plus(4)).await;
    append(&store, by("ann", "c"), NOW).await;
    store.delete_room(&app(), &room_id("room")).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    let kept = originals(&store, "a").await;
    let expected = [
        (Cause::Filtered, binary),
        (Cause::Edited, text("text of a")),
        (Cause::Edited, text("second")),
        (Cause::Filtered, text("third")),
        (Cause::Recalled, text("th***")),
    ];
    assert_eq!(told(&kept), expected, "in the order of the changes, though the room is gone");
    let times: Vec<i64> = kept.iter().map(|original| original.kept_at.since(NOW)).collect();
    assert_eq!(times, [0, 1, 2, 2, 3]);
    assert!(
        kept.iter().all(|original| original.from == "ann"
            && original.address == here()
            && original.timestamp == NOW)
    );
    let page = store.originals(&app(), &room_id("room"), &"a".into(), kept[1].row, 2).await.unwrap();
    assert_eq!(page, kept[2..4]);
    for (app, room, id) in
        [(app(), "room", "b"), (app(), "room", "c"), (app(), "other", "a"), (AppId::from("x"), "room", "a")]
    {
        let found = store.originals(&app, &room_id(room), &MessageId::from(id), 0, 10).await.unwrap();
        assert_eq!(found, [], "{app} {room} {id}");
    }
    store.close().await.unwrap();
}

pub(crate) async fn is_not_kept_when_nobody_wants_it(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    store.keep_evidence(Keeps { originals: 0, addresses: 0 }).await.unwrap();
    append(&store, NewMessage { original: Some(text("x")), ..by("ann", "a") }, NOW).await;
    modify(&store, "a", edit("y", Some("z")), NOW).await;
    modify(&store, "a", Edit::Recall, NOW).await;
    assert_eq!(originals(&store, "a").await, []);
    assert_eq!(store.message(&app(), &room_id("room"), &"a".into()).await.unwrap().unwrap().address, None);
    store.close().await.unwrap();
}

async fn sweep(store: &Arc<dyn Store>, retention: &Retention, now: Millis) {
    while store.sweep(retention, now).await.unwrap().more {}
}

pub(crate) async fn goes_when_it_is_old(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, by("ann", "a"), NOW).await;
    for day in 0..10 {
        for n in 0..60 {
            modify(&store, "a", edit(&format!("{day} {n}"), None), NOW.plus(day * DAY)).await;
        }
    }
    sweep(&store, &RETENTION, NOW.plus(RETENTION.evidence.originals + 2 * DAY)).await;
    let left = originals(&store, "a").await;
    assert_eq!((left.len(), left[0].kept_at), (480, NOW.plus(2 * DAY)), "what is exactly that old stays");
    let none = Retention { evidence: Keeps { originals: 0, addresses: 0 }, ..RETENTION };
    sweep(&store, &none, NOW.plus(10 * DAY)).await;
    assert_eq!(originals(&store, "a").await, []);
    store.close().await.unwrap();
}

/// Message by message, the oldest first, in any number of slices; imported ones too.
pub(crate) async fn addresses_go_when_they_are_old(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other"]).await;
    for number in 0..1500 {
        let room = ["room", "other"][number % 2];
        // Many of one time.
        let time = NOW.plus(number as i64 / 700 * HOUR);
        append(&store, NewMessage { room: room_id(room), ..by("ann", &number.to_string()) }, time).await;
    }
    let addresses = async || {
        let query =
            HistoryQuery { older: None, newer: None, direction: Direction::New, limit: 2000, lctype: None };
        let all = store.history_of_app(&app(), None, &query).await.unwrap();
        all.iter().filter(|(_, message)| message.address.is_some()).count()
    };
    assert_eq!(addresses().await, 1500);
    let old = RETENTION.evidence.addresses;
    sweep(&store, &RETENTION, NOW.plus(old)).await;
    assert_eq!(addresses().await, 1500, "exactly that old");
    sweep(&store, &RETENTION, NOW.plus(old + 1)).await;
    assert_eq!(addresses().await, 800);
    sweep(&store, &RETENTION, NOW.plus(old + HOUR + 1)).await;
    assert_eq!(addresses().await, 100);
    // What is imported behind the sweep does not bring an address along.
    store.keep_evidence(RETENTION.evidence).await.unwrap();
    let late = |id: &str, time| grandstand::store::StoredMessage { address: here(), ..imported(id, time) };
    let messages = vec![late("old", NOW), late("new", NOW.plus(old + HOUR))];
    store.import_messages(&app(), &room_id("room"), messages, NOW.plus(old + HOUR + 1)).await.unwrap();
    assert_eq!(addresses().await, 101);
    sweep(&store, &RETENTION, NOW.plus(old + 3 * HOUR)).await;
    assert_eq!(addresses().await, 1);
    store.close().await.unwrap();
}

pub(crate) async fn a_client_is_erased_in_slices(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other"]).await;
    for number in 0..1200 {
        let (name, room) = (["ann", "bob"][number % 2], ["room", "other"][number / 2 % 2]);
        let message = NewMessage { room: room_id(room), ..by(name, &number.to_string()) };
        append(&store, message, NOW.plus(number as i64 / 10)).await;
        if number < 8 && room == "room" {
            modify(&store, &number.to_string(), Edit::Recall, NOW.plus(number as i64)).await;
        }
    }
    let erasure = Erasure { client: client("ann"), till: NOW.plus(DAY), messages: false, after: None };
    let (erased, slices) = erase_all(&store, erasure.clone()).await;
    assert_eq!((erased.originals, erased.addresses, erased.messages), (2, 600, 0));
    assert!(slices > 1, "{slices}");
    assert_eq!(erased.rooms, []);
    assert_eq!(originals(&store, "0").await, []);
    assert_eq!(originals(&store, "1").await.len(), 1, "bob's");
    let (again, _) = erase_all(&store, erasure.clone()).await;
    assert_eq!(again, Erased::default(), "once");

    let (erased, _) = erase_all(&store, Erasure { messages: true, ..erasure }).await;
    assert_eq!((erased.originals, erased.addresses, erased.messages), (0, 0, 600));
    let mut rooms = erased.rooms;
    rooms.sort();
    rooms.dedup();
    assert_eq!(rooms, [room_id("other"), room_id("room")]);
    for room in ["room", "other"] {
        let left = everything(&store, &app(), room).await;
        assert!(
            left.len() == 300
                && left.iter().all(|message| message.from == "bob" && message.address == here())
        );
    }
    store.note_visitors(7, vec![Visitor { app: app(), client: 42 }]).await.unwrap();
    assert!(store.forget_visitor(&app(), 7, 42).await.unwrap());
    assert!(!store.forget_visitor(&app(), 7, 42).await.unwrap());
    assert_eq!(store.visitors(7).await.unwrap(), []);
    store.close().await.unwrap();
}

pub(crate) async fn what_a_client_sends_later_stays(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, by("ann", "before"), NOW).await;
    append(&store, by("ann", "after"), NOW.plus(10)).await;
    modify(&store, "before", edit("x", None), NOW.plus(1)).await;
    modify(&store, "after", edit("x", None), NOW.plus(11)).await;
    let erasure = Erasure { client: client("ann"), till: NOW.plus(10), messages: true, after: None };
    let (erased, _) = erase_all(&store, erasure).await;
    assert_eq!((erased.originals, erased.messages), (1, 1));
    assert_eq!(ids(&everything(&store, &app(), "room").await), ["after"]);
    assert_eq!(originals(&store, "after").await.len(), 1);
    store.close().await.unwrap();
}

pub(crate) async fn a_will_keeps_what_it_was(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for (number, erased) in [(1, false), (2, true)] {
        let id = format!("will {number}");
        let message = NewMessage { original: Some(text("rude")), ..by("ann", &id) };
        let identity = identity("ann", number);
        let will = Will { identity, node: node(), message, transient: false };
        store.hold_will(will, 8, NOW).await.unwrap();
        if erased {
            let erasure = Erasure { client: client("ann"), till: NOW, messages: false, after: None };
            erase_all(&store, erasure).await;
        }
        store.drop_session(&app(), SessionId(number), None, None, NOW).await.unwrap();
        store.send_wills(&app(), dropped(number, NOW), NOW.plus(1)).await.unwrap();
        let kept = if erased { vec![] } else { vec![(Cause::Filtered, text("rude"))] };
        assert_eq!(told(&originals(&store, &id).await), kept);
        let sent = store.message(&app(), &room_id("room"), &MessageId::from(&*id)).await.unwrap().unwrap();
        assert_eq!(sent.address.is_some(), !erased);
    }
    store.close().await.unwrap();
}
