//! What a recording holds of a call over HTTP.

use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};

use super::{Redactor, kind_of};
use crate::recording::{Body, Content, Proof, Request};

/// Beginnings of paths that are about chat; what is behind others is nobody's business here.
const CHAT: [&str; 6] = [
    "/v1/route",
    "/1.1/rtm/",
    "/1.2/rtm/",
    "/1.1/classes/_Conversation",
    "/1.2/classes/_Conversation",
    "/2/route",
];

/// How the app's key and the master key are called, newest name first.
const KEYS: [&str; 4] =
    ["x-lc-key", "x-avoscloud-application-key", "x-uluru-application-key", "x-avoscloud-master-key"];
const SIGNS: [&str; 3] = ["x-lc-sign", "x-avoscloud-request-sign", "x-uluru-request-sign"];
const APPS: [&str; 3] = ["x-lc-id", "x-avoscloud-application-id", "x-uluru-application-id"];
const SESSIONS: [&str; 2] = ["x-lc-im-session-token", "x-lc-session"];

/// What is known of a call before its body.
pub(crate) struct Call {
    pub(crate) chat: bool,
    request: Request,
}

/// Describes a call.
pub(crate) fn call(
    redactor: &Redactor,
    exchange: u64,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Call {
    let chat = CHAT.iter().any(|begin| uri.path().starts_with(begin));
    let session = SESSIONS.iter().find_map(|name| text(headers, name));
    let request = Request {
        exchange,
        method: method.to_string(),
        chat,
        path: if chat { uri.path().to_owned() } else { beginning(uri.path()) },
        query: if chat { query(redactor, uri.query().unwrap_or_default()) } else { Vec::new() },
        app: APPS.iter().find_map(|name| text(headers, name)).map(ToOwned::to_owned),
        proof: proof(headers),
        session: session.map(|token| redactor.secret(token)),
        agent: text(headers, "x-lc-ua").or_else(|| text(headers, "user-agent")).map(ToOwned::to_owned),
        body: Body::None,
    };
    Call { chat, request }
}

impl Call {
    /// The call with its body.
    pub(crate) fn with(self, body: Body) -> Request {
        Request { body, ..self.request }
    }
}

impl Redactor {
    /// What is kept of a body: `whole` is all of it if it was short enough to be kept.
    pub(crate) fn kept(&self, chat: bool, whole: Option<&[u8]>, content: Content) -> Body {
        if content.bytes == 0 {
            return Body::None;
        }
        let json = whole.filter(|_| chat).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        match json {
            Some(mut value @ (Value::Object(_) | Value::Array(_))) => {
                self.body(&mut value);
                Body::Json(value)
            }
            _ => Body::Other(content),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// With which key somebody signs or shows it: the key itself is not looked at.
fn proof(headers: &HeaderMap) -> Option<Proof> {
    let shown = KEYS.iter().chain(&SIGNS).find_map(|name| Some((*name, text(headers, name)?)));
    let (name, value) = shown?;
    let is_master = value.ends_with(",master") || name.ends_with("master-key");
    Some(if is_master { Proof::MasterKey } else { Proof::AppKey })
}

/// `/1.1/users/…`: what stands behind may be anything.
fn beginning(path: &str) -> String {
    let mut ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    match (ends.next(), ends.next()) {
        (Some(_), Some(end)) => format!("{}/…", &path[..end]),
        _ if path.starts_with("/1") || path.len() <= 24 => path.to_owned(),
        _ => "/…".to_owned(),
    }
}

/// A parameter of a URL.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (decoded(key), decoded(value)))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn query(redactor: &Redactor, text: &str) -> Vec<(String, Value)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (decoded(key), decoded(value));
            // `where` is JSON; other values are what they are, numbers too.
            let parsed = serde_json::from_str::<Map<String, Value>>(&value).map(Value::Object);
            let mut object = Map::new();
            object.insert(key.clone(), parsed.unwrap_or(Value::String(value)));
            // Here, too, a name of one letter is a name of the app's own.
            if key != "timestamp" && kind_of(&key).is_some() || !object[&key].is_string() {
                let mut whole = Value::Object(object);
                redactor.body(&mut whole);
                let value = whole.as_object_mut().and_then(|object| object.remove(&key));
                return (key, value.unwrap_or_default());
            }
            let value = object.remove(&key).unwrap_or_default();
            (key, value)
        })
        .collect()
}

/// Percent signs and pluses resolved; what is no UTF-8 then is shown as far as it goes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = behind;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described(uri: &str, headers: &[(&'static str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
        });
        let (redactor, uri) = (Redactor::new(false), uri.parse().unwrap());
        call(&redactor, 1, &Method::GET, &uri, &headers.collect()).with(Body::None)
    }

    #[test]
    fn keys_signs_and_tokens_are_not_kept() {
        let headers = [("x-lc-id", "app"), ("x-lc-key", "KEY,master"), ("x-lc-im-session-token", "TOKEN")];
        let request = described(
            "/1.2/rtm/messages?nonce=NONCE&signature=SIGN&limit=5&where=%7B%22c%22%3A1%7D",
            &headers,
        );
        let text = serde_json::to_string(&request).unwrap();
        for secret in ["KEY", "TOKEN", "NONCE", "SIGN"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!((request.app.as_deref(), request.proof), (Some("app"), Some(Proof::MasterKey)));
        assert_eq!(request.query[2..], [("limit".into(), json!("5")), ("where".into(), json!({"c": 1}))]);
        assert_eq!(described("/v1/route", &[("x-lc-sign", "HASH,5")]).proof, Some(Proof::AppKey));
        assert_eq!(described("/v1/route", &[]).proof, None);
    }

    #[test]
    fn of_calls_that_are_not_about_chat_the_beginning_is_kept() {
        let path = |uri| described(uri, &[]).path;
        assert_eq!(path("/1.1/users/5f?password=SECRET"), "/1.1/users/…");
        assert_eq!(path("/1.1/login"), "/1.1/login");
        assert_eq!(path("/a-secret-that-is-longer-than-any-name-of-a-call"), "/…");
        assert!(described("/1.1/users?username=a", &[]).query.is_empty());
    }

    #[test]
    fn bodies_of_other_calls_are_not_read() {
        let redactor = Redactor::new(false);
        let kept = |chat| redactor.kept(chat, Some(b"{\"a\":1}"), redactor.content(b"{\"a\":1}"));
        assert_eq!(kept(true), Body::Json(json!({"a": 1})));
        assert!(matches!(kept(false), Body::Other(Content { bytes: 7, .. })));
        assert_eq!(redactor.kept(true, Some(b""), redactor.content(b"")), Body::None);
    }

    #[test]
    fn queries_are_decoded() {
        assert_eq!(decoded("a%20b+c%E4%B8%AD%zz%"), "a b c中%zz%");
    }
}
