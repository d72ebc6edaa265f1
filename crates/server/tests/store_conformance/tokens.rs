//! Keys of session tokens, and tokens that no longer count.

use std::sync::Arc;

use futures_util::future::join_all;
use grandstand::store::{Keeps, Retention, Revocation, Store};
use grandstand_protocol::AppId;
use grandstand_room::{session::SessionId, token::REVOCATIONS_KEPT};

use crate::{Place, fixture::*};

pub(crate) async fn keys_are_made_once(place: &dyn Place) {
    let store = place.open().await;
    let (first, second) = tokio::join!(store.token_keys(NOW), store.token_keys(NOW));
    let current = first.unwrap().current;
    assert_eq!(second.unwrap().current, current);
    assert_ne!(current, [0; 32]);
    store.close().await.unwrap();

    let store = place.open().await;
    let keys = store.token_keys(NOW.plus(DAY)).await.unwrap();
    assert_eq!((keys.current, keys.previous), (current, None), "tokens outlive the process");
    store.close().await.unwrap();
}

fn revoked(session: u128) -> Revocation {
    Revocation::Session { app: app(), session: SessionId(session) }
}

async fn is_revoked(store: &Arc<dyn Store>, app: AppId, session: u128) -> bool {
    store.known(&app, &client("ann"), Some(SessionId(session))).await.unwrap().is_revoked
}

pub(crate) async fn revoked_logins_are_found_with_what_is_remembered(place: &dyn Place) {
    const LOGINS: u128 = 600;
    let other = AppId::from("other app");
    let store = place.open().await;
    make_rooms(&store, &["a"]).await;
    let of_other = Revocation::Session { app: other.clone(), session: SessionId(1) };
    store.revoke(of_other, NOW).await.unwrap();
    let ids = || (0..LOGINS).map(|n| u128::MAX - n);
    join_all(ids().step_by(2).map(|id| store.revoke(revoked(id), NOW))).await;
    store.revoke(revoked(u128::MAX), NOW).await.unwrap();
    enter(&store, "ann", 1, "a").await;
    store.close().await.unwrap();

    let store = place.open().await;
    // All at once, so that some are looked up together.
    let found = join_all(ids().map(|id| is_revoked(&store, app(), id))).await;
    let expected: Vec<_> = (0..LOGINS).map(|n| n % 2 == 0).collect();
    assert_eq!(found, expected, "after a restart, too");
    assert!(is_revoked(&store, other, 1).await && !is_revoked(&store, app(), 1).await, "app by app");
    assert!(!is_revoked(&store, AppId::from("unknown"), 1).await);
    let known = store.known(&app(), &client("ann"), Some(SessionId(u128::MAX))).await.unwrap();
    assert_eq!((known.is_revoked, known.sessions.len()), (true, 1), "another login of the client stays");
    assert!(!store.known(&app(), &client("ann"), None).await.unwrap().is_revoked);
    assert_eq!(store.revoked_clients(NOW).await.unwrap(), [], "logins are not among them");
    store.close().await.unwrap();
}

pub(crate) async fn revoked_logins_go_when_no_token_of_theirs_lives(place: &dyn Place) {
    const LOGINS: u128 = 1200;
    let retention = Retention {
        messages: 365 * DAY,
        rooms: 365 * DAY,
        sessions: DAY,
        audit: 365 * DAY,
        audit_entries: 1000,
        evidence: Keeps { originals: 30 * DAY, addresses: 90 * DAY },
    };
    let store = place.open().await;
    join_all((0..LOGINS).map(|id| store.revoke(revoked(id), NOW))).await;
    let again = NOW.plus(HOUR);
    store.revoke(revoked(0), again).await.unwrap();
    let left = async || {
        let found = join_all((0..LOGINS).map(|id| is_revoked(&store, app(), id))).await;
        found.into_iter().filter(|is_revoked| *is_revoked).count()
    };
    store.sweep(&retention, NOW.plus(REVOCATIONS_KEPT - 1)).await.unwrap();
    assert_eq!(left().await, LOGINS as usize);
    let late = NOW.plus(REVOCATIONS_KEPT + 1);
    let first = store.sweep(&retention, late).await.unwrap();
    let after_one = left().await;
    assert!(first.more && after_one > 1, "a slice is small, and says that there is more: {after_one} left");
    while store.sweep(&retention, late).await.unwrap().more {}
    assert_eq!(left().await, 1, "the one that was revoked again");
    store.sweep(&retention, again.plus(REVOCATIONS_KEPT + 1)).await.unwrap();
    assert_eq!(left().await, 0);
    store.close().await.unwrap();
}

pub(crate) async fn clients_stay_revoked_as_long_as_tokens_live(place: &dyn Place) {
    let life = REVOCATIONS_KEPT;
    let elsewhere = AppId::from("other app");
    let store = place.open().await;
    for (of, name, time, at) in [
        (app(), "ann", NOW, NOW),
        (app(), "ann", NOW.plus(-HOUR), NOW.plus(HOUR)),
        (app(), "bob", NOW, NOW.plus(HOUR)),
        (elsewhere.clone(), "ann", NOW, NOW.plus(2 * HOUR)),
    ] {
        store.revoke(Revocation::Before { app: of, client: client(name), time }, at).await.unwrap();
    }
    store.close().await.unwrap();

    let store = place.open().await;
    let in_force = async |at| {
        let mut found = store.revoked_clients(at).await.unwrap();
        found.sort_by_key(|(app, client, _)| (app.as_str().to_owned(), client.to_string()));
        found
    };
    let ann = (app(), client("ann"), NOW);
    let of_other = (elsewhere, client("ann"), NOW);
    let all = [ann, (app(), client("bob"), NOW), of_other.clone()];
    assert_eq!(in_force(NOW.plus(life - 1)).await, all, "the later of two times holds");
    assert_eq!(in_force(NOW.plus(life + HOUR + 1)).await, [of_other]);
    assert_eq!(in_force(NOW.plus(life + 3 * HOUR)).await, []);
    store.close().await.unwrap();
}
