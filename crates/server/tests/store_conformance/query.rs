//! Room queries against their meaning: the model in the rules.

use std::sync::Arc;

use grandstand::store::Store;
use grandstand_protocol::RoomId;
use grandstand_room::{
    clock::Millis,
    query::{Field, Filter, RoomQuery, Scalar, SortKey, Test},
    room::Room,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::{Place, fixture::*};

// Few values, so that rooms and filters meet.

fn time() -> impl Strategy<Value = Millis> {
    (0..4_i64).prop_map(|n| NOW.plus(n * SECOND))
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "ab", "B", "弹幕", "\0", "it's"]).prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        prop::sample::select(vec![json!(0), json!(1), json!(1.0), json!(1.5), json!(-2), json!(u64::MAX)]),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        time().prop_map(|time| json!({"__type": "Date", "iso": time.to_iso()})),
        Just(json!({"k": "a"})),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![4 => leaf(), 1 => prop::collection::vec(leaf(), 0..3).prop_map(Value::from)]
}

fn data() -> impl Strategy<Value = Map<String, Value>> {
    let attr = (prop::option::of(value()), prop::option::of(value()));
    (prop::option::of(value()), prop::option::of(attr), prop::option::of(value())).prop_map(
        |(name, attr, score)| {
            let attr = attr.map(|(topic, rank)| {
                let fields = [("topic", topic), ("rank", rank)];
                fields
                    .into_iter()
                    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                    .collect::<Map<_, _>>()
            });
            let fields = [("name", name), ("attr", attr.map(Value::from)), ("score", score)];
            fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
        },
    )
}

fn rooms() -> impl Strategy<Value = Vec<Room>> {
    let creator = prop::sample::select(vec!["", "a", "b"]);
    let room = (creator, data(), time(), time(), prop::option::of(time()));
    prop::collection::vec(room, 0..25).prop_map(|rooms| {
        let rooms = rooms.into_iter().enumerate();
        rooms
            .map(|(n, (creator, data, created_at, updated_at, last_message_at))| Room {
                id: RoomId::from(format!("{}{}", ["a", "B", "z"][n % 3], n)),
                creator: creator.to_owned(),
                data,
                created_at,
                updated_at,
                last_message_at,
            })
            .collect()
    })
}

fn field() -> impl Strategy<Value = Field> + Clone {
    let path = |keys: &[&str]| Field::Path(keys.iter().map(|key| (*key).to_owned()).collect());
    prop::sample::select(vec![
        Field::Id,
        Field::Creator,
        Field::CreatedAt,
        Field::UpdatedAt,
        Field::LastMessageAt,
        path(&["name"]),
        path(&["name"]),
        path(&["score"]),
        path(&["attr", "topic"]),
        path(&["attr", "rank"]),
        path(&["attr"]),
        path(&["name", "k"]),
    ])
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        prop_oneof![text(), (0..25_usize).prop_map(|n| format!("{}{n}", ["a", "B", "z"][n % 3]))]
            .prop_map(Scalar::Text),
        time().prop_map(Scalar::Date),
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        prop::sample::select(vec![json!(0), json!(1), json!(1.5), json!(u64::MAX)]).prop_map(|number| {
            match number {
                Value::Number(number) => Scalar::Number(number),
                _ => Scalar::Null,
            }
        }),
        value().prop_filter_map("an object or an array", |value| {
            (value.is_object() || value.is_array()).then_some(Scalar::Json(value))
        }),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let list = || prop::collection::vec(scalar(), 0..4);
    let pattern = prop::sample::select(vec!["a", "^b$", "(?i)AB", "^$", ".", "幕"]);
    prop_oneof![
        4 => scalar().prop_map(Test::Eq),
        1 => scalar().prop_map(Test::Ne),
        1 => scalar().prop_map(Test::Lt),
        1 => scalar().prop_map(Test::Lte),
        1 => scalar().prop_map(Test::Gt),
        1 => scalar().prop_map(Test::Gte),
        2 => list().prop_map(Test::In),
        1 => list().prop_map(Test::Nin),
        1 => any::<bool>().prop_map(Test::Exists),
        1 => (0..3_u32).prop_map(Test::Size),
        1 => pattern.prop_map(|pattern| Test::Regex(regex::Regex::new(pattern).unwrap())),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let one = (field(), test()).prop_map(|(field, test)| Filter::Is(field, test));
    one.prop_recursive(3, 8, 3, |inner| {
        let parts = prop::collection::vec(inner, 0..3);
        prop_oneof![parts.clone().prop_map(Filter::And), parts.prop_map(Filter::Or)]
    })
}

fn query() -> impl Strategy<Value = RoomQuery> {
    let key = (field(), any::<bool>()).prop_map(|(field, descending)| SortKey { field, descending });
    (filter(), prop::collection::vec(key, 0..3), 0..8_u32, 0..4_u32)
        .prop_map(|(filter, sort, limit, skip)| RoomQuery { filter, sort, limit, skip })
}

/// What the query means.
fn expected<'a>(rooms: &'a [Room], query: &RoomQuery) -> Vec<&'a Room> {
    let mut found: Vec<_> = rooms.iter().filter(|room| query.filter.matches(room)).collect();
    found.sort_by(|a, b| query.compare(a, b));
    found.into_iter().skip(query.skip as usize).take(query.limit as usize).collect()
}

