//! Who logged in on which day.

use std::collections::HashSet;

use grandstand::store::Visitor;
use grandstand_protocol::AppId;

use crate::{Place, fixture::*};

pub(crate) async fn are_counted_once_a_day(place: &dyn Place) {
    let visitor = |app: &AppId, client: u64| Visitor { app: app.clone(), client };
    let (app, other) = (app(), AppId::from("other"));
    let first = vec![visitor(&app, 1), visitor(&app, u64::MAX), visitor(&other, 1)];
    let store = place.open().await;
    store.note_visitors(100, first.clone()).await.unwrap();
    store.note_visitors(100, vec![visitor(&app, 1), visitor(&app, 2)]).await.unwrap();
    store.close().await.unwrap();

    let store = place.open().await;
    let known: HashSet<_> = store.visitors(100).await.unwrap().into_iter().collect();
    let expected: HashSet<_> = first.into_iter().chain([visitor(&app, 2)]).collect();
    assert_eq!(known, expected);
    assert_eq!(store.visitors(99).await.unwrap(), []);

    store.note_visitors(101, vec![visitor(&app, 1)]).await.unwrap();
    assert_eq!(store.visitors(101).await.unwrap(), [visitor(&app, 1)]);
    assert_eq!(store.visitors(100).await.unwrap(), [], "former days are forgotten");
    store.close().await.unwrap();
}
