//! What queries mean, as tables; and that sorting is an order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use grandstand_protocol::{ClientId, ConversationQuery, RoomId};
use grandstand_room::{
    clock::Millis,
    query::{Field, Filter, QueryError, RoomQuery, Scalar, Test},
    room::Room,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn parse(query: &ConversationQuery) -> Result<RoomQuery, QueryError> {
    RoomQuery::parse(query, &ClientId::new("me").unwrap())
}

fn where_text(text: &str) -> ConversationQuery {
    ConversationQuery { filter: Some(text.to_owned()), ..ConversationQuery::default() }
}

fn filter(condition: &Value) -> Filter {
    parse(&where_text(&condition.to_string())).unwrap().filter
}

fn room(data: &Value) -> Room {
    Room {
        id: RoomId::from("65f000000000000000000001"),
        creator: "ann".to_owned(),
        data: data.as_object().unwrap().clone(),
        created_at: Millis::from_iso("2026-01-01T00:00:00.000Z").unwrap(),
        updated_at: Millis::from_iso("2026-02-01T00:00:00.000Z").unwrap(),
        last_message_at: None,
    }
}

fn date(iso: &str) -> Value {
    json!({ "__type": "Date", "iso": iso })
}

/// The conditions hold for a room with these data, or do not.
fn check(data: &Value, expected: bool, conditions: &[Value]) {
    let room = room(data);
    for condition in conditions {
        assert_eq!(filter(condition).matches(&room), expected, "{condition} on {data}");
    }
}

fn refused(text: &str) -> String {
    parse(&where_text(text)).expect_err(text).to_string()
}

#[test]
fn equality() {
    let data = json!({ "name": "final", "attr": { "topic": "cup", "level": 3 }, "tags": ["a", "b"], "n": 1, "none": null });
    check(
        &data,
        true,
        &[
            json!({}),
            json!({ "name": "final" }),
            json!({ "$and": [{ "name": "final" }] }),
            json!({ "attr.topic": "cup", "attr.level": 3 }),
            json!({ "attr.level": 3.0 }),
            json!({ "tags": "a" }),
            json!({ "tags": ["a", "b"] }),
            json!({ "attr": { "level": 3.0, "topic": "cup" } }),
            json!({ "missing": null }),
            json!({ "none": null }),
            json!({ "name.deeper": null }),
            json!({ "name": { "$ne": "semifinal" } }),
            json!({ "missing": { "$ne": "x" } }),
            json!({ "none": { "$exists": true } }),
            json!({ "name": { "$in": ["semifinal", "final"] } }),
            json!({ "missing": { "$in": ["x", null] } }),
            json!({ "missing": { "$nin": ["x"] } }),
            json!({ "missing": { "$nin": [] } }),
            json!({ "tags": { "$all": ["b", "a"] } }),
            json!({ "tags": { "$size": 2 } }),
            json!({ "$or": [{ "name": "x" }, { "n": 1 }] }),
        ],
    );
    check(
        &data,
        false,
        &[
            json!({ "name": "Final" }),
            json!({ "n": "1" }),
            json!({ "n": true }),
            json!({ "tags": ["b", "a"] }),
            json!({ "tags": ["a"] }),
            json!({ "attr": { "topic": "cup" } }),
            json!({ "name": null }),
            json!({ "name": { "$ne": "final" } }),
            json!({ "tags": { "$ne": "a" } }),
            json!({ "missing": { "$ne": null } }),
            json!({ "name": { "$in": [] } }),
            json!({ "tags": { "$nin": ["b"] } }),
            json!({ "missing": { "$nin": ["x", null] } }),
            json!({ "tags": { "$all": ["a", "c"] } }),
            json!({ "tags": { "$all": [] } }),
            json!({ "tags": { "$size": 1 } }),
            json!({ "name": { "$size": 5 } }),
            json!({ "name": { "$exists": false } }),
            json!({ "missing": { "$exists": 1 } }),
            json!({ "name": "final", "$or": [{ "n": 2 }, { "n": 3 }] }),
        ],
    );
}

#[test]
fn comparisons_hold_within_a_type() {
    let data = json!({ "n": 2.5, "t": "b", "list": [1, 10], "on": false, "at": date("2026-01-01T08:00:00.000+08:00") });
    check(
        &data,
        true,
        &[
            json!({ "n": { "$gt": 2, "$lt": 3 } }),
            json!({ "n": { "$gte": 2.5, "$lte": 2.5 } }),
            json!({ "t": { "$gt": "a" } }),
            json!({ "t": { "$lt": "ba" } }),
            json!({ "list": { "$gt": 5 } }),
            json!({ "list": { "$lt": 5 } }),
            json!({ "on": { "$lt": true } }),
            json!({ "at": date("2026-01-01T00:00:00.000Z") }),
            json!({ "at": { "$gte": date("2026-01-01T00:00:00.000Z") } }),
            json!({ "createdAt": { "$lt": date("2026-01-01T00:00:00.001Z") } }),
            json!({ "updatedAt": { "$gt": "2026-01-01T00:00:00.000Z" } }),
            json!({ "lm": { "$exists": false } }),
            json!({ "lm": null }),
        ],
    );
    check(
        &data,
        false,
        &[
            json!({ "n": { "$gt": 2.5 } }),
            json!({ "n": { "$gt": "1" } }),
            json!({ "t": { "$gt": 1 } }),
            json!({ "missing": { "$lte": 1 } }),
            json!({ "list": { "$gt": 10 } }),
            json!({ "at": "2026-01-01T00:00:00.000Z" }),
            json!({ "createdAt": { "$gt": date("2026-01-01T00:00:00.000Z") } }),
            json!({ "lm": { "$gt": date("1970-01-01T00:00:00.000Z") } }),
            json!({ "createdAt": { "$regex": "2026" } }),
        ],
    );
}

#[test]
fn large_numbers_are_compared_exactly() {
    let above = 9_007_199_254_740_993_i64; // 2^53 + 1, no f64
    check(&json!({ "n": above }), true, &[json!({ "n": { "$gt": 9_007_199_254_740_992.0 } })]);
    check(&json!({ "n": above }), false, &[json!({ "n": 9_007_199_254_740_992.0 })]);
    check(&json!({ "n": u64::MAX }), true, &[json!({ "n": { "$gt": -1.5, "$lt": 1e300 } })]);
    check(&json!({ "n": -1 }), true, &[json!({ "n": { "$gt": -1.5, "$lt": -0.5 } })]);
}

#[test]
fn what_all_rooms_share_is_decided_at_once() {
    for condition in [
        json!({ "tr": true }),
        json!({ "conv_type": 2 }),
        json!({ "conv_type": { "$in": [1, 2] } }),
        json!({ "sys": false, "temp": { "$ne": true }, "unique": { "$exists": true } }),
        json!({ "m": { "$size": 0 }, "mu": { "$ne": "me" } }),
        json!({ "$or": [{ "name": "x" }, { "tr": true }] }),
    ] {
        assert!(matches!(filter(&condition), Filter::And(parts) if parts.is_empty()), "{condition}");
    }
    for condition in [
        json!({ "tr": false }),
        json!({ "sys": true, "name": "x" }),
        json!({ "m": "me" }),
        json!({ "m": { "$all": ["me"] }, "tr": true }),
        json!({ "$or": [{ "conv_type": 1 }, { "$and": [{ "tr": { "$ne": true } }, { "name": "x" }] }] }),
    ] {
        assert!(filter(&condition).is_nothing(), "{condition}");
    }
    assert!(
        matches!(filter(&json!({ "tr": true, "name": "x" })), Filter::Is(Field::Path(path), Test::Eq(Scalar::Text(_))) if path == ["name"])
    );
}

#[test]
fn patterns() {
    let data = json!({ "name": "Cup Final (live)\nsecond line", "tags": ["east", "west"], "n": 5 });
    let matching =
        |pattern: &str, options: &str| json!({ "name": { "$regex": pattern, "$options": options } });
    check(
        &data,
        true,
        &[
            json!({ "name": { "$regex": "Final" } }),
            json!({ "name": { "$regex": r"\Q(live)\E" } }),
            json!({ "name": { "$regex": r"^\QCup\E.*" } }),
            json!({ "name": { "$regex": r"\QFinal (live" } }),
            json!({ "tags": { "$regex": "^we" } }),
            json!({ "name": { "$regex": "cup", "$options": "i", "$ne": "x" } }),
            matching("cup final", "i"),
            matching("^second", "m"),
            matching("live.*line", "s"),
            matching("Cup  \\x20 Final # the last", "x"),
            matching(r"\QCup Final\E", "x"),
            matching("CUP", "-i"),
        ],
    );
    check(
        &data,
        false,
        &[
            json!({ "name": { "$regex": "final" } }),
            json!({ "name": { "$regex": "^second" } }),
            json!({ "name": { "$regex": r"\Q.*\E" } }),
            json!({ "n": { "$regex": "5" } }),
            matching("live.*line", "i"),
        ],
    );
    // As the JavaScript SDK quotes a text that holds \E, and backslashes that are none of the two.
    check(&json!({ "t": r"a\Eb" }), true, &[json!({ "t": { "$regex": r"^\Qa\E\\E\Qb\E$" } })]);
    check(&json!({ "t": r"\Qa.b" }), true, &[json!({ "t": { "$regex": r"^\\Qa\.b$" } })]);
}

#[test]
fn patterns_look_at_a_bounded_text() {
    let (fits, too_long) = ("x".repeat(2048), "x".repeat(2049));
    let found = [json!({ "t": { "$regex": "x" } })];
    check(&json!({ "t": fits }), true, &found);
    check(&json!({ "t": too_long }), false, &found);
    check(&json!({ "t": [too_long, 1, "x"] }), true, &found);
    check(&json!({ "t": ["y".repeat(2000), "y".repeat(48), "x"] }), false, &found);
}

#[test]
fn refusals_say_what_is_wrong() {
    for (text, says) in [
        ("{", "not valid JSON"),
        ("[]", "where must be a JSON object"),
        (r#"{"a":{"$near":1}}"#, "geographic operator $near"),
        (
            r#"{"a":{"$nearSphere":{"__type":"GeoPoint"},"$maxDistanceInMiles":3}}"#,
            "geographic operator $nearSphere",
        ),
        (r#"{"a":{"$within":{"$box":[]}}}"#, "geographic operator $within"),
        (r#"{"a":{"__type":"GeoPoint","latitude":1,"longitude":1}}"#, "geographic"),
        (r#"{"a":{"__type":"Pointer","objectId":"1"}}"#, "type Pointer"),
        (r#"{"a":{"$in":[{"__type":"File"}]}}"#, "type File"),
        (r#"{"a":{"__type":"Date","iso":"yesterday"}}"#, "the iso of a Date must be like"),
        (r#"{"a":{"$where":"1"}}"#, "unknown operator $where"),
        (r#"{"$nor":[]}"#, "unknown operator $nor"),
        (r#"{"a":{"$not":{"$gt":1}}}"#, "unknown operator $not"),
        (r#"{"a":{"$gt":1,"plain":2}}"#, "unknown operator plain"),
        (r#"{"a":{"$ne":{"$regex":"x"}}}"#, "unknown operator $regex"),
        (r#"{"$and":[]}"#, "$and must be a list"),
        (r#"{"$or":{"a":1}}"#, "$or must be a list"),
        (r#"{"$or":[1]}"#, "$or must be a list"),
        (r#"{"a":{"$in":"x"}}"#, "$in must be a list"),
        (r#"{"a":{"$gt":null}}"#, "$gt must be a number"),
        (r#"{"a":{"$lt":[1]}}"#, "$lt must be a number"),
        (r#"{"a":{"$size":-1}}"#, "$size must be a whole number"),
        (r#"{"a":{"$exists":"yes"}}"#, "$exists must be true or false"),
        (r#"{"a":{"$regex":1}}"#, "$regex must be text"),
        (r#"{"a":{"$regex":"("}}"#, "the $regex cannot be used: unclosed group"),
        (r#"{"a":{"$regex":"a(?=b)"}}"#, "look-around"),
        (r#"{"a":{"$regex":"(a)\\1"}}"#, "backreferences are not supported"),
        (r#"{"a":{"$regex":"(\\pL{50}){50}"}}"#, "too large when compiled"),
        (r#"{"a":{"$regex":"a","$options":"g"}}"#, "unknown option 'g'"),
        (r#"{"a":{"$options":"i"}}"#, "$options must be beside a $regex"),
        (r#"{"createdAt":5}"#, "compared with a Date"),
        (r#"{"lm":{"$gt":"soon"}}"#, "compared with a Date"),
        (r#"{"":1}"#, "is not a field name"),
        (r#"{"a..b":1}"#, "empty part"),
        (r#"{"a.$b":1}"#, "starts with $"),
        (r#"{"a\nb":1}"#, "control character"),
        (r#"{"a\"b":1}"#, "quotation mark"),
    ] {
        let error = refused(text);
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn sizes_are_bounded() {
    let nested = |levels: usize| format!("{}{{}}{}", r#"{"$and":["#.repeat(levels), "]}".repeat(levels));
    assert!(parse(&where_text(&nested(15))).is_ok());
    assert_eq!(refused(&nested(16)), QueryError::TooDeep.to_string());
    let value = |levels: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&where_text(&value(16))).is_ok());
    assert_eq!(refused(&value(17)), QueryError::TooDeep.to_string());
    let list = |length: usize| json!({ "a": { "$in": vec![1; length] } }).to_string();
    assert!(parse(&where_text(&list(1000))).is_ok());
    assert!(refused(&list(1001)).contains("at most 1000 values in one list"));
    let lists =
        |count: usize| json!({ "$or": vec![json!({ "a": { "$in": vec![1; 1000] } }); count] }).to_string();
    assert!(parse(&where_text(&lists(2))).is_ok());
    assert!(refused(&lists(3)).contains("at most 2000 values"));
    let conditions = |count: usize| json!({ "$or": vec![json!({ "a": 1 }); count] }).to_string();
    assert!(parse(&where_text(&conditions(100))).is_ok());
    assert!(refused(&conditions(101)).contains("at most 100 conditions"));
    let patterns =
        |count: usize| json!({ "$and": vec![json!({ "a": { "$regex": "x" } }); count] }).to_string();
    assert!(parse(&where_text(&patterns(4))).is_ok());
    assert!(refused(&patterns(5)).contains("at most 4 $regex"));
    let pattern = |length: usize| json!({ "a": { "$regex": "x".repeat(length) } }).to_string();
    assert!(parse(&where_text(&pattern(256))).is_ok());
    assert!(refused(&pattern(257)).contains("at most 256 bytes"));
    assert!(refused(&json!({ "a": "x".repeat(70_000) }).to_string()).contains("more than 65536 bytes"));
    assert!(refused(&json!({ "a.".repeat(16) + "a": 1 }).to_string()).contains("more than 16 parts"));
}

#[test]
fn look_ups_by_id() {
    let ids = |condition: &Value| {
        let ids = parse(&where_text(&condition.to_string())).unwrap().ids();
        ids.map(|ids| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(ids(&json!({ "objectId": "a" })), Some(vec!["a".to_owned()]));
    assert_eq!(ids(&json!({ "$and": [{ "objectId": "a" }], "tr": true })), Some(vec!["a".to_owned()]));
    assert_eq!(
        ids(&json!({ "objectId": { "$in": ["a", "b", 1, "a"] } })),
        Some(vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(ids(&json!({ "objectId": "a", "name": "x" })), None);
    assert_eq!(ids(&json!({ "objectId": { "$ne": "a" } })), None);
    let bound = filter(&json!({ "name": "x", "objectId": { "$in": ["a"] } })).ids();
    assert_eq!(bound, Some(vec![RoomId::from("a")]));
}

#[test]
fn limits_and_skips() {
    let rows = |limit: Option<i32>, condition: &Value| {
        parse(&ConversationQuery { limit, ..where_text(&condition.to_string()) }).unwrap().limit
    };
    let (rooms, by_id) = (
        json!({ "tr": true }),
        json!({ "objectId": { "$in": (0..400).map(|n| n.to_string()).collect::<Vec<_>>() } }),
    );
    for (asked, of_rooms, of_ids) in [
        (None, 10, 400),
        (Some(-1), 10, 400),
        (Some(0), 0, 0),
        (Some(1), 1, 1),
        (Some(999), 100, 999),
        (Some(5000), 100, 1000),
    ] {
        assert_eq!((rows(asked, &rooms), rows(asked, &by_id)), (of_rooms, of_ids), "{asked:?}");
    }
    let skip = |skip| parse(&ConversationQuery { skip, ..where_text("{}") }).map(|query| query.skip);
    assert_eq!(skip(None), Ok(0));
    assert_eq!(skip(Some(-5)), Ok(0));
    assert_eq!(skip(Some(20)), Ok(20));
    assert_eq!(skip(Some(100_001)), Err(QueryError::Skip));
}

#[test]
fn without_conditions_nothing_is_mine() {
    for query in [
        ConversationQuery::default(),
        where_text(" "),
        ConversationQuery { temporary_ids: vec!["_tmp:1".to_owned()], ..where_text("{}") },
    ] {
        assert!(parse(&query).unwrap().filter.is_nothing(), "{query:?}");
    }
}

#[test]
fn sorting() {
    let named = |id: &str, data: Value, last: Option<i64>| Room {
        id: RoomId::from(id),
        last_message_at: last.map(Millis),
        ..room(&data)
    };
    let mut rooms = [
        named("a", json!({ "n": 2 }), Some(5)),
        named("b", json!({ "n": "text" }), None),
        named("c", json!({ "n": 1.5 }), Some(9)),
        named("d", json!({}), Some(5)),
        named("e", json!({ "n": true }), None),
    ];
    let mut sorted = |sort: &str| {
        let query = parse(&ConversationQuery { sort: Some(sort.to_owned()), ..where_text("{}") }).unwrap();
        rooms.sort_by(|a, b| query.compare(a, b));
        rooms.iter().map(|room| room.id.as_str()).collect::<String>()
    };
    assert_eq!(sorted(""), "cadbe");
    assert_eq!(sorted("-lm"), "cadbe");
    assert_eq!(sorted("lm"), "beadc");
    assert_eq!(sorted("n"), "dcabe");
    assert_eq!(sorted("-n"), "ebacd");
    assert_eq!(sorted(" lm , -n,"), "ebadc");
    assert_eq!(sorted("-objectId"), "edcba");
    assert_eq!(sorted("tr,-m"), "abcde");
    let refused = |sort: &str| {
        parse(&ConversationQuery { sort: Some(sort.to_owned()), ..where_text("{}") }).unwrap_err()
    };
    assert_eq!(refused(&"a,".repeat(9)), QueryError::TooMany(8, "sort keys"));
    assert!(matches!(refused("--a.$b"), QueryError::Key(..)));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        prop_oneof![Just(-0.5), Just(-0.0), Just(1.0), Just(1.5), Just(1e300)].prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        (0_i64..3).prop_map(|ms| json!({ "__type": "Date", "iso": Millis(ms).to_iso() })),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec(("[xy]", inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn holding(value: Value) -> Room {
    room(&Value::Object(Map::from_iter([("v".to_owned(), value)])))
}

proptest! {
    #[test]
    fn the_order_is_total(values in proptest::collection::vec(json_value(), 3)) {
        let rooms: Vec<Room> = values
            .into_iter()
            .enumerate()
            .map(|(n, value)| Room { id: RoomId::from(n.to_string()), ..holding(value) })
            .collect();
        let query = parse(&ConversationQuery { sort: Some("v".to_owned()), ..where_text("{}") }).unwrap();
        let (a, b, c) = (&rooms[0], &rooms[1], &rooms[2]);
        prop_assert_eq!(query.compare(a, b), query.compare(b, a).reverse());
        if query.compare(a, b).is_lt() && query.compare(b, c).is_lt() {
            prop_assert!(query.compare(a, c).is_lt());
        }
    }

    #[test]
    fn a_value_equals_itself_and_not_the_opposite(value in json_value(), other in json_value()) {
        let room = holding(value.clone());
        let test = |test: Test| Filter::Is(Field::Path(vec!["v".to_owned()]), test).matches(&room);
        prop_assert!(test(Test::Eq(Scalar::Json(value))));
        let other = || Scalar::Json(other.clone());
        prop_assert_ne!(test(Test::Eq(other())), test(Test::Ne(other())));
        prop_assert_eq!(test(Test::Eq(other())), test(Test::In(vec![other()])));
        prop_assert_ne!(test(Test::In(vec![other()])), test(Test::Nin(vec![other()])));
        let has_order = matches!(other(), Scalar::Json(Value::Bool(_) | Value::Number(_) | Value::String(_)));
        if has_order {
            prop_assert_eq!(test(Test::Lte(other())), test(Test::Lt(other())) || test(Test::Eq(other())));
            prop_assert_eq!(test(Test::Gte(other())), test(Test::Gt(other())) || test(Test::Eq(other())));
        }
    }

    #[test]
    fn quoted_text_is_found_literally(text in "\\PC{1,20}", before in "[a-z ]{0,4}") {
        // Without E there is no \E that ends the quotation early.
        let text = text.replace('E', "e");
        let pattern = format!(r"^{before}\Q{text}\E$");
        let condition = json!({ "v": { "$regex": pattern } });
        let (found, longer) = (format!("{before}{text}"), format!("{before}{text}!"));
        prop_assert!(filter(&condition).matches(&holding(Value::from(found))));
        prop_assert!(!filter(&condition).matches(&holding(Value::from(longer))));
    }
}
