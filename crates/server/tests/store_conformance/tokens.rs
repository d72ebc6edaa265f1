//! Keys of session tokens, and tokens that no longer count.

use grandstand::store::Revocation;
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

pub(crate) async fn revocations_last_as_long_as_tokens(place: &dyn Place) {
    let life = REVOCATIONS_KEPT;
    let store = place.open().await;
    let session = Revocation::Session { app: app(), session: SessionId(u128::MAX - 7) };
    let before = |name: &str, time| Revocation::Before { app: app(), client: client(name), time };
    let elsewhere = Revocation::Session { app: AppId::from("other app"), session: SessionId(1) };
    for (revocation, at) in [
        (session.clone(), NOW),
        (before("ann", NOW), NOW),
        (before("ann", NOW.plus(-HOUR)), NOW.plus(HOUR)),
        (before("bob", NOW), NOW.plus(HOUR)),
        (elsewhere.clone(), NOW.plus(2 * HOUR)),
    ] {
        store.revoke(revocation, at).await.unwrap();
    }
    store.close().await.unwrap();

    let store = place.open().await;
    let in_force = async |at| {
        let mut found = store.revocations(at).await.unwrap();
        found.sort_by_key(|revocation| format!("{revocation:?}"));
        found
    };
    let mut all = vec![session, before("ann", NOW), before("bob", NOW), elsewhere.clone()];
    all.sort_by_key(|revocation| format!("{revocation:?}"));
    assert_eq!(in_force(NOW.plus(life - 1)).await, all, "the later of two times holds");
    let ann = before("ann", NOW);
    assert!(!in_force(NOW.plus(life + HOUR + 1)).await.contains(&ann));
    assert_eq!(in_force(NOW.plus(life + HOUR + 1)).await, [elsewhere]);
    assert_eq!(in_force(NOW.plus(life + 3 * HOUR)).await, []);
    store.close().await.unwrap();
}
