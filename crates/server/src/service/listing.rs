//! Questions about rooms and clients: who is online, which rooms there are.

use grandstand_protocol::{Code, ConversationQuery, Event, Fault, RoomId, limits};
use grandstand_room::{
    query::RoomQuery,
    room::{LastMessage, Room},
};
use serde_json::{Map, Value};

use super::{
    history,
    refusal::Refused,
    room::{find, record},
    socket::Socket,
};

/// Largest answer to one query, in bytes of its rows: an answer waits in memory until the client has read it. Room for
/// 60 rooms with all the attributes that the default limit allows, and for a thousand ordinary ones.
const QUERY_BYTES: usize = 1024 * 1024;
/// The first rows of an answer show their last message, when the client asks for it: each is a read of its own. As
/// many as a query has, so only look-ups by id have more rows.
const LAST_MESSAGES: usize = limits::QUERY_ROWS as usize;

/// `session/query`.
pub(super) fn online(socket: &Socket, clients: &[String]) -> Event {
    let asked = &clients[..clients.len().min(limits::ONLINE_QUERY)];
    Event::Online { clients: socket.router().online(asked) }
}

/// `conv/count`.
pub(super) async fn count(socket: &Socket, room: &RoomId) -> Result<Event, Fault> {
    let session = socket.session(0);
    find(socket, session, room).await?;
    let count = socket.node().online_count(&session.app, room);
    Ok(Event::Count { count: i32::try_from(count).unwrap_or(i32::MAX) })
}

/// `conv/members`: some of those online.
pub(super) async fn members(socket: &Socket, room: &RoomId, limit: Option<i32>) -> Result<Event, Fault> {
    find(socket, socket.session(0), room).await?;
    let limit = limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(limits::MEMBERS_ROWS);
    let limit = limit.min(limits::MEMBERS_ROWS) as usize;
    Ok(Event::Members { clients: socket.router().some_members(room, limit) })
}

/// `conv/is_member`.
pub(super) fn membership(socket: &Socket, at: usize, rooms: &[RoomId]) -> Event {
    let session = socket.session(at);
    let asked = rooms.iter().take(limits::LOOKUP_ROWS as usize);
    let results: Map<String, Value> =
        asked.map(|room| (room.to_string(), Value::Bool(session.is_in(room)))).collect();
    Event::Membership { results: Value::Object(results).to_string() }
}

/// `conv/mute` and `conv/unmute`: there are no pushes to mute, so it succeeds.
pub(super) async fn mute(socket: &Socket, room: &RoomId) -> Result<Event, Fault> {
    let found = find(socket, socket.session(0), room).await?;
    Ok(Event::Updated { room: room.clone(), updated_at: found.updated_at.to_iso(), change: None })
}

/// `conv/query`.
pub(super) async fn query(socket: &Socket, at: usize, asked: &ConversationQuery) -> Result<Event, Fault> {
    let session = socket.session(at);
    if !asked.temporary_ids.is_empty() {
        return Err(Refused::only_rooms());
    }
    let query = RoomQuery::parse(asked, &session.identity.client);
    let (rooms, count) = record::list(socket.node(), &session.app, query, asked.count).await?;
    let count = count.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
    let flag = asked.flag.unwrap_or_default();
    let (compact, with_last) = (flag & 1 != 0, flag & 2 != 0);
    let mut rows = Rows::default();
    for (index, room) in rooms.iter().enumerate() {
        let row = match last_message(socket, at, room, with_last && index < LAST_MESSAGES).await {
            Some(last) => room.to_row_with(compact, &last),
            None => room.to_row(compact),
        };
        rows.push(&row)?;
    }
    Ok(Event::Results { rows: rows.finish(), count })
}

async fn last_message(socket: &Socket, at: usize, room: &Room, wanted: bool) -> Option<LastMessage> {
    if !wanted {
        return None;
    }
    history::newest(socket, at, &room.id).await
}

/// The JSON array of an answer.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn push(&mut self, row: &Value) -> Result<(), Fault> {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(&row.to_string());
        if self.0.len() < QUERY_BYTES {
            return Ok(());
        }
        let detail =
            format!("the answer would have more than {QUERY_BYTES} bytes; ask for fewer rows at a time");
        Err(Fault::because(Code::ConversationQueryFailed, detail))
    }

    fn finish(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "[]" } else { "]" });
        self.0
    }
}
