//! Figures of the largest rooms for Prometheus.
//!
//! They are written by hand: a recorder would keep every room that was ever large, and a label set has to stay bounded.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use grandstand_room::{account::Totals, switches::Counted};

use super::figures::outcomes;
use crate::{fanout::LEVELS, node::Node, router::Hub};

/// How many rooms have figures of their own.
const ROOMS: usize = 10;

/// A room at this moment.
struct Room {
    hub: Arc<Hub>,
    members: usize,
    totals: Totals,
}

/// Appends the figures of the rooms with the most members.
pub(super) fn append_largest(text: &mut String, node: &Node) {
    let rooms = largest(node);
    if !rooms.is_empty() {
        // Writing to a string cannot fail.
        let _ = append(text, &rooms);
    }
}

fn largest(node: &Node) -> Vec<Room> {
    let hubs = node.router.all().into_iter().flat_map(|app| app.hubs());
    let mut rooms: Vec<_> = hubs.map(|hub| (hub.count(Counted::Sessions), hub)).collect();
    rooms.retain(|(members, _)| *members > 0);
    rooms.sort_by(|(members, hub), (others, other)| {
        others.cmp(members).then_with(|| (&hub.app, &hub.room).cmp(&(&other.app, &other.room)))
    });
    rooms.truncate(ROOMS);
    let room = |(members, hub): (usize, Arc<Hub>)| {
        let totals = *hub.stage().account().totals();
        Room { hub, members, totals }
    };
    rooms.into_iter().map(room).collect()
}

fn append(text: &mut String, rooms: &[Room]) -> fmt::Result {
    head(
        text,
        "members",
        "gauge",
        "Sessions in the room. The figures of rooms are those of the largest ones.",
    )?;
    for room in rooms {
        writeln!(text, "grandstand_room_members{{{}}} {}", Labels(room), room.members)?;
    }
    head(text, "members_behind", "gauge", "Members whose sockets did not take everything.")?;
    for room in rooms {
        writeln!(text, "grandstand_room_members_behind{{{}}} {}", Labels(room), room.hub.alone())?;
    }
    head(
        text,
        "high_fill",
        "gauge",
        "HIGH messages that wait for the slowest member, as a share of limits.high_backlog.",
    )?;
    for room in rooms {
        writeln!(text, "grandstand_room_high_fill{{{}}} {}", Labels(room), room.hub.high_fill())?;
    }
    head(text, "deliveries_total", "counter", "Messages and events times members, by what became of them.")?;
    for room in rooms {
        for level in LEVELS {
            for (outcome, members) in outcomes(room.totals.level(level)) {
                let (labels, level) = (Labels(room), level.name());
                writeln!(
                    text,
                    "grandstand_room_deliveries_total{{{labels},level=\"{level}\",outcome=\"{outcome}\"}} {members}"
                )?;
            }
        }
    }
    Ok(())
}

fn head(text: &mut String, name: &str, kind: &str, meaning: &str) -> fmt::Result {
    writeln!(text, "# HELP grandstand_room_{name} {meaning}\n# TYPE grandstand_room_{name} {kind}")
}

/// Which room it is. Ids may hold anything.
struct Labels<'a>(&'a Room);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hub = &self.0.hub;
        write!(f, "app=\"{}\",room=\"{}\"", Escaped(hub.app.as_str()), Escaped(hub.room.as_str()))
    }
}

/// A label's value in Prometheus's text format.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_may_hold_anything() {
        let escaped = Escaped("a\"b\\c\nd 房间").to_string();
        assert_eq!(escaped, r#"a\"b\\c\nd 房间"#);
    }
}
