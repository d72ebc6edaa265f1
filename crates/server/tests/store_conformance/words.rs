//! The word lists of apps.

use grandstand_protocol::AppId;

use crate::{Place, fixture::*};

pub(crate) async fn are_kept_as_a_whole(place: &dyn Place) {
    let (app, other) = (app(), AppId::from("other"));
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let store = place.open().await;
    assert_eq!(store.words(&app).await.unwrap(), None);
    assert!(!store.remove_words(&app).await.unwrap());
    store.set_words(&app, list(&["first", "坏 词", "\"'%"])).await.unwrap();
    store.set_words(&other, list(&["another"])).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(store.words(&app).await.unwrap(), Some(list(&["first", "坏 词", "\"'%"])));
    store.set_words(&app, list(&["second"])).await.unwrap();
    assert_eq!(store.words(&app).await.unwrap(), Some(list(&["second"])), "in place of the first");
    store.set_words(&app, Vec::new()).await.unwrap();
    assert_eq!(store.words(&app).await.unwrap(), Some(Vec::new()), "an empty list is a list");
    assert!(store.remove_words(&app).await.unwrap());
    assert_eq!(store.words(&app).await.unwrap(), None);
    assert_eq!(store.words(&other).await.unwrap(), Some(list(&["another"])), "apps are apart");
    store.close().await.unwrap();
}
