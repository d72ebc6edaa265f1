//! What is kept of a room, whoever asks: made, found, changed, removed.

use grandstand_protocol::{AppId, Change, Code, Event, Fault, Level, RoomId};
use grandstand_room::{
    attributes::AttributeUpdate,
    query::{QueryError, RoomQuery},
    room::Room,
};
use serde_json::{Map, Value};

use crate::{
    audit::{Act, Action, By},
    cluster::{Except, News, RoomNews},
    node::Node,
    router::Turn,
    service::refusal::Refused,
    store::CreateError,
};

/// Makes a room with an id of its own. Nobody is in it.
pub(crate) async fn create(
    node: &Node,
    app: &AppId,
    by: &By,
    creator: String,
    data: Map<String, Value>,
) -> Result<Room, Fault> {
    let (id, now) = (node.new_room_id(), node.clock.wall());
    let room = Room { id, creator, data, created_at: now, updated_at: now, last_message_at: None };
    match node.store.create_room(app, room.clone()).await {
        Ok(()) => {
            let name = room.data.get("name").cloned();
            audit(node, app, by, Act::new(Action::CreateRoom).room(&room.id).detail("name", name)).await;
            Ok(room)
        }
        Err(CreateError::Exists) => Err(Code::ConversationInternalError.into()),
        Err(CreateError::Store(cause)) => Err(Refused::store(Code::ConversationInternalError, &cause)),
    }
}

/// The room, or 4303.
pub(crate) async fn find(node: &Node, app: &AppId, room: &RoomId) -> Result<Room, Fault> {
    match node.store.room(app, room).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Refused::no_room(room)),
        Err(cause) => Err(Refused::store(Code::ConversationInternalError, &cause)),
    }
}

/// Rooms that match, and how many they are in all, when that is asked for.
pub(crate) async fn list(
    node: &Node,
    app: &AppId,
    query: Result<RoomQuery, QueryError>,
    counted: bool,
) -> Result<(Vec<Room>, Option<u64>), Fault> {
    let query = query.map_err(|cause| Refused::query(&cause))?;
    let failed = |cause| Refused::store(Code::ConversationQueryFailed, &cause);
    let rooms = node.store.find_rooms(app, &query).await.map_err(failed)?;
    let count = match counted {
        true => Some(node.store.count_rooms(app, &query.filter).await.map_err(failed)?),
        false => None,
    };
    Ok((rooms, count))
}

/// A change that is committed, and of which the members do not know yet.
#[derive(Debug)]
pub(crate) struct Changed {
    /// Others change the room only when the members know of this.
    _turn: Turn<RoomId>,
    pub(crate) room: Room,
    pub(crate) change: Change,
}

/// Changes a room's attributes. Whoever asked is to hear so before [`Changed::announce`].
pub(crate) async fn change(
    node: &Node,
    app: &AppId,
    by: &By,
    room: &RoomId,
    update: &AttributeUpdate,
) -> Result<Changed, Fault> {
    let (now, limit) = (node.clock.wall(), node.config.limits.room_attributes);
    let turn = node.router.app(app).room_turn(room).await;
    let updated = node.store.update_room(app, room, update, limit, now).await;
    let (room, applied) = updated.map_err(|cause| Refused::change(room, &cause))?;
    let changed: Vec<_> = applied.set.keys().cloned().collect();
    audit(node, app, by, Act::new(Action::UpdateRoom).room(&room.id).detail("changed", changed)).await;
    let change = Change {
        set: Value::Object(applied.set).to_string(),
        resulting: Value::Object(applied.resulting).to_string(),
    };
    Ok(Changed { _turn: turn, room, change })
}

impl Changed {
    /// Tells the members; `by` is empty when the back end made the change.
    pub(crate) async fn announce(self, node: &Node, app: &AppId, by: String, except: Except) {
        let room = self.room.id;
        let updated_at = self.room.updated_at.to_iso();
        let event = Event::RoomUpdated { room: room.clone(), by, updated_at, change: self.change };
        let news = RoomNews { app: app.clone(), room, event, level: Level::High, number: None, except };
        node.bus.publish(News::Room(news)).await;
    }
}

/// Removes a room with its messages; its members are in no room then, and are not told.
pub(crate) async fn delete(node: &Node, app: &AppId, by: &By, room: &RoomId) -> Result<(), Fault> {
    match node.store.delete_room(app, room).await {
        Ok(true) => {}
        Ok(false) => return Err(Refused::no_room(room)),
        Err(cause) => return Err(Refused::store(Code::ConversationInternalError, &cause)),
    }
    node.bus.publish(News::Dissolved { app: app.clone(), room: room.clone() }).await;
    audit(node, app, by, Act::new(Action::DeleteRoom).room(room)).await;
    Ok(())
}

/// Clients make rooms and change them as their app lets them; only what is done from outside is an administrative act.
async fn audit(node: &Node, app: &AppId, by: &By, act: Act) {
    if !by.is_client() {
        node.audit.record(app, by.clone(), act).await;
    }
}
