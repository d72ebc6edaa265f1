//! Who did what.

use std::{net::IpAddr, sync::Arc};

use grandstand::store::{ActorFilter, AuditActor, AuditEntry, AuditQuery, Retention, Store};
use grandstand_protocol::{AppId, MessageId};
use grandstand_room::{clock::Millis, moderation::Role};
use serde_json::json;

use crate::{Place, fixture::*};

fn entry(at: Millis, actor: AuditActor) -> AuditEntry {
    AuditEntry {
        app: app(),
        at,
        actor,
        address: None,
        action: "kick".to_owned(),
        room: None,
        message: None,
        clients: Vec::new(),
        details: json!({}),
    }
}

fn by_client(name: &str, role: Option<Role>) -> AuditActor {
    AuditActor::Client { id: client(name), role }
}

async fn found(store: &Arc<dyn Store>, query: AuditQuery) -> Vec<AuditEntry> {
    let page = store.acts(&app(), &AuditQuery { limit: 1000, ..query }).await.unwrap();
    page.into_iter().map(|(_, entry)| entry).collect()
}

pub(crate) async fn what_was_done_comes_back(place: &dyn Place) {
    let store = place.open().await;
    let whole = AuditEntry {
        address: Some("2001:db8::1".parse::<IpAddr>().unwrap()),
        action: "block".to_owned(),
        room: Some(room_id("a room \u{0}\n\"'%")),
        message: Some(MessageId::from("message")),
        clients: vec![client("evil\nclient"), client("\"},{\"")],
        details: json!({ "until": "2026-01-01T00:00:00.000Z", "lists": ["a"] }),
        ..entry(NOW, by_client("ann", Some(Role::Manager)))
    };
    let mut noted = vec![whole];
    for (number, actor) in
        [AuditActor::MasterKey, by_client("bob", None), AuditActor::AppKey, AuditActor::Nobody]
            .into_iter()
            .enumerate()
    {
        noted.push(entry(NOW.plus(number as i64), actor));
    }
    for entry in &noted {
        store.note_act(entry.clone()).await.unwrap();
    }
    store.note_act(AuditEntry { app: AppId::from("other"), ..noted[0].clone() }).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    noted.reverse();
    // Of one time, the one that was noted last comes first.
    assert_eq!(found(&store, AuditQuery::default()).await, noted);
    assert!(
        store
            .acts(&AppId::from("nobody's"), &AuditQuery { limit: 1, ..<_>::default() })
            .await
            .unwrap()
            .is_empty()
    );
    store.close().await.unwrap();
}

/// Every combination of conditions finds what a look at all entries would.
pub(crate) async fn conditions_are_all_kept(place: &dyn Place) {
    let store = place.open().await;
    let mut all = Vec::new();
    for number in 0..120_usize {
        let actor =
            [AuditActor::MasterKey, by_client("ann", None), by_client("bob", None), AuditActor::Nobody];
        let clients = [vec![], vec![client("x")], vec![client("x"), client("y"), client("x")]];
        let entry = AuditEntry {
            action: ["kick", "ban"][number / 2 % 2].to_owned(),
            room: [None, Some(room_id("a")), Some(room_id("b"))][number / 4 % 3].clone(),
            clients: clients[number / 12 % 3].clone(),
            // Several of one time, and one that is earlier than the one before it.
            ..entry(NOW.plus((number / 3 * 10) as i64 - (number % 7) as i64), actor[number % 4].clone())
        };
        store.note_act(entry.clone()).await.unwrap();
        all.push(entry);
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|number| std::cmp::Reverse((all[*number].at, *number)));
    let mut matched = 0;
    for number in 0..2 * 2 * 4 * 3 * 3 * 3 {
        let query = AuditQuery {
            from: [None, Some(NOW.plus(100))][number % 2],
            till: [None, Some(NOW.plus(290))][number / 2 % 2],
            actor: [
                None,
                Some(ActorFilter::MasterKey),
                Some(ActorFilter::AnyClient),
                Some(ActorFilter::Client(client("ann"))),
            ][number / 4 % 4]
                .clone(),
            action: [None, Some("ban"), Some("none")][number / 16 % 3].map(str::to_owned),
            room: [None, Some("a"), Some("none")][number / 48 % 3].map(room_id),
            client: [None, Some("x"), Some("y")][number / 144 % 3].map(client),
            ..AuditQuery::default()
        };
        let expected: Vec<&AuditEntry> =
            order.iter().map(|number| &all[*number]).filter(|entry| matches(&query, entry)).collect();
        let mut paged = Vec::new();
        let mut before = None;
        loop {
            let page = store.acts(&app(), &AuditQuery { before, limit: 7, ..query.clone() }).await.unwrap();
            before = page.last().map(|(place, _)| *place);
            if page.is_empty() {
                break;
            }
            paged.extend(page.into_iter().map(|(_, entry)| entry));
        }
        assert_eq!(paged.iter().collect::<Vec<_>>(), expected, "{query:?}");
        matched += paged.len();
    }
    assert!(matched > 1000, "the conditions found {matched}");
    store.close().await.unwrap();
}

