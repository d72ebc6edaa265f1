//! Edits and recalls.

use grandstand::store::{Appended, Edit, ModifyError, Most, NewMessage};
use grandstand_protocol::{Body, Mentions, MessageId};
use grandstand_room::{clock::Millis, content};

use crate::{Place, fixture::*};

fn replace(text: &str) -> Edit {
    let mentions = Mentions { all: true, clients: vec!["bob".to_owned()] };
    Edit::Replace { body: Body::Text(text.to_owned()), mentions, lctype: Some(-1), original: None }
}

pub(crate) async fn an_edit_shows_everywhere(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "a"), NOW).await;
    let (room, id, later) = (room_id("room"), MessageId::from("a"), NOW.plus(SECOND));
    let patched = store
        .modify(&app(), &room, &id, Some(&client("sender")), replace("new"), later)
        .await
        .unwrap()
        .message;
    assert_eq!((patched.number, patched.timestamp), (1, NOW), "it keeps its place");
    assert_eq!((&patched.body, patched.lctype), (&Body::Text("new".to_owned()), Some(-1)));
    assert_eq!(patched.mentions, Mentions { all: true, clients: vec!["bob".to_owned()] });
    assert_eq!((patched.patched_at, patched.recalled), (Some(later), false));
    assert_eq!(everything(&store, &app(), "room").await, std::slice::from_ref(&patched));
    assert_eq!(store.message(&app(), &room, &id).await.unwrap().as_ref(), Some(&patched));
    assert_eq!(store.patches(&app(), &room, NOW, 10).await.unwrap(), [patched]);
    store.close().await.unwrap();
}

pub(crate) async fn a_change_is_for_whom_the_message_was(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    let audience = Some(vec![client("ann"), client("bob")]);
    append(&store, NewMessage { audience: audience.clone(), ..high("room", "a") }, NOW).await;
    append(&store, high("room", "b"), NOW).await;
    let room = room_id("room");
    for (id, audience) in [("a", audience), ("b", None)] {
        for edit in [replace("new"), Edit::Recall] {
            let patched = store.modify(&app(), &room, &id.into(), None, edit, NOW).await.unwrap().message;
            assert_eq!(patched.audience, audience);
        }
        let patches = store.patches(&app(), &room, NOW, 10).await.unwrap();
        let found = patches.iter().find(|patch| patch.id.as_str() == id).unwrap();
        assert_eq!(found.audience, audience);
    }
    store.close().await.unwrap();
}

pub(crate) async fn a_recall_leaves_the_stub(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "a"), NOW).await;
    let (room, id) = (room_id("room"), MessageId::from("a"));
    let patched =
        store.modify(&app(), &room, &id, Some(&client("sender")), Edit::Recall, NOW).await.unwrap().message;
    assert_eq!((&patched.body, patched.lctype), (&content::recall_stub(), Some(content::RECALLED)));
    assert_eq!((patched.recalled, &patched.mentions), (true, &Mentions::default()));
    assert_eq!(everything(&store, &app(), "room").await, [patched]);
    store.close().await.unwrap();
}

pub(crate) async fn only_the_author_may(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    append(&store, message("room", "a"), NOW).await;
    let (app, id) = (app(), MessageId::from("a"));
    let refused =
        store.modify(&app, &room_id("room"), &id, Some(&client("somebody")), Edit::Recall, NOW).await;
    assert!(matches!(refused, Err(ModifyError::NotAuthor)), "{refused:?}");
    for (room, id) in [("room", "unknown"), ("other room", "a"), ("nowhere", "a")] {
        let refused =
            store.modify(&app, &room_id(room), &id.into(), Some(&client("sender")), Edit::Recall, NOW).await;
        assert!(matches!(refused, Err(ModifyError::NotFound)), "{id} in {room}: {refused:?}");
    }
    assert_eq!(everything(&store, &app, "room").await[0].body, Body::Text("text of a".to_owned()));
    store.close().await.unwrap();
}

pub(crate) async fn who_may_do_all_names_no_author(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "a"), NOW).await;
    append(&store, message("room", "b"), NOW).await;
    let (app, room) = (app(), room_id("room"));
    let edited = store.modify(&app, &room, &"a".into(), None, replace("new"), NOW).await.unwrap().message;
    assert_eq!((edited.from.as_str(), &edited.body), ("sender", &Body::Text("new".to_owned())));
    assert!(store.modify(&app, &room, &"b".into(), None, Edit::Recall, NOW).await.unwrap().message.recalled);
    let unknown = store.modify(&app, &room, &"c".into(), None, Edit::Recall, NOW).await;
    assert!(matches!(unknown, Err(ModifyError::NotFound)), "{unknown:?}");
    store.close().await.unwrap();
}

