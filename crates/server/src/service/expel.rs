//! Kick from a room: clients are taken out of it by the app's back end, and told so.

use grandstand_protocol::{ClientId, Code, Event, Fault, RoomId};
use grandstand_room::{clock::Millis, moderation::List};

use super::{
    caller::Caller,
    departure,
    moderate::{self, Change, Order, restrict},
    refusal::Refused,
};
use crate::{
    apps::App,
    audit::{Act, Action},
    cluster::News,
    node::Node,
    store::RuleError,
};

/// Whom to take out of which room.
#[derive(Debug, Clone)]
pub(crate) struct Expulsion {
    pub(crate) room: RoomId,
    pub(crate) clients: Vec<ClientId>,
    /// Until when they may not return, if that is to be so.
    pub(crate) blocked_until: Option<Millis>,
}

/// Who is out of the room by now, and does not know of it yet.
#[derive(Debug)]
pub(crate) struct Expelled {
    /// Those who were there, or would have returned.
    pub(crate) clients: Vec<ClientId>,
    told: News,
    /// What is said of the block, if there is one.
    block: Option<moderate::Done>,
}

/// Takes clients out of a room, on every session, and cancels the return of those that dropped. When this returns, it is
/// committed.
pub(crate) async fn expel(
    node: &Node,
    app: &App,
    caller: &Caller,
    expulsion: Expulsion,
) -> Result<Expelled, Fault> {
    let Expulsion { room, mut clients, blocked_until } = expulsion;
    clients.sort_unstable();
    clients.dedup();
    let mut block = None;
    let out = match blocked_until {
        Some(until) => {
            let change = Change::Impose { list: List::Blocked, until: Some(until) };
            let clients = clients.iter().map(ToString::to_string).collect();
            let done = restrict(node, app, caller, Order { room: room.clone(), clients, change }).await?;
            block.insert(done).left.clone()
        }
        None => take_out(node, app, caller, &room, clients).await?,
    };
    if !out.is_empty() {
        let act = Act::new(Action::KickFromRoom).room(&room).clients(&out).until(blocked_until);
        node.audit.record(&app.id, caller, act).await;
    }
    let by = caller.client().map_or_else(String::new, ToString::to_string);
    let told = News::Told { app: app.id.clone(), clients: out.clone(), event: Event::Left { room, by } };
    Ok(Expelled { clients: out, told, block })
}

impl Expelled {
    /// Tells those whom it is about, and of a block the room. Comes after the answer to whoever asked.
    pub(crate) async fn announce(self, node: &Node) {
        node.bus.publish(self.told).await;
        if let Some(block) = self.block {
            block.announce(node).await;
        }
    }
}

async fn take_out(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    clients: Vec<ClientId>,
) -> Result<Vec<ClientId>, Fault> {
    moderate::few_enough(clients.len())?;
    moderate::rules(node, app, room).await?;
    if clients.is_empty() {
        return Ok(clients);
    }
    let by = caller.client().map_or_else(String::new, ToString::to_string);
    moderate::may_take_out(node, app, caller, (room, &by), &clients).await?;
    let expelled = node.store.expel(&app.id, room, clients.clone()).await;
    let mut out = expelled.map_err(|cause| refused(room, &cause))?;
    let (app_id, all) = (app.id.clone(), clients.clone());
    node.bus.publish(News::Expelled { app: app_id, room: room.clone(), clients: all }).await;
    for client in &clients {
        if settle(node, app, room, client).await? && !out.contains(client) {
            out.push(client.clone());
        }
    }
    for client in &out {
        departure::tell_left(node, &app.id, room, client, caller.address);
    }
    Ok(out)
}

/// A join that was under way may have come between the store and the news: after its turn it is undone, here and there.
/// Returns whether one was.
async fn settle(node: &Node, app: &App, room: &RoomId, client: &ClientId) -> Result<bool, Fault> {
    let router = node.router.app(&app.id);
    let _turn = router.turn(client).await;
    let mut was_there = false;
    for session in router.sessions_of(client) {
        let left = node.store.leave(&app.id, session.identity.session, room).await;
        was_there |= left.map_err(|cause| Refused::store(Code::ConversationInternalError, &cause))?;
        was_there |= session.is_in(room);
        router.leave(&session, room);
    }
    Ok(was_there)
}

fn refused(room: &RoomId, cause: &RuleError) -> Fault {
    match cause {
        RuleError::Store(cause) => Refused::store(Code::ConversationInternalError, cause),
        RuleError::NoRoom | RuleError::Full | RuleError::NeedOwner => Refused::no_room(room),
    }
}