fn matches(query: &AuditQuery, entry: &AuditEntry) -> bool {
    let actor = match &query.actor {
        None => true,
        Some(ActorFilter::MasterKey) => entry.actor == AuditActor::MasterKey,
        Some(ActorFilter::AnyClient) => matches!(entry.actor, AuditActor::Client { .. }),
        Some(ActorFilter::Client(id)) => {
            matches!(&entry.actor, AuditActor::Client { id: by, .. } if by == id)
        }
        Some(ActorFilter::AppKey | ActorFilter::Nobody) => unreachable!("not asked for"),
    };
    actor
        && query.from.is_none_or(|from| entry.at >= from)
        && query.till.is_none_or(|till| entry.at < till)
        && query.action.as_ref().is_none_or(|action| *action == entry.action)
        && query.room.as_ref().is_none_or(|room| entry.room.as_ref() == Some(room))
        && query.client.as_ref().is_none_or(|client| entry.clients.contains(client))
}

/// By age; and by number, of each actor's kind by itself: who makes many cannot make others' go.
pub(crate) async fn old_and_too_many_go(place: &dyn Place) {
    let store = place.open().await;
    store
        .note_act(AuditEntry { clients: vec![client("x")], ..entry(NOW, AuditActor::MasterKey) })
        .await
        .unwrap();
    for number in 0..1600 {
        store.note_act(entry(NOW.plus(10 + number), AuditActor::Nobody)).await.unwrap();
    }
    for number in 0..5 {
        let act = AuditEntry { app: AppId::from("other"), ..entry(NOW.plus(number), AuditActor::Nobody) };
        store.note_act(act).await.unwrap();
    }
    let retention = Retention { audit_entries: 1000, ..crate::retention::RETENTION };
    let mut slices = 1;
    while store.sweep(&retention, NOW.plus(SECOND * 10)).await.unwrap().more {
        slices += 1;
    }
    assert!(slices > 1, "in slices");
    let left = found(&store, AuditQuery { actor: Some(ActorFilter::Nobody), ..<_>::default() }).await;
    assert_eq!((left.len(), left.last().unwrap().at), (1000, NOW.plus(610)), "the newest stay");
    let about_x = AuditQuery { client: Some(client("x")), ..<_>::default() };
    assert_eq!(found(&store, about_x.clone()).await.len(), 1);
    let theirs =
        store.acts(&AppId::from("other"), &AuditQuery { limit: 10, ..<_>::default() }).await.unwrap();
    assert_eq!(theirs.len(), 5, "apps are apart");

    // What is exactly as old as that stays.
    let swept_at = NOW.plus(retention.audit + 700);
    while store.sweep(&retention, swept_at).await.unwrap().more {}
    let left = found(&store, AuditQuery::default()).await;
    assert_eq!((left.len(), left.last().unwrap().at), (910, NOW.plus(700)));
    assert_eq!(found(&store, about_x).await, []);
    // The counts are right: as many as were left out have a place again.
    for number in 0..90 {
        store.note_act(entry(NOW.plus(2000 + number), AuditActor::Nobody)).await.unwrap();
    }
    while store.sweep(&retention, swept_at).await.unwrap().more {}
    assert_eq!(found(&store, AuditQuery::default()).await.len(), 1000);
    store.close().await.unwrap();
}
