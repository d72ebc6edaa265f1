//! What a recording must not hold: texts of messages, tokens, keys, signatures, addresses. Their digests stay.
//!
//! A digest is keyed with a key that nobody keeps: it says which values of one recording are equal, and nothing else.

mod call;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::recording::Content;

pub(crate) use self::call::{Call, call, parameter};

/// Bytes of a digest: enough that no two values of a recording share one.
const DIGEST: usize = 16;

/// Deeper values are replaced as a whole.
const DEPTH: usize = 32;

/// Takes out what a recording must not hold.
#[derive(Clone)]
pub(crate) struct Redactor {
    key: [u8; 32],
    keep_texts: bool,
}

/// Why a value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What people wrote, as text.
    Text,
    /// The same as Base64 of bytes.
    Bytes,
    /// What proves something, or says where somebody is.
    Secret,
}

impl Redactor {
    pub(crate) fn new(keep_texts: bool) -> Self {
        Self { key: rand::random(), keep_texts }
    }

    /// Redacts the fields of a command.
    pub(crate) fn command(&self, fields: &mut Map<String, Value>) {
        for (key, value) in fields.iter_mut() {
            // Only here are these one letter long.
            let kind = match key.as_str() {
                "s" | "n" | "st" => Some(Kind::Secret),
                // What a device is called goes nowhere else.
                "data" if value.is_string() => Some(Kind::Secret),
                key => kind_of(key),
            };
            self.value(kind, value, DEPTH);
        }
    }

    /// Redacts a body about chat.
    pub(crate) fn body(&self, body: &mut Value) {
        self.value(None, body, DEPTH);
    }

    /// What stands for a secret.
    pub(crate) fn secret(&self, text: &str) -> Value {
        self.redacted(Kind::Secret, text)
    }

    /// What stands for bytes that are not read.
    pub(crate) fn content(&self, bytes: &[u8]) -> Content {
        let mut digest = self.digest();
        digest.update(bytes);
        digest.content()
    }

    /// The same for bytes that are written as Base64.
    pub(crate) fn content_of_base64(&self, text: &str) -> Content {
        self.content(&BASE64_STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()))
    }

    /// A digest of what comes in pieces.
    pub(crate) fn digest(&self) -> Digest {
        Digest { mac: Hmac::new_from_slice(&self.key).expect("any length is a key"), bytes: 0 }
    }

    fn value(&self, kind: Option<Kind>, value: &mut Value, depth: usize) {
        match (kind, &mut *value) {
            (Some(Kind::Text | Kind::Bytes), _) if self.keep_texts => {}
            (Some(kind), Value::String(text)) => *value = self.redacted(kind, text),
            // Numbers and flags say nothing, unless they prove something.
            (None | Some(Kind::Text | Kind::Bytes), Value::Null | Value::Bool(_) | Value::Number(_)) => {}
            (Some(kind), whole) => *value = self.redacted(kind, &whole.to_string()),
            (None, Value::String(_)) => {}
            (None, whole) if depth == 0 => *value = self.redacted(Kind::Secret, &whole.to_string()),
            (None, Value::Array(items)) => {
                for item in items {
                    self.value(None, item, depth - 1);
                }
            }
            (None, Value::Object(object)) => {
                for (key, value) in object.iter_mut() {
                    let nested = key == "data" && !value.is_string();
                    self.value(kind_of(key).filter(|_| !nested), value, depth - 1);
                }
            }
        }
    }

    fn redacted(&self, kind: Kind, text: &str) -> Value {
        let name = match kind {
            Kind::Text => "text",
            Kind::Bytes => "bytes",
            Kind::Secret => "secret",
        };
        let Content { bytes, digest } = match kind {
            Kind::Bytes => self.content_of_base64(text),
            Kind::Text | Kind::Secret => self.content(text.as_bytes()),
        };
        let mut value = json!({ "redacted": name, "bytes": bytes, "digest": digest });
        // The kind of a typed message decides what servers do with it.
        if kind == Kind::Text
            && let Ok(Value::Object(typed)) = serde_json::from_str(text)
            && let Some(number) = typed.get("_lctype").filter(|number| number.is_i64())
        {
            value["lctype"] = number.clone();
        }
        value
    }
}

/// A digest under way.
pub(crate) struct Digest {
    mac: Hmac<Sha256>,
    bytes: usize,
}

