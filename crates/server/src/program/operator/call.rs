//! A request as operators put it: a method, a path with ids in it, and what goes with it.

use reqwest::Method;
use serde_json::Value;

use super::Trouble;

/// One request: a method, a path, and what goes with it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Encoded; `Err` is an id that no URL can hold.
    path: Result<String, String>,
    query: Vec<(&'static str, String)>,
    pub(super) body: Option<Content>,
}

/// A body.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Json(Value),
    Text(Vec<u8>),
}

impl Call {
    pub(super) fn get(path: &str, ids: &[&str]) -> Self {
        Self::new(Method::GET, path, ids)
    }

    pub(super) fn post(path: &str, ids: &[&str]) -> Self {
        Self::new(Method::POST, path, ids)
    }

    pub(super) fn put(path: &str, ids: &[&str]) -> Self {
        Self::new(Method::PUT, path, ids)
    }

    pub(super) fn delete(path: &str, ids: &[&str]) -> Self {
        Self::new(Method::DELETE, path, ids)
    }

    /// Each `{}` of the path stands for the next id.
    fn new(method: Method, path: &str, ids: &[&str]) -> Self {
        let mut out = String::new();
        let mut ids = ids.iter();
        let mut parts = path.split("{}");
        out.push_str(parts.next().unwrap_or_default());
        let mut wrong = None;
        for part in parts {
            let id = ids.next().copied().unwrap_or_default();
            // Whatever stands between two slashes and means a folder is taken out of a URL, also when it is encoded.
            if id.is_empty() || id == "." || id == ".." {
                wrong = Some(id.to_owned());
            }
            out.push_str(&encoded(id));
            out.push_str(part);
        }
        Self { method, path: wrong.map_or(Ok(out), Err), query: Vec::new(), body: None }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The parameter, if there is one.
    pub(super) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) fn json(self, body: Value) -> Self {
        Self { body: Some(Content::Json(body)), ..self }
    }

    pub(super) fn text(self, body: Vec<u8>) -> Self {
        Self { body: Some(Content::Text(body)), ..self }
    }

    /// Path and query.
    pub(super) fn target(&self) -> Result<String, Trouble> {
        match &self.path {
            Ok(path) => Ok(format!("{path}{}", query(&self.query))),
            Err(id) => {
                let english = format!("{id:?} cannot be an id: no URL can hold it");
                Err(Trouble::usage(english, "此 ID 无法写进 URL。"))
            }
        }
    }
}

fn query(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Everything but letters, digits and `-._~` as percent and two digits, so that an id stays one segment of a path.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment() {
        let call = Call::get("/rooms/{}/members/{}", &["a/b?c#d%20", "房\n"]);
        assert_eq!(call.path.unwrap(), "/rooms/a%2Fb%3Fc%23d%2520/members/%E6%88%BF%0A");
        for id in ["", ".", ".."] {
            assert_eq!(Call::get("/rooms/{}", &[id]).path.unwrap_err(), id);
        }
        assert_eq!(Call::get("/rooms/{}", &["..."]).path.unwrap(), "/rooms/...");
        assert_eq!(query(&[("where", "{\"a\":1}&".to_owned())]), "?where=%7B%22a%22%3A1%7D%26");
    }
}
