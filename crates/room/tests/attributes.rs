//! What updates do to a room's attributes, as tables; and that an answer describes what happened.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use grandstand_room::attributes::{Applied, AttributeUpdate, UpdateError, room_data};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const LIMIT: usize = 16 * 1024;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn apply(data: &Value, update: &Value) -> Result<Applied, UpdateError> {
    AttributeUpdate::parse(&update.to_string())?.apply(&map(data), LIMIT)
}

/// An update makes `after` of `data`, and is told as `set` (dotted) and `resulting` (nested).
fn check(data: Value, update: Value, after: Value, set: Value, resulting: Value) {
    let applied = apply(&data, &update).unwrap();
    let expected = Applied { data: map(&after), set: map(&set), resulting: map(&resulting) };
    assert_eq!(applied, expected, "{update} on {data}");
}

fn refused(data: &Value, update: &Value) -> String {
    apply(data, update).expect_err(&update.to_string()).to_string()
}

#[test]
fn values_and_dotted_keys() {
    check(
        json!({ "name": "old", "n": 1 }),
        json!({ "name": "new", "color": null }),
        json!({ "name": "new", "n": 1, "color": null }),
        json!({ "name": "new", "color": null }),
        json!({ "name": "new", "color": null }),
    );
    check(
        json!({ "attr": { "a": 1 } }),
        json!({ "attr.b.c": [2], "attr.a": { "x": 1 } }),
        json!({ "attr": { "a": { "x": 1 }, "b": { "c": [2] } } }),
        json!({ "attr.b.c": [2], "attr.a": { "x": 1 } }),
        json!({ "attr": { "b": { "c": [2] }, "a": { "x": 1 } } }),
    );
    // A later step sees what an earlier one did; a null on the way gives place to an object. Clients hear of the
    // highest key that changed: they could not walk through the null, nor in an order of their own.
    check(
        json!({ "top": null }),
        json!({ "top.a": 1, "attr": { "x": 1, "y": 2 }, "attr.x": 3 }),
        json!({ "top": { "a": 1 }, "attr": { "x": 3, "y": 2 } }),
        json!({ "top": { "a": 1 }, "attr": { "x": 3, "y": 2 } }),
        json!({ "top": { "a": 1 }, "attr": { "x": 3, "y": 2 } }),
    );
    check(json!({ "a": 1 }), json!({}), json!({ "a": 1 }), json!({}), json!({}));
}

#[test]
fn operators() {
    let delete = || json!({ "__op": "Delete" });
    check(
        json!({ "a": 1, "attr": { "b": 2, "c": 3 } }),
        json!({ "a": delete(), "attr.b": delete(), "gone": delete(), "gone.too": delete() }),
        json!({ "attr": { "c": 3 } }),
        json!({ "a": null, "attr.b": null, "gone": null }),
        json!({}),
    );
    // What cannot be there need not be deleted.
    check(
        json!({ "name": "x" }),
        json!({ "name.deeper": delete() }),
        json!({ "name": "x" }),
        json!({ "name": "x" }),
        json!({ "name": "x" }),
    );
    check(
        json!({ "tags": ["a"] }),
        json!({ "tags": { "__op": "Add", "objects": ["a", "b"] }, "attr.list": { "__op": "Add", "objects": [1] } }),
        json!({ "tags": ["a", "a", "b"], "attr": { "list": [1] } }),
        json!({ "tags": ["a", "a", "b"], "attr.list": [1] }),
        json!({ "tags": ["a", "a", "b"], "attr": { "list": [1] } }),
    );
    check(
        json!({ "tags": ["a", { "x": 1 }] }),
        json!({ "tags": { "__op": "AddUnique", "objects": ["b", { "x": 1.0 }, "b"] }, "new": { "__op": "AddUnique", "objects": [1, 1] } }),
        json!({ "tags": ["a", { "x": 1 }, "b"], "new": [1] }),
        json!({ "tags": ["a", { "x": 1 }, "b"], "new": [1] }),
        json!({ "tags": ["a", { "x": 1 }, "b"], "new": [1] }),
    );
    check(
        json!({ "tags": ["a", "b", "a"] }),
        json!({ "tags": { "__op": "Remove", "objects": ["a", "c"] }, "none": { "__op": "Remove", "objects": ["a"] } }),
        json!({ "tags": ["b"] }),
        json!({ "tags": ["b"], "none": null }),
        json!({ "tags": ["b"] }),
    );
}

