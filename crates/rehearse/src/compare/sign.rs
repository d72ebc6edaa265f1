//! Signatures in the place of the recorded ones, with the master key.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha1::Sha1;

/// Whether a recorded command was signed.
pub(super) fn is_signed(fields: &Map<String, Value>) -> bool {
    fields.contains_key("s")
}

/// Takes a recorded signature off.
pub(super) fn strip(fields: &mut Map<String, Value>) {
    for key in ["s", "t", "n"] {
        fields.remove(key);
    }
}

/// Signs a command in the place of the app's back end. `false` if nobody signs such a one.
pub(super) fn sign(
    fields: &mut Map<String, Value>,
    app: &str,
    client: &str,
    key: &str,
    now: i64,
    nonce: &str,
) -> bool {
    let Some(text) = statement(fields, app, client, now, nonce) else { return false };
    let mut mac: Hmac<Sha1> = Hmac::new_from_slice(key.as_bytes()).expect("any length is a key");
    mac.update(text.as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    fields.insert("s".to_owned(), signature.into());
    fields.insert("t".to_owned(), now.into());
    fields.insert("n".to_owned(), nonce.into());
    true
}

/// What is signed: the protocol's section 7.
fn statement(fields: &Map<String, Value>, app: &str, client: &str, now: i64, nonce: &str) -> Option<String> {
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let sorted = |key: &str| {
        let list = fields.get(key).and_then(Value::as_array).into_iter().flatten();
        let mut names: Vec<&str> = list.filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.join(":")
    };
    let in_room = |room: &str, list: &str, action: &str| {
        format!("{app}:{client}:{}:{}:{now}:{nonce}:{action}", text(room), sorted(list))
    };
    Some(match (text("cmd"), text("op")) {
        ("session", "open" | "refresh") => format!("{app}:{client}::{now}:{nonce}"),
        ("conv", "start") => format!("{app}:{client}:{}:{now}:{nonce}", sorted("m")),
        ("conv", "add") => in_room("cid", "m", "invite"),
        ("conv", "remove") => in_room("cid", "m", "kick"),
        ("blacklist", "block") => in_room("srcCid", "toPids", "conversation-block-clients"),
        ("blacklist", "unblock") => in_room("srcCid", "toPids", "conversation-unblock-clients"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(fields: &Value, expected: Option<&str>) {
        let text = statement(fields.as_object().unwrap(), "app", "me", 5, "n");
        assert_eq!(text.as_deref(), expected);
    }

    #[test]
    fn what_is_signed_says_who_may_do_what() {
        check(&json!({"cmd": "session", "op": "open"}), Some("app:me::5:n"));
        check(&json!({"cmd": "conv", "op": "start", "m": ["b", "a"]}), Some("app:me:a:b:5:n"));
        check(&json!({"cmd": "conv", "op": "add", "cid": "r", "m": ["me"]}), Some("app:me:r:me:5:n:invite"));
        check(
            &json!({"cmd": "blacklist", "op": "block", "srcCid": "r", "toPids": ["x"]}),
            Some("app:me:r:x:5:n:conversation-block-clients"),
        );
        check(&json!({"cmd": "direct"}), None);
    }

    #[test]
    fn a_signature_replaces_the_recorded_one() {
        let mut fields = json!({"cmd": "session", "op": "open", "s": {"redacted": "secret"}, "t": 1})
            .as_object()
            .cloned()
            .unwrap();
        assert!(is_signed(&fields));
        assert!(sign(&mut fields, "app", "me", "key", 5, "n"));
        // echo -n app:me::5:n | openssl sha1 -hmac key
        assert_eq!(fields["s"], "a61e1d5520480a1928d03b5af733efa517ca27e3");
        assert_eq!((&fields["t"], &fields["n"]), (&json!(5), &json!("n")));
        strip(&mut fields);
        assert!(!is_signed(&fields) && !fields.contains_key("t"));
    }
}
