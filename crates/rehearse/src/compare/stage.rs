//! One connection of the recording as it stands now: what came on it, and what of that was expected.

use std::collections::{BTreeMap, VecDeque};

use grandstand_protocol::Format;
use serde_json::{Map, Value};

use super::link::{Agreed, Link};

/// What came and was not expected so far.
pub(super) struct Arrival {
    /// Counted for each connection, in the order of arrival.
    pub(super) number: u64,
    pub(super) fields: Map<String, Value>,
}

/// A connection of the recording.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) link: Option<Link>,
    pub(super) format: Option<Format>,
    /// The answer to the upgrade until it is compared.
    pub(super) agreed: Option<Agreed>,
    pub(super) arrivals: VecDeque<Arrival>,
    arrived: u64,
    /// The server closed it, with this code if any.
    pub(super) closed: Option<Option<u16>>,
    /// The server's close was expected.
    pub(super) close_expected: bool,
    /// The app has left: what comes now nobody hears.
    pub(super) left: bool,
    /// The client id that commands without one mean.
    pub(super) client: Option<String>,
    expected: Vec<Expected>,
}

/// Something that both servers said.
struct Expected {
    line: usize,
    what: String,
    /// What has an order among itself: replies, or pushes of one room.
    class: String,
    number: u64,
}

/// A pair in the other order.
pub(super) enum Swapped {
    /// Two of a kind, at this line.
    Unknown { line: usize, what: String },
    /// A push and a reply.
    Race,
}

impl Stage {
    pub(super) fn arrive(&mut self, fields: Map<String, Value>) {
        if !self.left {
            self.arrived += 1;
            self.arrivals.push_back(Arrival { number: self.arrived, fields });
        }
    }

    /// Takes an arrival that was expected at this line.
    pub(super) fn expect(&mut self, at: usize, line: usize) -> Option<Map<String, Value>> {
        let Arrival { number, fields } = self.arrivals.remove(at)?;
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        let class = match fields.get("i") {
            Some(_) => "reply".to_owned(),
            None => format!("push {}", text("cid")),
        };
        self.expected.push(Expected { line, what: what(&fields), class, number });
        Some(fields)
    }

    /// What came in another order than it was recorded in.
    pub(super) fn swapped(&self) -> Vec<Swapped> {
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        let mut swapped = Vec::new();
        let mut latest = 0;
        for Expected { line, what, class, number } in &self.expected {
            let of_class = last.entry(class).or_default();
            if number < of_class {
                swapped.push(Swapped::Unknown { line: *line, what: what.clone() });
            } else if *number < latest {
                swapped.push(Swapped::Race);
            }
            *of_class = (*of_class).max(*number);
            latest = latest.max(*number);
        }
        swapped
    }
}

/// Family and verb.
pub(super) fn what(fields: &Map<String, Value>) -> String {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    match (text("cmd"), text("op")) {
        (Some(family), Some(verb)) => format!("{family}/{verb}"),
        (Some(family), None) => family.to_owned(),
        (None, _) => "heartbeat".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Expects arrivals in the order of these indexes: what is swapped.
    #[track_caller]
    fn check(arrivals: &[Value], order: &[usize], expected: &[&str]) {
        let mut stage = Stage::default();
        for fields in arrivals {
            stage.arrive(fields.as_object().cloned().unwrap());
        }
        for (line, wanted) in order.iter().enumerate() {
            let at = stage.arrivals.iter().position(|a| a.number == *wanted as u64 + 1).unwrap();
            stage.expect(at, line).unwrap();
        }
        let shown: Vec<String> = stage
            .swapped()
            .iter()
            .map(|swapped| match swapped {
                Swapped::Unknown { line, what } => format!("{line} {what}"),
                Swapped::Race => "race".to_owned(),
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn order_counts_among_replies_and_among_the_pushes_of_a_room() {
        let (ack, push) = (json!({"cmd": "ack", "i": 1}), json!({"cmd": "direct", "cid": "r"}));
        let other = json!({"cmd": "conv", "op": "updated", "cid": "other"});
        check(&[ack.clone(), push.clone(), push.clone()], &[0, 1, 2], &[]);
        check(&[ack.clone(), ack.clone()], &[1, 0], &["1 ack"]);
        check(&[push.clone(), push.clone(), ack.clone()], &[1, 0, 2], &["1 direct"]);
        check(&[ack, push.clone()], &[1, 0], &["race"]);
        check(&[push, other], &[1, 0], &["race"]);
    }
}