#[test]
fn increments() {
    let add = |amount: Value| json!({ "n": { "__op": "Increment", "amount": amount } });
    for (before, amount, after) in [
        (json!({}), json!(5), json!(5)),
        (json!({ "n": null }), json!(-1), json!(-1)),
        (json!({ "n": 1 }), json!(2), json!(3)),
        (json!({ "n": 1 }), json!(0.5), json!(1.5)),
        (json!({ "n": i64::MAX }), json!(1), json!(9_223_372_036_854_775_808_u64)),
        (json!({ "n": u64::MAX }), json!(1), json!(18_446_744_073_709_551_616.0)),
        (json!({ "n": i64::MIN }), json!(-1), json!(-9_223_372_036_854_775_809.0)),
    ] {
        assert_eq!(apply(&before, &add(amount)).unwrap().data["n"], after, "{before}");
    }
    assert!(refused(&json!({ "n": 1e308 }), &add(json!(1e308))).contains("does not fit"));
    assert!(refused(&json!({ "n": "1" }), &add(json!(1))).contains("does not fit"));
    assert!(refused(&json!({}), &add(json!("1"))).contains("needs a number as amount"));
}

#[test]
fn refusals_change_nothing_and_say_why() {
    let data = json!({ "name": "x", "text": "t", "list": [1], "attr": { "k": 1 } });
    for key in [
        "objectId",
        "c",
        "m",
        "mu",
        "tr",
        "sys",
        "unique",
        "createdAt",
        "updatedAt",
        "lm",
        "conv_type",
        "m.0",
    ] {
        assert!(refused(&data, &json!({ key: 1 })).contains("is reserved"), "{key}");
    }
    for (update, says) in [
        (json!({ "": 1 }), "empty"),
        (json!({ "attr.": 1 }), "empty part"),
        (json!({ "attr.$set": 1 }), "starts with $"),
        (json!({ "__proto__.admin": true }), "JavaScript"),
        (json!({ "attr.constructor": 1 }), "JavaScript"),
        (json!({ "a".repeat(129): 1 }), "longer than 128 bytes"),
        (json!({ ["a"; 17].join("."): 1 }), "more than 16 parts"),
        (json!({ "a\nb": 1 }), "control character"),
        (json!({ "a": { "__op": "Batch" } }), "unknown operator \"Batch\""),
        (json!({ "a": { "__op": 1 } }), "unknown operator"),
        (json!({ "a": { "__op": "Add" } }), "needs a list of objects"),
        (json!({ "a": { "__op": "Add", "objects": vec![1; 1001] } }), "more than 1000"),
        (json!({ "text": { "__op": "Add", "objects": [1] } }), "does not fit"),
        (json!({ "text": { "__op": "Remove", "objects": [1] } }), "does not fit"),
        (json!({ "list": { "__op": "Increment", "amount": 1 } }), "does not fit"),
        (json!({ "text.deeper": 1 }), "does not fit"),
        (json!({ "list.0": 1 }), "does not fit"),
        (json!({ "name": 5 }), "must be text"),
        (json!({ "attr": "text" }), "must be an object"),
    ] {
        let error = refused(&data, &update);
        assert!(error.contains(says), "{update}: {error}");
    }
    for text in ["", "[]", "1", "{", "null"] {
        assert_eq!(AttributeUpdate::parse(text), Err(UpdateError::NotAnObject), "{text}");
    }
    let nested = |levels: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(AttributeUpdate::parse(&nested(32)).is_ok());
    assert!(AttributeUpdate::parse(&nested(33)).unwrap_err().to_string().contains("more than 32 levels"));
}

#[test]
fn size_is_bounded_as_json_text() {
    let text = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
    assert!(apply(&json!({}), &text(LIMIT)).is_ok());
    assert_eq!(
        apply(&json!({}), &text(LIMIT + 1)),
        Err(UpdateError::TooLarge { size: LIMIT + 1, limit: LIMIT })
    );
    // Imported attributes may be larger: they can be made smaller, but no larger.
    let large = text(2 * LIMIT);
    assert!(apply(&large, &json!({ "a": "x".repeat(LIMIT) })).is_ok());
    assert!(apply(&large, &json!({ "b": 1 })).is_err());
}

