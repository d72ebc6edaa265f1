//! What an app sent, with the names that things have here.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    difference::Ties,
    field::{self, Field},
    made::{Hidden, Made},
};
use crate::redact::Redactor;

/// Ids and the times beside them: several messages may share a time there, and none here.
const TIMES_OF: [(&str, &str); 5] = [
    ("mid", "t"),
    ("tmid", "tt"),
    ("mid", "timestamp"),
    ("msgid", "timestamp"),
    ("till_msgid", "till_timestamp"),
];

/// Turns what was recorded into what is sent.
pub(super) struct Translator {
    pub(super) app: String,
    /// Tells this comparison from others with the same recording.
    pub(super) run: String,
    pub(super) made: Made,
    /// By digest, the tokens that this server gave.
    pub(super) tokens: HashMap<String, String>,
    /// The same that redacts what comes back, so that digests agree.
    pub(super) redactor: Redactor,
}

impl Translator {
    /// The token that stands for a recorded one.
    pub(super) fn token(&self, ties: &Ties, recorded: &Value) -> Option<String> {
        let digest = Hidden::read(recorded)?.digest;
        self.tokens.get(ties.digests.actual(digest)?).cloned()
    }

    pub(super) fn object(&mut self, ties: &mut Ties, recorded: &Map<String, Value>) -> Map<String, Value> {
        let mut object: Map<String, Value> = Map::new();
        for (key, value) in recorded {
            let name = ties.ids.actual(key).map_or_else(|| key.clone(), ToOwned::to_owned);
            object.insert(name, self.value(ties, key, value));
        }
        for (id, time) in TIMES_OF {
            let of_message =
                recorded.get(id).and_then(Value::as_str).and_then(|id| ties.times.of_message(id));
            if let (Some(form), Some(millis)) = (recorded.get(time), of_message) {
                object.insert(time.to_owned(), field::in_form_of(form, millis));
            }
        }
        object
    }

    pub(super) fn value(&mut self, ties: &mut Ties, key: &str, recorded: &Value) -> Value {
        if let Some(hidden) = Hidden::read(recorded) {
            return self.made(ties, recorded, hidden);
        }
        match recorded {
            Value::Object(object) => Value::Object(self.object(ties, object)),
            Value::Array(items) => items.iter().map(|item| self.value(ties, key, item)).collect(),
            Value::String(_) if key == "appId" => self.app.clone().into(),
            // A server takes a token that it knows for a resend: of an earlier comparison, it must not know any.
            Value::String(token) if key == "dt" => format!("{token}-{}", self.run).into(),
            Value::String(text) if Field::of(key) == Field::Id && !text.is_empty() => {
                ties.ids.pin(text).into()
            }
            Value::String(text) if ties.ids.actual(text).is_some() => {
                ties.ids.actual(text).unwrap_or_default().into()
            }
            _ if Field::of(key) == Field::Time => match field::millis(recorded) {
                Some(millis) => field::in_form_of(recorded, ties.times.actual(millis)),
                None => recorded.clone(),
            },
            _ => recorded.clone(),
        }
    }

    fn made(&mut self, ties: &mut Ties, recorded: &Value, hidden: Hidden<'_>) -> Value {
        let made = match hidden.kind {
            "secret" => match self.token(ties, recorded) {
                Some(token) => return token.into(),
                None => format!("rehearsed-{}", hidden.digest),
            },
            "bytes" => Made::bytes(hidden),
            _ => self.made.text(hidden),
        };
        // What comes back of it is known by this.
        let digest = match hidden.kind {
            "bytes" => self.redactor.content_of_base64(&made).digest,
            _ => self.redactor.content(made.as_bytes()).digest,
        };
        ties.digests.replace(hidden.digest, &digest);
        made.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::names::{Pairs, Times},
        *,
    };

    #[test]
    fn names_times_and_texts_are_those_of_here() {
        let (then, now) = (1_700_000_000_000_i64, 1_800_000_000_000_i64);
        let mut ties = Ties {
            ids: Pairs::default(),
            digests: Pairs::default(),
            times: Times::new(then, now),
            ignore: Vec::new(),
        };
        ties.ids.learn("r1", "R1");
        ties.ids.learn("m1", "M1");
        ties.times.learn_message("m1", now + 77);
        let redactor = Redactor::new(false);
        let mut translator = Translator {
            app: "mine".to_owned(),
            run: "7".to_owned(),
            made: Made::default(),
            tokens: HashMap::new(),
            redactor,
        };
        let sent = json!({
            "appId": "theirs", "cid": "r1", "mid": "m1", "t": then + 3, "tt": then + 5, "where": {"objectId": {"$in": ["r1", "r2"]}},
            "msg": {"redacted": "text", "bytes": 10, "digest": "d1"}, "limit": 5, "name": "r1", "dt": "x",
        });
        let sent = Value::Object(translator.object(&mut ties, sent.as_object().unwrap()));
        let expected = json!({
            "appId": "mine", "cid": "R1", "mid": "M1", "t": now + 77, "tt": now + 5,
            "where": {"objectId": {"$in": ["R1", "r2"]}}, "msg": "d1d1d1d1d1", "limit": 5, "name": "R1", "dt": "x-7",
        });
        assert_eq!(sent, expected);
        let digest = translator.redactor.content(b"d1d1d1d1d1").digest;
        assert_eq!(ties.digests.actual("d1"), Some(digest.as_str()), "what comes back is known");
    }
}
