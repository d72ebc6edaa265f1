//! The parameters of a request to the stand-in for LeanCloud, and what they choose.

use std::collections::HashMap;

use grandstand_room::clock::Millis;
use serde_json::{Map, Value};

use crate::{
    leancloud::Habits,
    world::{Message, World, text},
};

/// The parameters of a request. One that the description does not know is refused.
pub(crate) struct Query(pub(crate) HashMap<String, String>);

impl Query {
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, String> {
        let url = reqwest::Url::parse(&format!("http://x/?{}", query.unwrap_or_default())).unwrap();
        let mut pairs = HashMap::new();
        for (name, value) in url.query_pairs().into_owned() {
            if !known.contains(&name.as_str()) {
                return Err(format!("there is no parameter {name}"));
            }
            if pairs.insert(name.clone(), value).is_some() {
                return Err(format!("{name} stands there twice"));
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn number(&self, name: &str, usual: i64) -> Option<i64> {
        self.0.get(name).map_or(Some(usual), |text| text.parse().ok()).filter(|number| *number >= 0)
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.0.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("{name} cannot be {other}")),
        }
    }

    /// A place in the list: with an id, that of the message; else before the first message of its time, or behind the
    /// last one.
    fn place(
        &self,
        messages: &[Message],
        time: &str,
        id: &str,
        behind: bool,
    ) -> Result<Option<usize>, String> {
        let at = self.number(time, 0).ok_or_else(|| format!("{time} is a number"))?;
        let named = self.0.get(id);
        if at == 0 {
            return if named.is_some() { Err(format!("{id} goes with {time}")) } else { Ok(None) };
        }
        if let Some(place) = named.and_then(|id| messages.iter().position(|message| message.id == *id)) {
            return Ok(Some(place + usize::from(behind)));
        }
        let older = |message: &Message| message.timestamp < at || (behind && message.timestamp == at);
        Ok(Some(messages.partition_point(older)))
    }

    pub(crate) fn page<'a>(&self, messages: &'a [Message]) -> Result<Vec<&'a Message>, String> {
        let limit =
            self.number("limit", 100).filter(|limit| *limit <= 1000).ok_or("limit is 1000 at most")?;
        let (start_in, stop_in) = (self.flag("include_start")?, self.flag("include_stop")?);
        let reversed = self.flag("reversed")?;
        // Seen from the older end: which of both bounds is in.
        let (older_in, newer_in) = if reversed { (start_in, stop_in) } else { (stop_in, start_in) };
        let (start, stop) = (("timestamp", "msgid"), ("till_timestamp", "till_msgid"));
        let (older, newer) = if reversed { (start, stop) } else { (stop, start) };
        let first = self.place(messages, older.0, older.1, !older_in)?.unwrap_or(0);
        let last = self.place(messages, newer.0, newer.1, newer_in)?.unwrap_or(messages.len());
        let between = messages.get(first..last).unwrap_or_default();
        Ok(if reversed {
            between.iter().take(limit as usize).collect()
        } else {
            between.iter().rev().take(limit as usize).collect()
        })
    }

    pub(crate) fn rooms(&self, world: &World, habits: &Habits) -> Result<Vec<Map<String, Value>>, String> {
        let limit = self.number("limit", 10).filter(|limit| *limit <= 1000).ok_or("limit is 1000 at most")?;
        let skip = self.number("skip", 0).ok_or("skip is a number")?;
        let limit = habits.rows.map_or(limit as usize, |rows| rows.min(limit as usize));
        let matches = self.condition()?;
        let mut rows: Vec<&Map<String, Value>> = world.rows.iter().filter(|row| matches(row)).collect();
        match self.0.get("order").map(String::as_str) {
            None => {}
            _ if !habits.orders => {}
            Some(key @ ("createdAt" | "objectId")) => rows.sort_by_key(|row| text(row, key)),
            Some(other) => return Err(format!("no order by {other}")),
        }
        let (skip, all) = (skip as usize, rows.len());
        let end = all.min(skip + limit);
        let begin = if skip < all { skip.saturating_sub(habits.borders) } else { end };
        Ok(rows.get(begin..end).unwrap_or_default().iter().copied().cloned().collect())
    }

    /// What `where` asks for: times of making, or ids.
    fn condition(&self) -> Result<impl Fn(&Map<String, Value>) -> bool, String> {
        let filter = self.0.get("where").map_or("{}", String::as_str);
        let filter: Map<String, Value> = serde_json::from_str(filter).map_err(|error| error.to_string())?;
        let (mut from, mut to, mut ids) = (i64::MIN, i64::MAX, None);
        for (key, tests) in &filter {
            for (operator, operand) in tests.as_object().ok_or("no test")? {
                let date = || {
                    let is_date = operand["__type"] == "Date";
                    let time = operand["iso"].as_str().and_then(Millis::from_iso).filter(|_| is_date);
                    time.map(|time| time.0).ok_or("createdAt is compared with dates")
                };
                match (key.as_str(), operator.as_str()) {
                    ("createdAt", "$gte") => from = date()?,
                    ("createdAt", "$lt") => to = date()?,
                    ("objectId", "$in") => ids = Some(operand.as_array().ok_or("$in has a list")?.clone()),
                    other => return Err(format!("no condition {other:?}")),
                }
            }
        }
        Ok(move |row: &Map<String, Value>| {
            let made = Millis::from_iso(&text(row, "createdAt")).unwrap().0;
            let is_named = ids.as_ref().is_none_or(|ids| ids.contains(&row["objectId"]));
            (from..to).contains(&made) && is_named
        })
    }
}
