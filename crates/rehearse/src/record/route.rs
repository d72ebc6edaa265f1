//! Where apps are told to connect: here, whatever the server says.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, Uri, header::HOST};
use serde_json::Value;

use crate::Server;

/// The path that apps ask.
pub(super) const PATH: &str = "/v1/route";

/// Before the number of an address.
const PREFIX: &str = "/rehearsal/";

/// Fields of an answer that hold an address.
const ADDRESSES: [&str; 2] = ["server", "secondary"];

/// Different addresses that are remembered. A server has a few.
const REMEMBERED: usize = 256;

/// The addresses that the server gave, by the number under which apps know them.
#[derive(Default)]
pub(crate) struct Routes(Mutex<Vec<String>>);

impl Routes {
    /// Puts this recorder's addresses into an answer. `None` if it is none that names any.
    pub(super) fn rewrite(&self, answer: &[u8], headers: &HeaderMap) -> Option<Vec<u8>> {
        let mut answer: Value = serde_json::from_slice(answer).ok()?;
        let fields = answer.as_object_mut()?;
        let host = headers.get(HOST)?.to_str().ok()?;
        // Phones insist on TLS; who ends it before this recorder says so.
        let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        let scheme = if forwarded == Some("https") { "wss" } else { "ws" };
        let mut changed = false;
        for key in ADDRESSES {
            if let Some(Value::String(address)) = fields.get_mut(key)
                && let Some(number) = self.number(address)
            {
                *address = format!("{scheme}://{host}{PREFIX}{number}");
                changed = true;
            }
        }
        changed.then(|| answer.to_string().into_bytes())
    }

    /// Where a request for this path goes, if it is one of the addresses that `by` gave.
    pub(super) fn resolve(&self, uri: &Uri, by: &Server) -> Option<Server> {
        let number: usize = uri.path().strip_prefix(PREFIX)?.parse().ok()?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        by.named(known.get(number.checked_sub(1)?)?).ok()
    }

    fn number(&self, address: &str) -> Option<usize> {
        Server::parse(address).ok().filter(Server::is_web_socket)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|known| known == address);
        let at = at.or_else(|| {
            known.push(address.to_owned());
            (known.len() <= REMEMBERED).then(|| known.len() - 1)
        });
        known.truncate(REMEMBERED);
        at.map(|at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rewritten(routes: &Routes, answer: &Value, headers: &[(&'static str, &'static str)]) -> Option<Value> {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        let bytes = routes.rewrite(answer.to_string().as_bytes(), &headers.collect())?;
        serde_json::from_slice(&bytes).ok()
    }

    #[test]
    fn addresses_become_ours_and_lead_back() {
        let routes = Routes::default();
        let answer = json!({"server": "wss://a.example/x?y=1", "secondary": "wss://b.example", "ttl": 300});
        let ours = rewritten(&routes, &answer, &[("host", "127.0.0.1:9")]).unwrap();
        let expected = json!({"server": "ws://127.0.0.1:9/rehearsal/1", "secondary": "ws://127.0.0.1:9/rehearsal/2", "ttl": 300});
        assert_eq!(ours, expected);
        let tls = rewritten(&routes, &answer, &[("host", "h"), ("x-forwarded-proto", "https")]).unwrap();
        assert_eq!(tls["server"], "wss://h/rehearsal/1", "the same address has the same number");
        let by = Server::parse("https://c.example").unwrap();
        let resolved = routes.resolve(&"/rehearsal/1".parse().unwrap(), &by).unwrap();
        assert_eq!((resolved.authority(), resolved.path().as_str()), ("a.example", "/x?y=1"));
        for other in ["/", "/rehearsal/0", "/rehearsal/3", "/rehearsal/x"] {
            assert!(routes.resolve(&other.parse().unwrap(), &by).is_none(), "{other}");
        }
    }

    #[test]
    fn other_answers_stay_as_they_are() {
        let routes = Routes::default();
        for answer in [json!({"code": 1}), json!([]), json!({"server": "not a URL"}), json!({"server": 5})] {
            assert_eq!(rewritten(&routes, &answer, &[("host", "h")]), None, "{answer}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let routes = Routes::default();
        for number in 0..2 * REMEMBERED {
            rewritten(&routes, &json!({"server": format!("ws://a/{number}")}), &[("host", "h")]);
        }
        assert_eq!(routes.0.lock().unwrap().len(), REMEMBERED);
    }
}
