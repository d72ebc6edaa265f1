//! MongoDB's Extended JSON as the JSON that LeanCloud's REST API and this server speak.

use grandstand_room::clock::Millis;
use serde_json::{Map, Value, json};

use super::DEPTH;

/// A row with plain columns.
pub(super) fn row(row: Map<String, Value>) -> Result<Map<String, Value>, String> {
    row.into_iter().map(|(key, value)| Ok((key, plain(value, DEPTH)?))).collect()
}

/// `{"__type":"Date","iso":…}`.
pub(super) fn date(milliseconds: i64) -> Value {
    json!({ "__type": "Date", "iso": Millis(milliseconds).to_iso() })
}

/// `{"__type":"Bytes","base64":…}`.
pub(super) fn bytes(base64: &str) -> Value {
    json!({ "__type": "Bytes", "base64": base64 })
}

/// `{"__type":"Pointer",…}`.
pub(super) fn pointer(class: &Value, id: &Value) -> Value {
    json!({ "__type": "Pointer", "className": class, "objectId": id })
}

fn plain(value: Value, levels: usize) -> Result<Value, String> {
    let deeper = || levels.checked_sub(1).ok_or_else(|| "it is nested too deep".to_owned());
    match value {
        Value::Array(items) => {
            let levels = deeper()?;
            let items: Result<_, String> = items.into_iter().map(|item| plain(item, levels)).collect();
            items.map(Value::Array)
        }
        Value::Object(object) => {
            let levels = deeper()?;
            if let Some(value) = wrapped(&object) {
                return Ok(value);
            }
            let object: Result<_, String> =
                object.into_iter().map(|(key, value)| Ok((key, plain(value, levels)?))).collect();
            object.map(Value::Object)
        }
        simple => Ok(simple),
    }
}

/// What `{"$oid":…}` and its like stand for. Those that JSON has no word for stay as they are.
fn wrapped(object: &Map<String, Value>) -> Option<Value> {
    let (key, value) = object.iter().next().filter(|(key, _)| key.starts_with('$'))?;
    match (key.as_str(), value, object.len()) {
        ("$oid", Value::String(_), 1) => Some(value.clone()),
        ("$date", value, 1) => milliseconds(value).map(date),
        ("$numberLong" | "$numberInt", Value::String(digits), 1) => {
            digits.parse::<i64>().ok().map(Value::from)
        }
        ("$numberDouble" | "$numberDecimal", Value::String(digits), 1) => {
            let number = digits.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            Some(number.map_or_else(|| value.clone(), Value::Number))
        }
        ("$binary", Value::Object(binary), 1) => binary.get("base64")?.as_str().map(bytes),
        ("$binary", Value::String(base64), 2) => Some(bytes(base64)),
        ("$ref", class, _) => {
            let id = object.get("$id")?;
            Some(pointer(class, &plain(id.clone(), 1).ok()?))
        }
        _ => None,
    }
}

fn milliseconds(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => Millis::from_iso(text).map(|time| time.0),
        Value::Object(object) => object.get("$numberLong")?.as_str()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_json_is_unwrapped() {
        let check = |value: Value, expected: Value| assert_eq!(plain(value, DEPTH), Ok(expected));
        check(json!({ "$oid": "5e0be100aaaaaaaaaaaaaaaa" }), json!("5e0be100aaaaaaaaaaaaaaaa"));
        let new_year = json!({ "__type": "Date", "iso": "2020-01-01T00:00:00.000Z" });
        for date in [
            json!("2020-01-01T00:00:00Z"),
            json!(1_577_836_800_000_i64),
            json!({ "$numberLong": "1577836800000" }),
        ] {
            check(json!({ "$date": date }), new_year.clone());
        }
        check(json!({ "$numberLong": "9007199254740993" }), json!(9_007_199_254_740_993_i64));
        check(json!({ "$numberInt": "-1" }), json!(-1));
        check(json!({ "$numberDouble": "1.5" }), json!(1.5));
        check(json!({ "$numberDouble": "NaN" }), json!("NaN"));
        check(json!({ "$numberDecimal": "0.25" }), json!(0.25));
        check(json!({ "$binary": { "base64": "AA==", "subType": "00" } }), bytes("AA=="));
        check(json!({ "$binary": "AA==", "$type": "00" }), bytes("AA=="));
        check(
            json!({ "$ref": "_User", "$id": { "$oid": "5" } }),
            json!({ "__type": "Pointer", "className": "_User", "objectId": "5" }),
        );
        check(json!({ "a": [{ "$oid": "5" }] }), json!({ "a": ["5"] }));
        for other in [json!({ "$regex": "x" }), json!({ "$oid": 5 }), json!({ "$date": "no" }), json!({})] {
            check(other.clone(), other);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
        assert!(plain(nested(DEPTH), DEPTH).is_ok());
        assert!(plain(nested(DEPTH + 1), DEPTH).is_err());
    }
}
