//! Rooms from elsewhere.

use grandstand_migrate::{
    archive::RoomLine,
    conversation::{self, ID_BYTES, Kind},
};
use grandstand_room::{attributes, clock::Millis, room::Room};
use serde_json::{Map, Value};

use super::{aside::Reason, source::Found};
use crate::clock::Clock;

/// Bytes of a room's columns as JSON: what LeanCloud takes. More than members may write here (`limits.room_attributes`),
/// and they may make it smaller only.
const COLUMNS: usize = 128 * 1024;

/// A room, and why some of its columns are not in it.
pub(super) struct Taken {
    pub(super) room: Room,
    pub(super) refused: Vec<Reason>,
}

/// A line of an archive is a room, unless its row says otherwise. The row has every column; the line itself serves when
/// there is none, or none that can be read.
pub(super) fn parse(line: RoomLine) -> Result<Found, Reason> {
    match conversation::kind(&line.row) {
        Some(Kind::Room) | None => {
            let of_row = RoomLine::of_row(line.row.clone()).ok().filter(|of_row| of_row.id == line.id);
            Ok(Found::Room(Box::new(take(of_row.unwrap_or(line))?)))
        }
        Some(other) => Ok(Found::Other(other)),
    }
}

fn take(line: RoomLine) -> Result<Taken, Reason> {
    if line.id.is_empty() || line.id.len() > ID_BYTES || line.id.chars().any(char::is_control) {
        return Err(Reason::plain("its id is no room's"));
    }
    let now = Clock::system().wall();
    let created_at = line.made_at().map_or(now, Millis).min(now);
    let updated_at = line.updated_at.map_or(created_at, Millis).clamp(created_at, now);
    let last_message_at = line.last_message_at.map(|at| Millis(at).min(now));
    let (data, refused) = attributes::imported(columns(line.name, line.attributes, line.data));
    let refused = refused
        .into_iter()
        .map(|error| Reason::new("the room was taken without a column", error.to_string()));
    let mut taken = Taken {
        room: Room {
            id: line.id.into(),
            creator: line.creator.unwrap_or_default(),
            data,
            created_at,
            updated_at,
            last_message_at,
        },
        refused: refused.collect(),
    };
    taken.shrink();
    Ok(taken)
}

fn columns(
    name: Option<String>,
    attributes: Map<String, Value>,
    data: Map<String, Value>,
) -> Map<String, Value> {
    let mut columns = Map::new();
    if let Some(name) = name {
        columns.insert("name".to_owned(), name.into());
    }
    if !attributes.is_empty() {
        columns.insert("attr".to_owned(), attributes.into());
    }
    for (key, value) in data {
        match (key.as_str(), value) {
            // What the app meant, in the type that SDKs need.
            ("name", Value::Number(number)) => columns.insert(key, number.to_string().into()),
            (_, value) => columns.insert(key, value),
        };
    }
    columns
}

impl Taken {
    /// Leaves out the largest column until the rest is small enough.
    fn shrink(&mut self) {
        let size = |value: &Value| value.to_string().len();
        let mut total: usize = self.room.data.iter().map(|(key, value)| key.len() + size(value) + 4).sum();
        while total > COLUMNS {
            let largest = self.room.data.iter().max_by_key(|(_, value)| size(value));
            let Some((key, bytes)) = largest.map(|(key, value)| (key.clone(), size(value))) else { return };
            self.room.data.shift_remove(&key);
            total -= key.len() + bytes + 4;
            let detail = format!("{key:?} takes {bytes} bytes; all together may take {COLUMNS}");
            self.refused.push(Reason::new("the room was taken without a column", detail));
        }
    }
}
