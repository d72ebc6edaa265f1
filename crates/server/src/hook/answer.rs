//! What a hook answered, and what follows from it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, ClientId, Code, Fault};
use serde_json::{Map, Value};

/// Characters of a hook's text that a client gets.
const DETAIL: usize = 256;

/// The fields of an answer; none when it has no opinion. `None`: it is no object.
pub(super) fn fields(answer: Value) -> Option<Map<String, Value>> {
    match answer {
        Value::Null => Some(Map::new()),
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// The refusal that an answer speaks with `drop` or `reject`.
pub(super) fn refusal(fields: &Map<String, Value>, verb: &str, code: Code) -> Option<Fault> {
    if !fields.get(verb).is_some_and(is_true) {
        return None;
    }
    let text = fields.get("detail").and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = text.map(|text| text.chars().take(DETAIL).collect::<String>());
    let detail = text.clone().unwrap_or_else(|| "the app refused this".to_owned());
    let app_code = fields.get("code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    Some(Fault { app_code, app_message: text, ..Fault::because(code, detail) })
}

/// As JavaScript and Python, in which engines are written, take it.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// The content that an answer puts in the place of `former`. `Err`: it makes no sense.
pub(super) fn content(fields: &Map<String, Value>, former: &Body) -> Result<Option<Body>, Senseless> {
    let text = match fields.get("content") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Senseless),
    };
    let was_binary = matches!(former, Body::Binary(_));
    let binary = match fields.get("bin") {
        None | Some(Value::Null) => was_binary,
        Some(value) => is_true(value),
    };
    if binary {
        let bytes = STANDARD.decode(text).map_err(|_| Senseless)?;
        return Ok(Some(Body::Binary(bytes.into())));
    }
    Ok(Some(Body::Text(text.clone())))
}

/// Whom an answer keeps of those whom the message is for. An empty list means nothing: above a hundred members a hook
/// does not get their names, and what it hands back unchanged must not silence the room (section 10, row 10).
pub(super) fn peers(fields: &Map<String, Value>) -> Result<Option<Vec<ClientId>>, Senseless> {
    let named = match fields.get("toPeers") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(named)) if named.is_empty() => return Ok(None),
        Some(Value::Array(named)) => named,
        Some(_) => return Err(Senseless),
    };
    let id = |value: &Value| ClientId::new(value.as_str()?).ok();
    named.iter().map(id).collect::<Option<_>>().map(Some).ok_or(Senseless)
}

/// A field of the wrong kind: the answer counts as a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Senseless;

#[cfg(test)]
mod tests {
    use proptest::{
        collection::{btree_map, vec},
        prelude::*,
        sample::select,
    };
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        fields(value).unwrap()
    }

    #[test]
    fn refusals() {
        let refuse = |answer| refusal(&object(answer), "drop", Code::MessageRejectedByApp);
        for answer in [json!({}), json!({ "drop": false }), json!({ "drop": 0 }), json!({ "reject": true })] {
            assert_eq!(refuse(answer.clone()), None, "{answer}");
        }
        for answer in [json!({ "drop": true }), json!({ "drop": 1 }), json!({ "drop": "yes" })] {
            let fault = refuse(answer).unwrap();
            assert_eq!((fault.code, fault.app_code, fault.app_message), (4402, None, None));
        }
        let fault = refuse(json!({ "drop": true, "code": 123, "detail": "no ads" })).unwrap();
        assert_eq!((fault.app_code, fault.app_message.as_deref()), (Some(123), Some("no ads")));
        assert_eq!(fault.detail.as_deref(), Some("no ads"));
        let odd = json!({ "drop": true, "code": 1_u64 << 40, "detail": "字".repeat(9000) });
        let fault = refuse(odd).unwrap();
        assert_eq!((fault.app_code, fault.app_message.unwrap().chars().count()), (None, DETAIL));
    }

    #[test]
    fn contents() {
        let text = Body::Text("as sent".to_owned());
        let binary = Body::Binary(vec![1].into());
        let written = |text: &str| Ok(Some(Body::Text(text.to_owned())));
        for (answer, former, expected) in [
            (json!({}), &text, Ok(None)),
            (json!({ "content": null }), &text, Ok(None)),
            (json!({ "content": "***" }), &text, written("***")),
            (json!({ "content": "" }), &text, written("")),
            (json!({ "content": "AAE=" }), &binary, Ok(Some(Body::Binary(vec![0, 1].into())))),
            (json!({ "content": "AAE=", "bin": true }), &text, Ok(Some(Body::Binary(vec![0, 1].into())))),
            (json!({ "content": "now text", "bin": false }), &binary, written("now text")),
            (json!({ "content": "not Base64!", "bin": true }), &text, Err(Senseless)),
            (json!({ "content": { "_lctext": "an object" } }), &text, Err(Senseless)),
        ] {
            assert_eq!(content(&object(answer.clone()), former), expected, "{answer}");
        }
    }

    #[test]
    fn peers_are_kept_only_by_name() {
        let some = |names: &[&str]| Ok(Some(names.iter().map(|id| ClientId::new(id).unwrap()).collect()));
        for (answer, expected) in [
            (json!({}), Ok(None)),
            (json!({ "toPeers": [] }), Ok(None)),
            (json!({ "toPeers": ["a", "b"] }), some(&["a", "b"])),
            (json!({ "toPeers": "a" }), Err(Senseless)),
            (json!({ "toPeers": [1] }), Err(Senseless)),
        ] {
            assert_eq!(peers(&object(answer.clone())), expected, "{answer}");
        }
    }

    const KEYS: [&str; 8] = ["drop", "reject", "code", "detail", "content", "bin", "toPeers", "other"];

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,300}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 30, 8, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(Value::from),
                btree_map(select(&KEYS[..]), inner, 0..8)
                    .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_answered_is_read_or_refused(answer in json_value()) {
            if let Some(fields) = fields(answer) {
                if let Some(fault) = refusal(&fields, "drop", Code::MessageRejectedByApp) {
                    prop_assert_eq!(fault.code, 4402);
                    prop_assert!(fault.app_message.is_none_or(|text| text.chars().count() <= DETAIL));
                }
                let _ = content(&fields, &Body::default());
                if let Ok(Some(named)) = peers(&fields) {
                    prop_assert!(!named.is_empty());
                }
            }
        }
    }

    #[test]
    fn an_answer_is_an_object_or_nothing() {
        assert_eq!(fields(Value::Null), Some(Map::new()));
        assert_eq!(fields(json!("text")), None);
        assert_eq!(fields(json!([1])), None);
    }
}
