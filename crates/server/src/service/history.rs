//! `logs`: pages of history.

use grandstand_protocol::{ClientId, Code, Direction, Event, Fault, HistoryRequest, RoomId};
use grandstand_room::{history::HistoryQuery, room::LastMessage, switches::Audience};

use super::{refusal::Refused, room::find, socket::Socket};
use crate::{
    apps::App,
    node::Node,
    store::{StoreError, StoredMessage},
};

/// One page, ascending.
pub(super) async fn page(socket: &Socket, at: usize, request: &HistoryRequest) -> Result<Event, Fault> {
    let session = socket.session(at);
    find(socket, session, &request.room).await?;
    may_read(socket, at, &request.room).await?;
    let query = HistoryQuery::from_request(request);
    let read = socket.node().store.history(&session.app, &request.room, &query).await;
    let messages = read.map_err(|cause| failed(&cause))?;
    Ok(Event::History { items: messages.into_iter().map(|message| message.into_item()).collect() })
}

/// Not for who is blocked there, nor where only members read for anybody else.
async fn may_read(socket: &Socket, at: usize, room: &RoomId) -> Result<(), Fault> {
    let session = socket.session(at);
    if socket.switches()?.history == Audience::Members && !session.is_in(room) {
        let detail = "this app shows history to members only; join the room first";
        return Err(Fault::because(Code::ConversationLogRejected, detail));
    }
    let (node, client) = (socket.node(), &session.identity.client);
    node.moderation.may_read_history(&session.app, room, client, node.clock.wall()).await
}

/// A page of one room for the app's back end.
pub(crate) async fn of_room(
    node: &Node,
    app: &App,
    room: &RoomId,
    query: &HistoryQuery,
) -> Result<Vec<(RoomId, StoredMessage)>, Fault> {
    if node.store.room(&app.id, room).await.map_err(|cause| failed(&cause))?.is_none() {
        return Err(Refused::no_room(room));
    }
    let messages = node.store.history(&app.id, room, query).await.map_err(|cause| failed(&cause))?;
    Ok(messages.into_iter().map(|message| (room.clone(), message)).collect())
}

/// A page of all rooms, or of what one client sent there, for the app's back end.
pub(crate) async fn of_app(
    node: &Node,
    app: &App,
    sender: Option<&ClientId>,
    query: &HistoryQuery,
) -> Result<Vec<(RoomId, StoredMessage)>, Fault> {
    node.store.history_of_app(&app.id, sender, query).await.map_err(|cause| failed(&cause))
}

fn failed(cause: &StoreError) -> Fault {
    Refused::store(Code::ConversationLogFailed, cause)
}

/// The newest message of a room, for query rows that show it, if the client may read it.
pub(super) async fn newest(socket: &Socket, at: usize, room: &RoomId) -> Option<LastMessage> {
    may_read(socket, at, room).await.ok()?;
    let query = HistoryQuery { older: None, newer: None, direction: Direction::Old, limit: 1, lctype: None };
    let read = socket.node().store.history(&socket.session(at).app, room, &query).await;
    read.ok()?.pop().map(|message| message.into_last())
}