impl Digest {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.mac.update(bytes);
        self.bytes += bytes.len();
    }

    pub(crate) fn content(self) -> Content {
        let digest = self.mac.finalize().into_bytes();
        let digest = digest.iter().take(DIGEST).map(|byte| format!("{byte:02x}")).collect();
        Content { bytes: self.bytes, digest }
    }
}

/// What a field's name says about its value.
fn kind_of(key: &str) -> Option<Kind> {
    match key {
        "msg" | "message" | "data" | "text" | "_lctext" | "pushData" | "push_data" | "appMsg" => {
            Some(Kind::Text)
        }
        "binaryMsg" => Some(Kind::Bytes),
        "ip" | "nonce" | "signature" | "deviceToken" | "deviceId" | "installationId" => Some(Kind::Secret),
        _ => {
            let plain: String =
                key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
            let is_secret = SECRETS.iter().any(|part| plain.contains(part)) || plain.ends_with("fromip");
            is_secret.then_some(Kind::Secret)
        }
    }
}

/// Parts of names of what proves something, however it is spelt.
const SECRETS: [&str; 10] = [
    "token",
    "secret",
    "passw",
    "masterkey",
    "appkey",
    "applicationkey",
    "apikey",
    "authdata",
    "credential",
    "ipaddress",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn command(keep_texts: bool, fields: Value) -> Value {
        let Value::Object(mut fields) = fields else { unreachable!() };
        Redactor::new(keep_texts).command(&mut fields);
        Value::Object(fields)
    }

    #[test]
    fn texts_and_secrets_leave_their_length_and_digest() {
        let fields = json!({
            "cmd": "direct", "cid": "room", "msg": "{\"_lctype\":-1,\"_lctext\":\"hello\"}", "pushData": "{\"alert\":\"hello\"}",
        });
        let redacted = command(false, fields.clone());
        assert_eq!((&redacted["cid"], &redacted["msg"]["lctype"]), (&json!("room"), &json!(-1)));
        assert_eq!(redacted["msg"]["bytes"], 32);
        assert!(!redacted.to_string().contains("hello"), "{redacted}");
        assert_eq!(command(true, fields.clone()), fields, "texts are kept when that is asked for");

        let fields = json!({
            "cmd": "session", "st": "TOKEN", "s": "SIGNATURE", "n": "NONCE", "t": 5, "deviceToken": "DEVICE",
            "attr": { "streamToken": "ATTRIBUTE", "n": "kept" }, "logs": [{ "data": "DATA", "from": "kept" }],
            "patches": [{ "binaryMsg": "QklOQVJZ", "data": "PATCH" }], "installationId": "INSTALLATION",
            "results": [{ "msg": "LAST", "from-ip": "192.0.2.1", "data": { "text": "DEEP", "n": 1 } }],
        });
        for keep_texts in [false, true] {
            let redacted = command(keep_texts, fields.clone()).to_string();
            let secrets = ["TOKEN", "SIGNATURE", "NONCE", "DEVICE", "ATTRIBUTE", "INSTALLATION", "192.0.2.1"];
            let texts = ["DATA", "QklOQVJZ", "PATCH", "LAST", "DEEP"];
            for text in secrets {
                assert!(!redacted.contains(text), "{text} in {redacted}");
            }
            for text in texts {
                assert_eq!(redacted.contains(text), keep_texts, "{text} in {redacted}");
            }
        }
        assert_eq!(command(false, fields)["attr"]["n"], "kept");
    }

    #[test]
    fn equal_values_have_equal_digests_in_one_recording_only() {
        let (one, other) = (Redactor::new(false), Redactor::new(false));
        assert_eq!(one.secret("a"), one.secret("a"));
        assert_ne!(one.secret("a"), one.secret("b"));
        assert_ne!(one.secret("a"), other.secret("a"));
        let mut digest = one.digest();
        digest.update(b"ab");
        digest.update(b"c");
        assert_eq!(digest.content(), one.content(b"abc"));
    }

    #[test]
    fn a_text_that_is_no_string_is_hidden_as_a_whole() {
        let mut body = json!({ "message": { "_lctext": "hello", "other": "hello" }, "text": 3, "from": "a" });
        Redactor::new(false).body(&mut body);
        assert!(!body.to_string().contains("hello"), "{body}");
        assert_eq!((&body["text"], &body["from"]), (&json!(3), &json!("a")));
    }
}