pub(crate) async fn a_deleted_message_is_gone(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    for id in ["a", "b", "c"] {
        append(&store, NewMessage { dedupe: Some(id.to_owned()), ..high("room", id) }, NOW).await;
    }
    let (app, room) = (app(), room_id("room"));
    let refused = store.delete_message(&app, &room, &"b".into(), Some(&client("somebody"))).await;
    assert!(matches!(refused, Err(ModifyError::NotAuthor)), "{refused:?}");
    for (room, id) in [("room", "unknown"), ("other room", "b"), ("nowhere", "b")] {
        let refused = store.delete_message(&app, &room_id(room), &id.into(), None).await;
        assert!(matches!(refused, Err(ModifyError::NotFound)), "{id} in {room}: {refused:?}");
    }
    assert_eq!(ids(&everything(&store, &app, "room").await), ["a", "b", "c"]);
    store.delete_message(&app, &room, &"b".into(), Some(&client("sender"))).await.unwrap();
    store.delete_message(&app, &room, &"c".into(), None).await.unwrap();
    let again = store.delete_message(&app, &room, &"c".into(), None).await;
    assert!(matches!(again, Err(ModifyError::NotFound)), "{again:?}");
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(ids(&everything(&store, &app, "room").await), ["a"]);
    assert_eq!(store.message(&app, &room, &"b".into()).await.unwrap(), None);
    assert_eq!(ids(&store.range(&app, &room, 1, 9).await.unwrap()), ["a"]);
    assert_eq!(
        ids(&store.gap(&app, &room, 0, 9, Most { messages: 9, bytes: usize::MAX }).await.unwrap()),
        ["a"]
    );
    assert_eq!(ids_of_app(&store.history_of_app(&app, None, &all()).await.unwrap()), ["a"]);
    let retry = NewMessage { dedupe: Some("b".to_owned()), ..high("room", "b again") };
    let first = Appended::Duplicate { id: "b".into(), timestamp: NOW };
    assert_eq!(store.append(retry, NOW).await.unwrap(), first, "its mark stays taken");
    assert_eq!(append(&store, message("room", "d"), NOW).await.number, 4, "no number is given twice");
    store.close().await.unwrap();
}

pub(crate) async fn patches_come_in_order(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for n in 0..6 {
        append(&store, message("room", &format!("{n}")), NOW).await;
    }
    // The last first, one second apart.
    for n in (0..6).rev() {
        let id = MessageId::from(format!("{n}"));
        let at = NOW.plus((6 - n) * SECOND);
        store
            .modify(&app(), &room_id("room"), &id, Some(&client("sender")), replace("new"), at)
            .await
            .unwrap();
    }
    let table =
        [(0, 10, vec!["5", "4", "3", "2", "1", "0"]), (4, 10, vec!["1", "0"]), (0, 2, vec!["1", "0"])];
    for (after, limit, expected) in table {
        let patches = store.patches(&app(), &room_id("room"), NOW.plus(after * SECOND), limit).await.unwrap();
        assert_eq!(ids(&patches), expected, "after {after} s, {limit} at most");
    }
    store.close().await.unwrap();
}

pub(crate) async fn patch_times_never_decrease(place: &dyn Place) {
    let mut last = Millis(0);
    for life in 0..2 {
        let store = place.open().await;
        if life == 0 {
            make_rooms(&store, &["room"]).await;
            append(&store, message("room", "a"), NOW).await;
        }
        for now in [NOW.plus(HOUR), NOW.plus(HOUR), NOW] {
            let (app, room, id, author) = (app(), room_id("room"), MessageId::from("a"), client("sender"));
            let edited = store.modify(&app, &room, &id, Some(&author), replace("new"), now).await.unwrap();
            let at = edited.message.patched_at.unwrap();
            assert!(at >= last && at >= now, "{at:?} after {last:?}");
            last = at;
        }
        store.close().await.unwrap();
    }
}

pub(crate) async fn a_recalled_message_stays_recalled(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "a"), NOW).await;
    let modify = |edit| {
        let store = &store;
        async move {
            store.modify(&app(), &room_id("room"), &"a".into(), Some(&client("sender")), edit, NOW).await
        }
    };
    let recalled = modify(Edit::Recall).await.unwrap();
    let edited = modify(replace("back again")).await;
    assert!(matches!(edited, Err(ModifyError::NotFound)), "{edited:?}");
    assert_eq!(modify(Edit::Recall).await.unwrap(), recalled, "a retry of the recall succeeds");
    store.close().await.unwrap();
}
