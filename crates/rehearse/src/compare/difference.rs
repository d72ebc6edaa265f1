//! Two answers, field by field.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    field::{self, Field},
    known::Known,
    made::Hidden,
    names::{Pairs, Times},
};

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The line of the recording; 0 for what has none.
    pub line: usize,
    pub connection: u64,
    /// Family and verb of a command, or method and path of a call.
    pub what: String,
    pub kind: Kind,
    /// The field, from the outside in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
}

/// In which way something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A field has another value, or only one side has it.
    Field,
    /// The server did not say it in time.
    Missing,
    /// The server said it, and the recorded one did not.
    Unexpected,
    /// It came before what it came after.
    Order,
    /// The connection was closed otherwise.
    Close,
    /// The WebSocket was agreed to otherwise.
    Upgrade,
    /// The call was answered with another status.
    Status,
}

/// Everything that stands for something else.
#[derive(Debug)]
pub(super) struct Ties {
    pub(super) ids: Pairs,
    pub(super) digests: Pairs,
    pub(super) times: Times,
    /// Fields that do not count, by name or by whole path.
    pub(super) ignore: Vec<String>,
}

/// What was said, for the rules that go by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) what: &'a str,
    /// Nobody asked for it.
    pub(super) push: bool,
}

/// What a comparison of two answers found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) fields: Vec<(String, Option<Value>, Option<Value>)>,
    pub(super) known: BTreeMap<Known, usize>,
}

impl Ties {
    /// Compares without learning: whether these may be the same thing.
    pub(super) fn may_be(
        &mut self,
        said: Said<'_>,
        recorded: &Map<String, Value>,
        actual: &Map<String, Value>,
    ) -> bool {
        let mut comparison = Comparison { ties: self, said, learns: false, found: Found::default() };
        comparison.objects("", recorded, actual);
        comparison.found.fields.is_empty()
    }

    /// Compares, and learns what stands for what.
    pub(super) fn compare(&mut self, said: Said<'_>, recorded: &Value, actual: &Value) -> Found {
        let mut comparison = Comparison { ties: self, said, learns: true, found: Found::default() };
        comparison.values("", "", recorded, actual);
        comparison.found
    }
}

struct Comparison<'a> {
    ties: &'a mut Ties,
    said: Said<'a>,
    learns: bool,
    found: Found,
}