async fn check(store: &Arc<dyn Store>, app: &grandstand_protocol::AppId, rooms: &[Room], query: &RoomQuery) {
    let found = store.find_rooms(app, query).await.unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), expected(rooms, query), "{query:?}");
    let all = rooms.iter().filter(|room| query.filter.matches(room)).count();
    assert_eq!(store.count_rooms(app, &query.filter).await.unwrap(), all as u64, "{:?}", query.filter);
}

pub(crate) async fn equals_the_model(place: &dyn Place) {
    let store = place.open().await;
    let mut runner = TestRunner::new(Config::default());
    for round in 0..16 {
        let app = grandstand_protocol::AppId::from(format!("app {round}"));
        let rooms = rooms().new_tree(&mut runner).unwrap().current();
        for room in &rooms {
            assert!(store.import_room(&app, room.clone(), NOW).await.unwrap());
        }
        for _ in 0..80 {
            check(&store, &app, &rooms, &query().new_tree(&mut runner).unwrap().current()).await;
        }
    }
    store.close().await.unwrap();
}

/// Every kind of look-up that clients poll with.
pub(crate) async fn looks_up_by_index(place: &dyn Place) {
    let store = place.open().await;
    let mut rooms = Vec::new();
    for n in 0..40_i64 {
        let data = object(&json!({"name": format!("name {}", n % 10), "attr": {"n": n}}));
        let at = NOW.plus(n * SECOND);
        let id = room_id(&format!("{n:024}"));
        let made = Room { id, data, updated_at: at, created_at: at, ..room("") };
        store.create_room(&app(), made.clone()).await.unwrap();
        rooms.push(made);
    }
    let text = |text: &str| Scalar::Text(text.to_owned());
    let name = Field::Path(vec!["name".to_owned()]);
    let id = |n: usize| text(rooms[n].id.as_str());
    let filters = [
        Filter::EVERYTHING,
        Filter::NOTHING,
        Filter::Is(Field::Id, Test::Eq(id(7))),
        Filter::Is(Field::Id, Test::In((0..40).step_by(3).map(id).chain([text("unknown")]).collect())),
        Filter::Is(name.clone(), Test::Eq(text("name 3"))),
        Filter::Is(name, Test::In(vec![text("name 3"), text("name 5")])),
        Filter::Is(Field::UpdatedAt, Test::Gt(Scalar::Date(NOW.plus(30 * SECOND)))),
        Filter::Is(Field::CreatedAt, Test::Lte(Scalar::Date(NOW.plus(5 * SECOND)))),
    ];
    let newest = SortKey { field: Field::LastMessageAt, descending: true };
    let by_change = SortKey { field: Field::UpdatedAt, descending: true };
    for filter in filters {
        for sort in [vec![], vec![newest.clone()], vec![by_change.clone()]] {
            let query = RoomQuery { filter: filter.clone(), sort, limit: 10, skip: 2 };
            check(&store, &app(), &rooms, &query).await;
        }
    }
    store.close().await.unwrap();
}

