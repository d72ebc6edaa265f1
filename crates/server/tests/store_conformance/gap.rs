//! What a receiver missed: ranges by number, HIGH messages of a gap.

use grandstand::store::{Edit, Most};
use grandstand_protocol::{Body, Mentions};

use crate::{Place, fixture::*};

pub(crate) async fn ranges_are_live_messages_by_number(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for n in 1..=9 {
        append(&store, message("room", &format!("{n}")), NOW).await;
    }
    store.import_messages(&app(), &room_id("room"), vec![imported("import", NOW)], NOW).await.unwrap();
    for (first, last, expected) in [(3, 5, vec!["3", "4", "5"]), (8, 20, vec!["8", "9"]), (5, 4, vec![])] {
        let range = store.range(&app(), &room_id("room"), first, last).await.unwrap();
        assert_eq!(ids(&range), expected, "{first} to {last}");
    }
    store.close().await.unwrap();
}

pub(crate) async fn gaps_hold_high_messages(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room", "other room"]).await;
    for n in 1..=12 {
        let make = if n % 3 == 0 { high } else { message };
        append(&store, make("room", &format!("{n}")), NOW).await;
        append(&store, high("other room", &format!("other {n}")), NOW).await;
    }
    let some = |messages| Most { messages, bytes: usize::MAX };
    let table = [
        (0, 12, some(10), vec!["3", "6", "9", "12"]),
        (3, 11, some(10), vec!["6", "9"]),
        (0, 12, some(2), vec!["9", "12"]),
        (12, 12, some(10), vec![]),
        // Each takes a little more than 120 bytes: with the second, the bytes are reached.
        (0, 12, Most { messages: 10, bytes: 200 }, vec!["9", "12"]),
        (0, 12, Most { messages: 10, bytes: 1 }, vec!["12"]),
    ];
    for (after, last, most, expected) in table {
        let gap = store.gap(&app(), &room_id("room"), after, last, most).await.unwrap();
        assert_eq!(ids(&gap), expected, "after {after}, up to {last}, {most:?}");
    }
    store.close().await.unwrap();
}

pub(crate) async fn gaps_leave_out_the_recalled(place: &dyn Place) {
    let store = place.open().await;
    make_rooms(&store, &["room"]).await;
    for id in ["first", "recalled", "edited"] {
        append(&store, high("room", id), NOW).await;
    }
    let new = Body::Text("new text".to_owned());
    let edit =
        Edit::Replace { body: new.clone(), mentions: Mentions::default(), lctype: None, original: None };
    for (id, edit) in [("recalled", Edit::Recall), ("edited", edit)] {
        store.modify(&app(), &room_id("room"), &id.into(), Some(&client("sender")), edit, NOW).await.unwrap();
    }
    // The limit counts what is delivered.
    let gap =
        store.gap(&app(), &room_id("room"), 0, 3, Most { messages: 2, bytes: usize::MAX }).await.unwrap();
    assert_eq!(ids(&gap), ["first", "edited"]);
    assert_eq!(gap[1].body, new);
    store.close().await.unwrap();
}
