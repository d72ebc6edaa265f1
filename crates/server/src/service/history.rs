//! `logs`: pages of history.

use grandstand_protocol::{Code, Direction, Event, Fault, HistoryRequest, RoomId};
use grandstand_room::{history::HistoryQuery, room::LastMessage, switches::Audience};

use super::{refusal::Refused, room::find, socket::Socket};

/// One page, ascending.
pub(super) async fn page(socket: &Socket, at: usize, request: &HistoryRequest) -> Result<Event, Fault> {
    let session = socket.session(at);
    find(socket, session, &request.room).await?;
    if socket.switches()?.history == Audience::Members && !session.is_in(&request.room) {
        let detail = "this app shows history to members only; join the room first";
        return Err(Fault::because(Code::ConversationLogRejected, detail));
    }
    let query = HistoryQuery::from_request(request);
    let read = socket.node().store.history(&session.app, &request.room, &query).await;
    let messages = read.map_err(|cause| Refused::store(Code::ConversationLogFailed, &cause))?;
    Ok(Event::History { items: messages.into_iter().map(|message| message.into_item()).collect() })
}

/// The newest message of a room, for query rows that show it.
pub(super) async fn newest(socket: &Socket, at: usize, room: &RoomId) -> Option<LastMessage> {
    let query = HistoryQuery { older: None, newer: None, direction: Direction::Old, limit: 1, lctype: None };
    let read = socket.node().store.history(&socket.session(at).app, room, &query).await;
    read.ok()?.pop().map(|message| message.into_last())
}
