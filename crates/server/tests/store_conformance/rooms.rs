//! Rooms: made, changed, removed, imported.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use grandstand::store::{ChangeError, CreateError, Store};
use grandstand_room::{attributes::AttributeUpdate, clock::Millis, room::Room};
use serde_json::json;

use crate::{Place, fixture::*};

const LIMIT: usize = 16 * 1024;

fn update(json: &serde_json::Value) -> AttributeUpdate {
    AttributeUpdate::parse(&json.to_string()).unwrap()
}

pub(crate) async fn made_once_and_found(place: &dyn Place) {
    let store = place.open().await;
    let data = object(&json!({"name": "final", "attr": {"z": 1, "a": [1.5, null, "弹幕"]}, "level": 3}));
    let made = Room { data, ..room("room") };
    store.create_room(&app(), made.clone()).await.unwrap();
    assert_eq!(store.room(&app(), &made.id).await.unwrap(), Some(made.clone()));
    let again = store.create_room(&app(), room("room")).await;
    assert!(matches!(again, Err(CreateError::Exists)), "{again:?}");
    assert_eq!(store.room(&app(), &room_id("nowhere")).await.unwrap(), None);
    store.close().await.unwrap();

    let store = place.open().await;
    let found = store.room(&app(), &made.id).await.unwrap().unwrap();
    assert_eq!(found, made, "as it was");
    assert!(found.data.keys().eq(["name", "attr", "level"]), "keys in their order");
    store.close().await.unwrap();
}

pub(crate) async fn changed_by_one_at_a_time(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let step = update(&json!({"attr.likes": {"__op": "Increment", "amount": 1}}));
    let id = room_id("room");
    let changes = (1..=30).map(|n| {
        let (store, step, id) = (&store, &step, &id);
        async move { store.update_room(&app(), id, step, LIMIT, NOW.plus(n)).await.unwrap() }
    });
    let likes = join_all(changes).await.into_iter().map(|(room, applied)| {
        assert_eq!(room.data, applied.data);
        room.data["attr"]["likes"].as_i64().unwrap()
    });
    let mut likes: Vec<_> = likes.collect();
    likes.sort_unstable();
    assert!(likes.into_iter().eq(1..=30), "none saw the same value");
    let found = store.room(&app(), &id).await.unwrap().unwrap();
    assert_eq!((&found.data["attr"]["likes"], found.updated_at), (&json!(30), NOW.plus(30)));
    store.close().await.unwrap();
}

pub(crate) async fn changed_never_backwards(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let renamed = update(&json!({"name": "new"}));
    let changed = store.update_room(&app(), &room_id("room"), &renamed, LIMIT, NOW.plus(-HOUR)).await;
    assert_eq!(changed.unwrap().0.updated_at, NOW);
    let missing = store.update_room(&app(), &room_id("nowhere"), &renamed, LIMIT, NOW).await;
    assert!(matches!(missing, Err(ChangeError::NoRoom)), "{missing:?}");
    append(&store, message("room", "a"), NOW.plus(DAY)).await;
    let found = store.room(&app(), &room_id("room")).await.unwrap().unwrap();
    assert_eq!(found.updated_at, NOW, "messages do not touch it");
    store.close().await.unwrap();
}

pub(crate) async fn a_refused_change_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let made = Room { data: object(&json!({"name": "final"})), ..room("room") };
    store.create_room(&app(), made.clone()).await.unwrap();
    let refused = [
        store
            .update_room(&app(), &made.id, &update(&json!({"attr": "x".repeat(100)})), 50, NOW.plus(1))
            .await,
        store
            .update_room(
                &app(),
                &made.id,
                &update(&json!({"name": {"__op": "Increment", "amount": 1}})),
                LIMIT,
                NOW,
            )
            .await,
    ];
    for outcome in refused {
        assert!(matches!(outcome, Err(ChangeError::Update(_))), "{outcome:?}");
    }
    assert_eq!(store.room(&app(), &made.id).await.unwrap(), Some(made));
    store.close().await.unwrap();
}

pub(crate) async fn removed_with_everything(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    append(&store, message("room", "a"), NOW).await;
    append(&store, message("other room", "b"), NOW).await;
    enter(&store, "ann", 1, "room").await;
    let id = room_id("room");
    assert!(store.delete_room(&app(), &id).await.unwrap());
    assert!(!store.delete_room(&app(), &id).await.unwrap(), "it is gone");
    assert_eq!(store.room(&app(), &id).await.unwrap(), None);
    assert_eq!(everything(&store, &app(), "room").await, []);
    assert_eq!(store.message(&app(), &id, &"a".into()).await.unwrap(), None);
    assert!(store.append(message("room", "c"), NOW).await.is_err());
    assert_eq!(ids(&everything(&store, &app(), "other room").await), ["b"]);

    make_rooms(&store, &["room"]).await;
    assert_eq!(everything(&store, &app(), "room").await, [], "the next of that id begins empty");
    assert_eq!(append(&store, message("room", "d"), NOW).await.number, 1);
    let returned = vec![imported("a", NOW)];
    let outcome = store.import_messages(&app(), &id, returned, NOW).await.unwrap();
    assert_eq!(outcome.stored, 1, "the old id is free");
    store.close().await.unwrap();
}

pub(crate) async fn imported_as_they_were(place: &dyn Place) {
    let store = place.open().await;
    let old = Room {
        id: room_id("an id from elsewhere"),
        creator: String::new(),
        data: object(&json!({"name": "old", "anything": {"deep": [true]}})),
        created_at: NOW.plus(-900 * DAY),
        updated_at: NOW.plus(-300 * DAY),
        last_message_at: Some(NOW.plus(-200 * DAY)),
    };
    assert!(store.import_room(&app(), old.clone(), NOW).await.unwrap());
    assert_eq!(store.room(&app(), &old.id).await.unwrap(), Some(old.clone()));
    let other = Room { creator: "changed".to_owned(), ..old.clone() };
    assert!(!store.import_room(&app(), other, NOW).await.unwrap());
    assert_eq!(store.room(&app(), &old.id).await.unwrap(), Some(old), "one that is there stays as it is");
    store.close().await.unwrap();
}

/// It may lag a few seconds.
async fn last_message_becomes(store: &Arc<dyn Store>, expected: Option<Millis>) {
    let last = async || store.room(&app(), &room_id("room")).await.unwrap().unwrap().last_message_at;
    let wait = async {
        while last().await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "{:?} stays", last().await);
}

pub(crate) async fn last_message_follows(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    last_message_becomes(&store, None).await;
    append(&store, message("room", "a"), NOW.plus(1)).await;
    append(&store, message("room", "b"), NOW.plus(2)).await;
    last_message_becomes(&store, Some(NOW.plus(2))).await;
    let batch = vec![imported("older", NOW), imported("newer", NOW.plus(3))];
    store.import_messages(&app(), &room_id("room"), batch, NOW).await.unwrap();
    last_message_becomes(&store, Some(NOW.plus(3))).await;
    store.close().await.unwrap();
}
