//! What a back end may say of a room that it makes.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use grandstand_room::{
    attributes::UpdateError,
    creation::{Creation, CreationError, lets_everybody_write},
};
use serde_json::{Map, Value, json};

fn read(fields: &Value) -> Result<Creation, CreationError> {
    Creation::read(fields.as_object().unwrap().clone(), 1024)
}

#[test]
fn fields_become_data_and_a_creator() {
    let fields = json!({
        "name": "Final", "attr": {"topic": "football"}, "hot": 1, "none": null, "ACL": {"*": {"read": true}},
        "tr": true, "sys": false, "temp": false, "unique": true, "m": ["a"],
        "mu": {"__op": "Add", "objects": ["a"]}, "c": "host",
        "tags": {"__op": "AddUnique", "objects": ["x", "x"]},
    });
    let creation = read(&fields).unwrap();
    assert_eq!(creation.creator.unwrap().as_str(), "host");
    let data = json!({
        "name": "Final", "attr": {"topic": "football"}, "hot": 1, "ACL": {"*": {"read": true}}, "tags": ["x"],
    });
    assert_eq!(Value::Object(creation.data), data);
}

#[test]
fn nothing_but_rooms_is_made() {
    for (fields, key) in [
        (json!({"tr": false}), "tr"),
        (json!({"tr": 1}), "tr"),
        (json!({"sys": true}), "sys"),
        (json!({"temp": true}), "temp"),
    ] {
        assert_eq!(read(&fields).unwrap_err(), CreationError::NotARoom(key), "{fields}");
    }
}

#[test]
fn what_the_server_fills_is_refused() {
    for key in [
        "objectId",
        "createdAt",
        "updatedAt",
        "lm",
        "conv_type",
        "uniqueId",
        "msg",
        "bin",
        "msg_mid",
        "msg_from",
        "msg_timestamp",
        "patch_timestamp",
        "mention_all",
        "mention_pids",
        "tempConvTTL",
    ] {
        let refused = read(&json!({ (key): "x" })).unwrap_err();
        assert_eq!(refused, CreationError::Field(UpdateError::Reserved(key.to_owned())));
    }
    for fields in [
        json!({"m": "a"}),
        json!({"unique": "yes"}),
        json!({"c": ""}),
        json!({"c": "x".repeat(65)}),
        json!({"c": 7}),
        json!({"name": 7}),
        json!({"attr": []}),
        json!({"__proto__": {}}),
        json!({"$where": "1"}),
        json!({"ACL": []}),
        json!({"ACL": {"*": true}}),
        json!({"ACL": {"*": {"read": "yes"}}}),
        json!({"text": "x".repeat(1024)}),
    ] {
        assert!(matches!(read(&fields), Err(CreationError::Field(_))), "{fields}");
    }
}

#[test]
fn an_access_list_has_to_name_everybody() {
    for (data, expected) in [
        (json!({}), true),
        (json!({"ACL": {"*": {"read": true, "write": true}}}), true),
        (json!({"ACL": {"*": {"read": true}}}), false),
        (json!({"ACL": {"*": {"write": false}}}), false),
        (json!({"ACL": {"someone": {"write": true}}}), false),
        (json!({"ACL": {}}), false),
    ] {
        let data: Map<String, Value> = data.as_object().unwrap().clone();
        assert_eq!(lets_everybody_write(&data), expected, "{data:?}");
    }
}
