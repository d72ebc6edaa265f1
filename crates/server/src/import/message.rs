//! Messages from elsewhere.

use grandstand_migrate::{archive::MessageLine, conversation::ID_BYTES};
use grandstand_protocol::{ClientId, Level, Mentions, MessageId, RoomId, limits};
use grandstand_room::{clock::Millis, content};

use super::aside::Reason;
use crate::{clock::Clock, store::StoredMessage};

/// Longest sender, in bytes. Client ids have 64 characters at most, system messages of old back ends more.
const SENDER_BYTES: usize = 1024;

/// Clocks differ; a message from farther ahead would stand before all others for so long.
const AHEAD: i64 = 24 * 60 * 60 * 1000;

/// The room, and the message as it is stored.
pub(super) fn parse(line: MessageLine) -> Result<(RoomId, StoredMessage), Reason> {
    check(&line)?;
    let lctype = content::lctype(&line.body);
    // What was taken back is not kept, whatever the source said. What only looks so was written so.
    let keeps = !line.recalled || lctype == Some(content::RECALLED);
    let (body, lctype) =
        if keeps { (line.body, lctype) } else { (content::recall_stub(), Some(content::RECALLED)) };
    let audience =
        line.audience.map(|named| named.iter().map(|name| ClientId::new(name)).collect()).transpose();
    let message = StoredMessage {
        // The store gives the number.
        number: 0,
        id: MessageId::from(line.id),
        timestamp: Millis(line.timestamp),
        from: line.from,
        session: None,
        level: line.level.unwrap_or(Level::Normal),
        body,
        mentions: Mentions { all: line.mention_all, clients: line.mentions },
        lctype,
        patched_at: line.patched_at.map(Millis),
        recalled: line.recalled,
        address: line.ip.and_then(|ip| ip.parse().ok()),
        audience: audience.map_err(|error| Reason::new("its audience is none", error.to_string()))?,
    };
    Ok((RoomId::from(line.room), message))
}

fn check(line: &MessageLine) -> Result<(), Reason> {
    let is_id = |id: &str| !id.is_empty() && id.len() <= ID_BYTES && !id.chars().any(char::is_control);
    let latest = Clock::system().wall().plus(AHEAD).0;
    let is_time = |time: i64| (1..=latest).contains(&time);
    let bytes = line.body.len();
    if !is_id(&line.id) {
        return Err(Reason::plain("its id is no message's"));
    }
    if !is_id(&line.room) {
        return Err(Reason::plain("its room's id is no room's"));
    }
    if line.from.is_empty() || line.from.len() > SENDER_BYTES {
        return Err(Reason::plain("its sender is missing or too long"));
    }
    if !is_time(line.timestamp) || line.patched_at.is_some_and(|time| !is_time(time)) {
        return Err(Reason::new("its time cannot be", line.timestamp.to_string()));
    }
    if bytes > limits::FRAME_BYTES {
        return Err(Reason::new("its content is too large for a client's frame", format!("{bytes} bytes")));
    }
    if line.mentions.len() > limits::FRAME_BYTES / limits::CLIENT_ID_CHARS {
        return Err(Reason::new("it mentions too many", line.mentions.len().to_string()));
    }
    if line.ip.as_ref().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
        return Err(Reason::plain("its address is none"));
    }
    Ok(())
}