#[test]
fn data_of_a_new_room() {
    let made = |text: &str| room_data(Some(text), LIMIT).map(Value::Object);
    assert_eq!(room_data(None, LIMIT), Ok(Map::new()));
    assert_eq!(made(""), Ok(json!({})));
    assert_eq!(
        made(
            r#"{"name":"cup","attr":{"a":1},"color":"red","unique":true,"tr":false,"m":[],"objectId":"x","none":null}"#
        ),
        Ok(json!({ "name": "cup", "attr": { "a": 1 }, "color": "red" }))
    );
    assert_eq!(made(r#"{"attr.a":1}"#), Ok(json!({ "attr": { "a": 1 } })));
    assert_eq!(made("[]"), Err(UpdateError::NotAnObject));
    assert!(matches!(made(r#"{"name":5}"#), Err(UpdateError::BadValue { .. })));
    assert!(matches!(
        made(&json!({ "a": "x".repeat(LIMIT) }).to_string()),
        Err(UpdateError::TooLarge { .. })
    ));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), (0..3).prop_map(Value::from), "[ab]".prop_map(Value::from)];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec(("[xyz]", inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn action() -> impl Strategy<Value = Value> {
    let objects = || proptest::collection::vec(value(), 0..3);
    prop_oneof![
        value(),
        Just(json!({ "__op": "Delete" })),
        objects().prop_map(|objects| json!({ "__op": "Add", "objects": objects })),
        objects().prop_map(|objects| json!({ "__op": "AddUnique", "objects": objects })),
        objects().prop_map(|objects| json!({ "__op": "Remove", "objects": objects })),
        (-2..2).prop_map(|amount| json!({ "__op": "Increment", "amount": amount })),
    ]
}

proptest! {
    /// A client that had the data before and sets the answered keys, in any order, has the data afterwards.
    #[test]
    fn an_answer_describes_what_happened(
        before in proptest::collection::vec(("[xyz]", value()), 0..3),
        steps in proptest::collection::vec(("[xyz](\\.[xyz]){0,2}", action()), 0..4),
    ) {
        let before = Value::Object(before.into_iter().collect());
        let update = Value::Object(steps.into_iter().collect());
        let Ok(applied) = apply(&before, &update) else { return Ok(()) };
        let (mut forwards, mut backwards) = (map(&before), map(&before));
        for (key, value) in &applied.set {
            assign(&mut forwards, key, value);
        }
        for (key, value) in applied.set.iter().rev() {
            assign(&mut backwards, key, value);
        }
        let after = visible(applied.data.clone());
        prop_assert_eq!(visible(forwards), after.clone());
        prop_assert_eq!(visible(backwards), after);
        prop_assert!(contains(&applied.data, &applied.resulting), "{:?}", applied);
    }
}

/// Sets a dotted key as the JavaScript SDK does: what is missing on the way is made, all else must be an object.
fn assign(data: &mut Map<String, Value>, key: &str, value: &Value) {
    match key.split_once('.') {
        None => drop(data.insert(key.to_owned(), value.clone())),
        Some((first, rest)) => {
            let inner = data.entry(first).or_insert_with(|| json!({}));
            assign(inner.as_object_mut().expect("an object on the way"), rest, value);
        }
    }
}

/// What counts: a null is as good as nothing, and so is an object that holds nothing.
fn visible(map: Map<String, Value>) -> Map<String, Value> {
    let clean = |value: Value| match value {
        Value::Object(inner) => Some(visible(inner)).filter(|inner| !inner.is_empty()).map(Value::Object),
        value => Some(value).filter(|value| !value.is_null()),
    };
    map.into_iter().filter_map(|(key, value)| Some((key, clean(value)?))).collect()
}

fn contains(whole: &Map<String, Value>, part: &Map<String, Value>) -> bool {
    part.iter().all(|(key, value)| match (whole.get(key), value) {
        (Some(Value::Object(whole)), Value::Object(part)) => contains(whole, part),
        (whole, part) => whole == Some(part),
    })
}