impl Comparison<'_> {
    fn objects(&mut self, path: &str, recorded: &Map<String, Value>, actual: &Map<String, Value>) {
        self.learn_message(recorded, actual);
        let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let mut seen = Vec::new();
        for (key, value) in recorded {
            // Ids are keys, too, where a server is asked about several rooms.
            let here =
                self.ties.ids.actual(key).filter(|id| actual.contains_key(*id)).unwrap_or(key).to_owned();
            match actual.get(&here) {
                Some(other) => self.values(&inside(key), key, value, other),
                None => self.lone(inside(key), key, Some(value), None),
            }
            seen.push(here);
        }
        for (key, value) in actual.iter().filter(|(key, _)| !seen.contains(key)) {
            self.lone(inside(key), key, None, Some(value));
        }
    }

    fn values(&mut self, path: &str, key: &str, recorded: &Value, actual: &Value) {
        if self.is_ignored(path, key) {
            if recorded != actual {
                self.known(Known::Ignored);
            }
            return;
        }
        if let (Some(recorded_hidden), Some(actual_hidden)) = (Hidden::read(recorded), Hidden::read(actual)) {
            return self.hidden(path, (recorded_hidden, recorded), (actual_hidden, actual));
        }
        match (Field::of(key), recorded, actual) {
            (_, Value::Object(recorded), Value::Object(actual)) => self.objects(path, recorded, actual),
            (_, Value::Array(recorded), Value::Array(actual)) => self.lists(path, key, recorded, actual),
            (Field::Id, Value::String(recorded_id), Value::String(actual_id)) => {
                let agree = if self.learns {
                    self.ties.ids.learn(recorded_id, actual_id)
                } else {
                    self.ties.ids.agree(recorded_id, actual_id)
                };
                match agree {
                    true if recorded_id != actual_id => self.known(Known::Ids),
                    true => {}
                    false => self.differ(path, Some(recorded), Some(actual)),
                }
            }
            (Field::Time, recorded_time, actual_time) => self.times(path, recorded_time, actual_time),
            (Field::Ttl, Value::Number(_), Value::Number(_)) if recorded != actual => self.known(Known::Ttl),
            (Field::Address, Value::String(_), Value::String(_)) if recorded != actual => {
                self.known(Known::Addresses)
            }
            (Field::Wording, Value::String(_), Value::String(_)) if recorded != actual => {
                self.known(Known::Wording)
            }
            _ if self.is_same(recorded, actual) => {}
            _ => self.differ(path, Some(recorded), Some(actual)),
        }
    }

    /// Equal, or a text that is an id by itself.
    fn is_same(&mut self, recorded: &Value, actual: &Value) -> bool {
        let stands_for = |text: &str| self.ties.ids.actual(text);
        recorded == actual
            || recorded.as_str().and_then(stands_for).is_some_and(|id| Some(id) == actual.as_str())
    }

    fn lists(&mut self, path: &str, key: &str, recorded: &[Value], actual: &[Value]) {
        if recorded.len() != actual.len() {
            let counted = |list: &[Value]| Some(Value::Array(list.to_vec()));
            return self.differ_by(path, counted(recorded), counted(actual));
        }
        let texts = |list: &[Value]| list.iter().all(Value::is_string);
        if Field::is_set(key) && texts(recorded) && texts(actual) {
            let sorted = |list: &[Value]| {
                let mut list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                list.sort_unstable();
                list.into_iter().map(Value::from).collect::<Vec<_>>()
            };
            if sorted(recorded) != sorted(actual) {
                self.differ_by(path, Some(recorded.to_vec().into()), Some(actual.to_vec().into()));
            }
            return;
        }
        for (at, (recorded, actual)) in recorded.iter().zip(actual).enumerate() {
            self.values(&format!("{path}[{at}]"), key, recorded, actual);
        }
    }

    fn times(&mut self, path: &str, recorded: &Value, actual: &Value) {
        match (field::millis(recorded), field::millis(actual)) {
            (Some(before), Some(now)) if Times::is_time(before) && Times::is_time(now) => {
                if self.learns {
                    self.ties.times.learn(before, now);
                }
                if before != now {
                    self.known(Known::Times);
                }
            }
            _ if recorded == actual => {}
            _ => self.differ(path, Some(recorded), Some(actual)),
        }
    }

    fn hidden(&mut self, path: &str, recorded: (Hidden<'_>, &Value), actual: (Hidden<'_>, &Value)) {
        let ((before, before_value), (now, now_value)) = (recorded, actual);
        if before.kind == "secret" && now.kind == "secret" {
            if self.learns {
                self.ties.digests.replace(before.digest, now.digest);
            }
            return self.known(Known::Tokens);
        }
        if path.ends_with("appMsg") {
            return self.known(Known::Wording);
        }
        let alike = before.kind == now.kind && before.lctype == now.lctype;
        let agree = alike && self.ties.digests.agree(before.digest, now.digest);
        // A text that was sent as a longer one, because no other of its length was left, is known by its digest.
        let same_length = before.bytes == now.bytes || self.ties.digests.actual(before.digest).is_some();
        if !agree || !same_length {
            self.differ(path, Some(before_value), Some(now_value));
        } else if self.learns {
            self.ties.digests.learn(before.digest, now.digest);
        }
    }

    /// A field that only one of both has.
    fn lone(&mut self, path: String, key: &str, recorded: Option<&Value>, actual: Option<&Value>) {
        if self.is_ignored(&path, key) {
            return self.known(Known::Ignored);
        }
        let room_push = self.said.push && ["direct", "patch", "conv"].contains(&family(self.said.what));
        let known = match key {
            "peerId" if room_push => Some(Known::PeerId),
            "service" => Some(Known::Service),
            "serverTs" => Some(Known::ServerTime),
            "lastPatchTime" if self.said.what == "session/opened" => Some(Known::PatchTime),
            "detail" | "appMsg" => Some(Known::Wording),
            "groupId" | "secondary" => Some(Known::Addresses),
            _ => None,
        };
        match known {
            Some(known) => self.known(known),
            None => self.differ_by(&path, recorded.cloned(), actual.cloned()),
        }
    }

    /// Where an id and a time stand side by side, the time is that of the message.
    fn learn_message(&mut self, recorded: &Map<String, Value>, actual: &Map<String, Value>) {
        if !self.learns {
            return;
        }
        for (id, time) in [
            ("uid", "t"),
            ("id", "timestamp"),
            ("msgId", "timestamp"),
            ("mid", "timestamp"),
            ("msg-id", "timestamp"),
        ] {
            if let (Some(id), Some(time)) =
                (recorded.get(id).and_then(Value::as_str), actual.get(time).and_then(Value::as_i64))
            {
                self.ties.times.learn_message(id, time);
            }
        }
    }

    fn is_ignored(&self, path: &str, key: &str) -> bool {
        !path.is_empty() && self.ties.ignore.iter().any(|name| name == key || name == path)
    }

    fn known(&mut self, known: Known) {
        *self.found.known.entry(known).or_default() += 1;
    }

    fn differ(&mut self, path: &str, recorded: Option<&Value>, actual: Option<&Value>) {
        self.differ_by(path, recorded.cloned(), actual.cloned());
    }

    fn differ_by(&mut self, path: &str, recorded: Option<Value>, actual: Option<Value>) {
        self.found.fields.push((path.to_owned(), recorded, actual));
    }
}

