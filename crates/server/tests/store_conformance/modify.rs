//! Edits and recalls.

use grandstand::store::{Edit, ModifyError};
use grandstand_protocol::{Body, Mentions, MessageId};
use grandstand_room::{clock::Millis, content};

use crate::{Place, fixture::*};

fn replace(text: &str) -> Edit {
    let mentions = Mentions { all: true, clients: vec!["bob".to_owned()] };
    Edit::Replace { body: Body::Text(text.to_owned()), mentions, lctype: Some(-1) }
}

pub(crate) async fn an_edit_shows_everywhere(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "a"), NOW).await;
    let (room, id, later) = (room_id("room"), MessageId::from("a"), NOW.plus(SECOND));
    let patched =
        store.modify(&app(), &room, &id, &client("sender"), replace("new"), later).await.unwrap().message;
    assert_eq!((patched.number, patched.timestamp), (1, NOW), "it keeps its place");
    assert_eq!((&patched.body, patched.lctype), (&Body::Text("new".to_owned()), Some(-1)));
    assert_eq!(patched.mentions, Mentions { all: true, clients: vec!["bob".to_owned()] });
    assert_eq!((patched.patched_at, patched.recalled), (Some(later), false));
    assert_eq!(everything(&store, &app(), "room").await, std::slice::from_ref(&patched));
    assert_eq!(store.message(&app(), &room, &id).await.unwrap().as_ref(), Some(&patched));
    assert_eq!(store.patches(&app(), &room, NOW, 10).await.unwrap(), [patched]);
    store.close().await.unwrap();
}

pub(crate) async fn a_recall_leaves_the_stub(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    append(&store, message("room", "a"), NOW).await;
    let (room, id) = (room_id("room"), MessageId::from("a"));
    let patched =
        store.modify(&app(), &room, &id, &client("sender"), Edit::Recall, NOW).await.unwrap().message;
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
    let refused = store.modify(&app, &room_id("room"), &id, &client("somebody"), Edit::Recall, NOW).await;
    assert!(matches!(refused, Err(ModifyError::NotAuthor)), "{refused:?}");
    for (room, id) in [("room", "unknown"), ("other room", "a"), ("nowhere", "a")] {
        let refused =
            store.modify(&app, &room_id(room), &id.into(), &client("sender"), Edit::Recall, NOW).await;
        assert!(matches!(refused, Err(ModifyError::NotFound)), "{id} in {room}: {refused:?}");
    }
    assert_eq!(everything(&store, &app, "room").await[0].body, Body::Text("text of a".to_owned()));
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
        store.modify(&app(), &room_id("room"), &id, &client("sender"), replace("new"), at).await.unwrap();
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
            let edited = store.modify(&app, &room, &id, &author, replace("new"), now).await.unwrap();
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
        async move { store.modify(&app(), &room_id("room"), &"a".into(), &client("sender"), edit, NOW).await }
    };
    let recalled = modify(Edit::Recall).await.unwrap();
    let edited = modify(replace("back again")).await;
    assert!(matches!(edited, Err(ModifyError::NotFound)), "{edited:?}");
    assert_eq!(modify(Edit::Recall).await.unwrap(), recalled, "a retry of the recall succeeds");
    store.close().await.unwrap();
}