pub(crate) async fn counts(place: &dyn Place) {
    let store = place.open().await;
    let count = async |filter| store.count_rooms(&app(), &filter).await.unwrap();
    assert_eq!(count(Filter::EVERYTHING).await, 0, "an app that nobody has seen");
    make_rooms(&store, &["a", "b", "c"]).await;
    assert_eq!(count(Filter::EVERYTHING).await, 3);
    assert_eq!(count(Filter::NOTHING).await, 0);
    store.delete_room(&app(), &room_id("b")).await.unwrap();
    assert_eq!(count(Filter::EVERYTHING).await, 2);
    store.close().await.unwrap();
}

/// Newest message first, as SDKs ask by default, page by page.
pub(crate) async fn pages_through(place: &dyn Place) {
    let store = place.open().await;
    let names: Vec<_> = (0..25).map(|n| format!("room {n:02}")).collect();
    for name in &names {
        store.create_room(&app(), room(name)).await.unwrap();
    }
    // Every fifth has no message, the others two by two the same time.
    let mut spoken = Vec::new();
    for (n, name) in names.iter().enumerate().filter(|(n, _)| n % 5 != 0) {
        append(&store, message(name, &format!("{n}")), NOW.plus(n as i64 / 2)).await;
        spoken.push((-(n as i64 / 2), name.as_str()));
    }
    spoken.sort_unstable();
    let silent = names.iter().step_by(5).map(String::as_str);
    let expected: Vec<_> = spoken.into_iter().map(|(_, name)| name).chain(silent).collect();
    // `lm` may lag a few seconds.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let mut paged = Vec::new();
        for skip in (0..30).step_by(10) {
            let sort = vec![SortKey { field: Field::LastMessageAt, descending: true }];
            let query = RoomQuery { filter: Filter::EVERYTHING, sort, limit: 10, skip };
            paged.extend(store.find_rooms(&app(), &query).await.unwrap().into_iter().map(|room| room.id));
        }
        if paged.iter().map(RoomId::as_str).eq(expected.iter().copied()) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{paged:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    store.close().await.unwrap();
}

pub(crate) async fn is_walked_in_steps(place: &dyn Place) {
    let store = place.open().await;
    for number in 0..25 {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let data = object(&json!({ "name": name }));
        store.create_room(&app(), Room { data, ..room(&format!("r{number:02}")) }).await.unwrap();
    }
    store.create_room(&"other".into(), room("theirs")).await.unwrap();
    let even = RoomQuery::listing(Some(r#"{"name":"even"}"#), None, 0, 0).unwrap().filter;
    for (filter, step, expected) in
        [(Filter::EVERYTHING, 10, 25), (even.clone(), 10, 13), (even, 1, 13), (Filter::NOTHING, 10, 0)]
    {
        let (mut found, mut after, mut steps) = (Vec::new(), None, 0);
        loop {
            let walked = store.walk_rooms(&app(), &filter, after.as_ref(), step).await.unwrap();
            assert!(walked.rooms.len() <= step);
            found.extend(walked.rooms);
            after = walked.next;
            steps += 1;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), expected);
        assert!(found.is_sorted() && found.iter().all(|id| id.as_str().starts_with('r')), "{found:?}");
        assert!(steps <= 25 / step + 1, "{steps}");
    }
    let listed =
        RoomQuery::listing(Some(r#"{"objectId":{"$in":["r03","r20","none"]}}"#), None, 0, 0).unwrap();
    let walked = store.walk_rooms(&app(), &listed.filter, None, 1).await.unwrap();
    assert_eq!((walked.rooms.len(), walked.next), (2, None), "those that are named are looked up");
    assert_eq!(
        store.walk_rooms(&"nobody".into(), &Filter::EVERYTHING, None, 9).await.unwrap().rooms.len(),
        0
    );
    store.close().await.unwrap();
}