fn family(what: &str) -> &str {
    what.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PUSH: Said<'_> = Said { what: "direct", push: true };
    const REPLY: Said<'_> = Said { what: "session/opened", push: false };

    fn ties() -> Ties {
        Ties {
            ids: Pairs::default(),
            digests: Pairs::default(),
            times: Times::new(1_700_000_000_000, 1_800_000_000_000),
            ignore: vec!["unimportant".to_owned(), "deep.down".to_owned()],
        }
    }

    #[track_caller]
    fn check(said: Said<'_>, recorded: &Value, actual: &Value, fields: &[&str], known: &[(Known, usize)]) {
        let found = ties().compare(said, recorded, actual);
        let paths: Vec<&str> = found.fields.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, fields);
        assert_eq!(found.known.into_iter().collect::<Vec<_>>(), known);
    }

    fn hidden(kind: &str, bytes: usize, digest: &str) -> Value {
        json!({ "redacted": kind, "bytes": bytes, "digest": digest })
    }

    #[test]
    fn what_servers_make_is_known_and_the_rest_must_be_equal() {
        check(
            PUSH,
            &json!({"cid": "r1", "id": "m1", "timestamp": 1_700_000_000_005_i64, "fromPeerId": "a", "peerId": "b", "convType": 2}),
            &json!({"cid": "r2", "id": "m2", "timestamp": 1_800_000_000_009_i64, "fromPeerId": "c", "service": 2}),
            &["fromPeerId", "convType"],
            &[(Known::Ids, 2), (Known::Times, 1), (Known::PeerId, 1), (Known::Service, 1)],
        );
        check(
            REPLY,
            &json!({"peerId": "b", "st": hidden("secret", 9, "d1"), "stTtl": 5, "code": 4112}),
            &json!({"st": hidden("secret", 12, "d2"), "stTtl": 6, "code": 4102, "detail": "why"}),
            &["peerId", "code"],
            &[(Known::Tokens, 1), (Known::Ttl, 1), (Known::Wording, 1)],
        );
    }

    #[test]
    fn an_id_stands_for_one_other_id_only() {
        let mut ties = ties();
        let mut compare =
            |recorded: Value, actual: Value| ties.compare(PUSH, &recorded, &actual).fields.len();
        assert_eq!(compare(json!({"cid": "r1"}), json!({"cid": "x"})), 0);
        assert_eq!(compare(json!({"cid": "r1"}), json!({"cid": "y"})), 1);
        assert_eq!(compare(json!({"results": {"r1": true}}), json!({"results": {"x": true}})), 0);
        assert_eq!(compare(json!({"results": {"r1": true}}), json!({"results": {"x": false}})), 1);
        assert_eq!(compare(json!({"any": "r1"}), json!({"any": "x"})), 0);
    }

    #[test]
    fn texts_are_compared_by_digest_length_and_kind() {
        let mut ties = ties();
        let mut compare = |recorded: Value, actual: Value| {
            ties.compare(PUSH, &json!({ "msg": recorded }), &json!({ "msg": actual })).fields.len()
        };
        assert_eq!(compare(hidden("text", 5, "d1"), hidden("text", 5, "e1")), 0);
        assert_eq!(
            compare(hidden("text", 5, "d1"), hidden("text", 5, "e2")),
            1,
            "another text of this length"
        );
        assert_eq!(compare(hidden("text", 6, "d3"), hidden("text", 5, "e3")), 1);
        assert_eq!(compare(hidden("text", 6, "d4"), hidden("bytes", 6, "e4")), 1);
        assert_eq!(compare(hidden("text", 6, "d5"), json!("plain")), 1);
    }

    #[test]
    fn lists_have_an_order_unless_they_are_sets() {
        check(PUSH, &json!({"m": ["a", "b"]}), &json!({"m": ["b", "a"]}), &[], &[]);
        check(PUSH, &json!({"list": ["a", "b"]}), &json!({"list": ["b", "a"]}), &["list[0]", "list[1]"], &[]);
        check(
            PUSH,
            &json!({"logs": [{"from": "a"}]}),
            &json!({"logs": [{"from": "b"}]}),
            &["logs[0].from"],
            &[],
        );
        check(PUSH, &json!({"logs": [{}]}), &json!({"logs": []}), &["logs"], &[]);
    }

    #[test]
    fn a_time_is_a_time_on_both_sides() {
        let (time, never) = (1_700_000_000_005_i64, 0);
        check(PUSH, &json!({"timestamp": time}), &json!({"timestamp": never}), &["timestamp"], &[]);
        check(PUSH, &json!({"timestamp": time}), &json!({}), &["timestamp"], &[]);
        check(PUSH, &json!({"t": 0}), &json!({"t": 0}), &[], &[]);
    }

    #[test]
    fn what_is_to_be_ignored_is_counted() {
        check(
            PUSH,
            &json!({"unimportant": 1, "deep": {"down": 1, "unimportant": 5}, "down": 1}),
            &json!({"unimportant": 2, "deep": {"down": 2}, "down": 2}),
            &["down"],
            &[(Known::Ignored, 3)],
        );
    }
}
