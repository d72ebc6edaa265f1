//! What is on the stand-in for LeanCloud: rooms and what is no room, messages, silences, blocks and roles, by a seed.

use std::collections::BTreeMap;

use grandstand_room::clock::Millis;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Map, Value, json};

/// The first messages and rooms are of this time.
pub(crate) const FIRST: i64 = 1_760_000_000_000;

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rooms: usize,
    pub(crate) messages: usize,
    /// Messages of one millisecond.
    pub(crate) at_once: usize,
}

/// A message as LeanCloud has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) conversation: String,
    pub(crate) from: String,
    pub(crate) timestamp: i64,
    pub(crate) data: String,
    pub(crate) bin: bool,
    pub(crate) ip: Option<String>,
    /// Whether its item has the keys that say nothing of rooms.
    pub(crate) is_wordy: bool,
}

/// An app.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// Rows in the order in which the server keeps them, which is none; ordinary, service and temporary ones among them.
    pub(crate) rows: Vec<Map<String, Value>>,
    /// By time; those of one time in the order in which they came.
    pub(crate) messages: Vec<Message>,
    pub(crate) silences: BTreeMap<String, Vec<String>>,
    pub(crate) blocks: BTreeMap<String, Vec<String>>,
    /// Client, role, and id of the row.
    pub(crate) roles: BTreeMap<String, Vec<(String, String, String)>>,
}

impl World {
    pub(crate) fn seeded(seed: u64, size: Size) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut world = Self::default();
        for n in 0..size.rooms {
            world.add_row(&mut rng, n, size.rooms);
        }
        let ids: Vec<String> = world.rows.iter().map(|row| text(row, "objectId")).collect();
        world.add_messages(&mut rng, &ids, size);
        for id in world.rooms() {
            if rng.random_bool(0.2) {
                let count = rng.random_range(1..250);
                world.silences.insert(id.clone(), (0..count).map(|n| format!("loud-{n}")).collect());
            }
            if rng.random_bool(0.2) {
                let count = rng.random_range(1..30);
                world.blocks.insert(id.clone(), (0..count).map(|n| format!("out-{n}")).collect());
            }
            if rng.random_bool(0.2) {
                let count = rng.random_range(1..120);
                let role = |n: usize| if n == 0 { "Owner" } else { "Manager" };
                let row = |n| (format!("boss-{n}"), role(n).to_owned(), format!("row-{n}"));
                world.roles.insert(id, (0..count).map(row).collect());
            }
        }
        world.tell_last_messages();
        world
    }

    fn add_row(&mut self, rng: &mut SmallRng, n: usize, rooms: usize) {
        // A fifth is of one millisecond.
        let made = if n < rooms / 5 { FIRST } else { FIRST + rng.random_range(0..40_000_000_000) };
        let (mut id, mut row) = (object_id(rng, made), Map::new());
        // Each kind is there, also where there are few.
        match if n < 20 { n } else { rng.random_range(0..20) } {
            0 => row.extend([("sys".to_owned(), true.into()), ("tr".to_owned(), false.into())]),
            1 => row.extend([("tr".to_owned(), false.into()), ("m".to_owned(), json!(["ann", "bob"]))]),
            2 => id = format!("_tmp:{id}"),
            3 => row.extend([("conv_type".to_owned(), 2.into())]),
            _ => row.extend([("tr".to_owned(), true.into()), ("m".to_owned(), json!([]))]),
        }
        row.insert("objectId".to_owned(), id.into());
        row.insert("createdAt".to_owned(), Millis(made).to_iso().into());
        row.insert("updatedAt".to_owned(), Millis(made + 5).to_iso().into());
        if rng.random_bool(0.9) {
            row.insert("name".to_owned(), format!("直播间 {n} \"\\/\u{2028}").into());
            row.insert("attr".to_owned(), json!({ "topic": n, "nested": { "list": [1, null, "x"] } }));
            row.insert("c".to_owned(), "host".into());
            row.insert("ACL".to_owned(), json!({ "*": { "read": true } }));
        }
        if rng.random_bool(0.3) {
            row.insert("custom".to_owned(), json!([n, { "__type": "Date", "iso": Millis(made).to_iso() }]));
        }
        let at = rng.random_range(0..=self.rows.len());
        self.rows.insert(at, row);
    }

    /// The clock steps back and forth, some thousand messages are of one millisecond, and some are in conversations
    /// that are gone.
    fn add_messages(&mut self, rng: &mut SmallRng, ids: &[String], size: Size) {
        let mut time = FIRST;
        let burst = size.messages / 3;
        for n in 0..size.messages {
            if !(burst..burst + size.at_once).contains(&n) {
                time += match rng.random_range(0..100) {
                    0 => -rng.random_range(0..5000),
                    1 => rng.random_range(0..3_600_000),
                    _ => rng.random_range(0..3),
                };
            }
            let conversation = match rng.random_range(0..50) {
                0 => "0000000000000000000000aa".to_owned(),
                // Most of it is in a few rooms.
                1..25 => ids[0].clone(),
                25..35 => ids[1].clone(),
                _ => ids[rng.random_range(0..ids.len())].clone(),
            };
            self.messages.push(message(rng, conversation, time));
        }
        self.messages.sort_by_key(|message| message.timestamp);
    }

    fn tell_last_messages(&mut self) {
        let last: BTreeMap<&str, i64> =
            self.messages.iter().map(|message| (message.conversation.as_str(), message.timestamp)).collect();
        for row in &mut self.rows {
            if let Some(time) = last.get(text(row, "objectId").as_str()) {
                row.insert("lm".to_owned(), json!({ "__type": "Date", "iso": Millis(*time).to_iso() }));
            }
        }
    }

    /// Ids of the chat rooms.
    pub(crate) fn rooms(&self) -> Vec<String> {
        let is_room = |row: &&Map<String, Value>| {
            row.get("tr") == Some(&Value::Bool(true)) || row.get("conv_type") == Some(&Value::from(2))
        };
        let ids = self.rows.iter().filter(is_room).map(|row| text(row, "objectId"));
        ids.filter(|id| !id.starts_with("_tmp:")).collect()
    }

    /// A room that is made now.
    pub(crate) fn make_room(&mut self, rng: &mut SmallRng, made: i64) -> String {
        let id = object_id(rng, made);
        let row = json!({ "objectId": id, "tr": true, "createdAt": Millis(made).to_iso() });
        self.rows.extend(row.as_object().cloned());
        id
    }
}

pub(crate) fn message(rng: &mut SmallRng, conversation: String, timestamp: i64) -> Message {
    let (data, bin) = match rng.random_range(0..10) {
        0 => ("AJ+S".to_owned(), true),
        1 => ("{\"_lctype\":-127}".to_owned(), false),
        _ => (format!("{{\"_lctype\":-1,\"_lctext\":\"早上好 {}\\n\"}}", rng.random_range(0..1000)), false),
    };
    Message {
        id: format!("m{:016x}", rng.random::<u64>()),
        conversation,
        from: format!("viewer-{}", rng.random_range(0..50)),
        timestamp,
        data,
        bin,
        ip: rng.random_bool(0.5).then(|| "203.0.113.7".to_owned()),
        is_wordy: rng.random_bool(0.8),
    }
}

fn object_id(rng: &mut SmallRng, made: i64) -> String {
    format!("{:08x}{:016x}", made / 1000, rng.random::<u64>())
}

pub(crate) fn text(row: &Map<String, Value>, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
