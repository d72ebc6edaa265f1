//! Rooms: create, join, quit, change.

pub(crate) mod by_key;
pub(crate) mod record;

use std::{net::IpAddr, sync::Arc};

use grandstand_protocol::{ClientId, Code, Event, Fault, Request, RoomId, Signature, StartConversation};
use grandstand_room::{
    attributes::{AttributeUpdate, UpdateError, fields, room_data},
    clock::Millis,
    moderation::{Act, Actor, Role, may},
    room::Room,
    session::Identity,
    switches::RoomUpdate,
};
use serde_json::{Map, Value};

use super::{
    departure,
    moderate::rules,
    refusal::Refused,
    signature::{self, Asked},
    socket::Socket,
};
use crate::{
    apps::App,
    audit::By,
    cluster::{Except, News},
    hook::{self, Membership},
    node::Node,
    router::{AppRouter, Session, Turn},
    store::{Claim, Claimed},
};

/// `conv/start`: a new room, with its creator in it.
pub(super) async fn start(socket: &Socket, at: usize, start: &StartConversation) -> Result<Event, Fault> {
    if !start.transient || start.temporary {
        return Err(Refused::only_rooms());
    }
    let node = socket.node();
    let session = socket.session(at);
    let data = room_data(start.attributes.as_deref(), node.config.limits.room_attributes)
        .map_err(|cause| Refused::update(&cause))?;
    let creator = session.identity.client.to_string();
    let (app, caller) = (socket.current_app()?, socket.caller(at));
    let address = caller.address;
    let asked = Asked::Create { members: &start.members };
    signature::may(node, &app, &session.identity.client, asked, start.signature.as_ref())?;
    let members = std::slice::from_ref(&creator);
    hook::conversation_start(node, &app, address, &creator, members, &data).await?;
    socket.caller(at).still_there(node)?;
    let Room { id, created_at, .. } =
        record::create(node, &session.app, &By::from(&caller), creator, data).await?;
    hook::conversation_started(node, &app, &id);
    enter(socket, at, &id).await?;
    Ok(Event::Started { room: id, created_at: created_at.to_iso() })
}

/// `conv/add`: join, silently leaving the former room.
pub(super) async fn join(
    socket: &Socket,
    at: usize,
    room: &RoomId,
    members: &[String],
    signature: Option<&Signature>,
) -> Result<Event, Fault> {
    let session = socket.session(at);
    only_oneself(session, members)?;
    let (app, address) = (socket.current_app()?, socket.caller(at).address);
    let (node, asked) = (socket.node(), Asked::Join { room, members });
    signature::may(node, &app, &session.identity.client, asked, signature)?;
    let now = socket.node().clock.wall();
    socket.node().moderation.may_join(&app.id, room, &session.identity.client, now).await?;
    let client = session.identity.client.to_string();
    let change = Membership { room, by: &client, members: std::slice::from_ref(&client) };
    hook::conversation_add(socket.node(), &app, address, change).await?;
    let updated_at = enter(socket, at, room).await?.to_iso();
    hook::conversation_added(socket.node(), &app, address, change);
    Ok(Event::Added { room: room.clone(), allowed: vec![session.identity.client.to_string()], updated_at })
}

/// `conv/remove`: quit. Quitting a room one is not in succeeds. No signature is needed: Java sends none.
pub(super) async fn quit(
    socket: &Socket,
    at: usize,
    room: &RoomId,
    members: &[String],
) -> Result<Event, Fault> {
    let session = socket.session(at);
    only_oneself(session, members)?;
    let updated_at = find(socket, session, room).await?.updated_at.to_iso();
    let node = socket.node();
    let router = node.router.app(&session.app);
    let _turn = its_turn(&router, session).await?;
    // The store first: if it fails, the session is still in, here and there, as the error says.
    let left = node.store.leave(&session.app, session.identity.session, room).await;
    let left = left.map_err(|cause| Refused::store(Code::ConversationInternalError, &cause))?;
    router.leave(session, room);
    if left {
        let Identity { client, .. } = &session.identity;
        departure::tell_left(node, &session.app, room, client, socket.caller(at).address);
    }
    Ok(Event::Removed { room: room.clone(), allowed: vec![session.identity.client.to_string()], updated_at })
}

/// The claim is committed before the answer; from then on the client id is in no other room. Returns when the room was
/// changed last: a join reads nothing else.
async fn enter(socket: &Socket, at: usize, room: &RoomId) -> Result<Millis, Fault> {
    let (node, session) = (socket.node(), socket.session(at));
    let scope = socket.switches()?.one_room_per;
    let router = node.router.app(&session.app);
    let _turn = its_turn(&router, session).await?;
    // Before the claim, so that what is sent in between leaves no gap in the room's order here. A joiner does not hear
    // that: its stay begins with the join. Only a session that returns reads from the store what it missed.
    let hub = router.hub(room);
    let (app, identity) = (session.app.clone(), session.identity.clone());
    let claim = Claim { app: app.clone(), identity, room: room.clone(), node: node.id.clone() };
    let claimed = match node.store.claim(claim, scope, node.clock.wall()).await {
        Ok(claimed) => claimed,
        Err(cause) => {
            drop(hub);
            router.forget_empty(room);
            return Err(Refused::claim(room, &cause));
        }
    };
    router.join(session, &hub, &claimed, claimed.head, scope);
    still_welcome(node, session, room).await?;
    let Claimed { epoch, updated_at, former, .. } = claimed;
    let client = session.identity.client.clone();
    for left in &former {
        departure::tell_left(node, &app, left, &client, socket.caller(at).address);
    }
    node.bus.publish(News::Claimed { app, client, room: room.clone(), epoch, scope }).await;
    Ok(updated_at)
}

/// Who was blocked while it entered leaves again: when the block was made, nobody was there to be taken out.
pub(super) async fn still_welcome(node: &Node, session: &Arc<Session>, room: &RoomId) -> Result<(), Fault> {
    let (app, client) = (&session.app, &session.identity.client);
    let welcome = node.moderation.may_join(app, room, client, node.clock.wall()).await;
    if welcome.is_err() {
        node.router.app(app).leave(session, room);
        let left = node.store.leave(app, session.identity.session, room).await;
        left.map_err(|cause| Refused::store(Code::ConversationInternalError, &cause))?;
    }
    welcome
}

/// The turn of a session that is still open here: another socket may have taken it over.
pub(super) async fn its_turn(router: &AppRouter, session: &Arc<Session>) -> Result<Turn<ClientId>, Fault> {
    let turn = router.turn(&session.identity.client).await;
    if router.is_open(session) { Ok(turn) } else { Err(Refused::no_session()) }
}

fn only_oneself(session: &Session, members: &[String]) -> Result<(), Fault> {
    let own = session.identity.client.as_str();
    if members.iter().all(|member| member == own) { Ok(()) } else { Err(Refused::others()) }
}

/// The room, or 4303.
pub(super) async fn find(socket: &Socket, session: &Session, room: &RoomId) -> Result<Room, Fault> {
    record::find(socket.node(), &session.app, room).await
}

/// `conv/update`: the sender gets the result, the other members the news.
pub(super) async fn update(
    socket: &Socket,
    at: usize,
    request: &Request,
    room: &RoomId,
    attributes: &str,
) -> Result<(), Fault> {
    let node = socket.node();
    let session = socket.session(at);
    may_update(socket, session, room).await?;
    let asked = fields(attributes).map_err(|cause| Refused::update(&cause))?;
    may_touch(&asked)?;
    let (app, address) = (socket.current_app()?, socket.caller(at).address);
    let by = session.identity.client.as_str();
    let left = approved(node, &app, (address, by), room, asked).await?;
    // The hook has taken its time.
    socket.caller(at).still_there(node)?;
    may_update(socket, session, room).await?;
    let update = AttributeUpdate::of(left).map_err(|cause| Refused::update(&cause))?;
    let changed = record::change(node, &session.app, &By::from(&socket.caller(at)), room, &update).await?;
    let (updated_at, change) = (changed.room.updated_at.to_iso(), Some(changed.change.clone()));
    socket.reply(request, at, Event::Updated { room: room.clone(), updated_at, change });
    let by = session.identity.client.to_string();
    changed.announce(node, &session.app, by, Except::Session(session.identity.session)).await;
    Ok(())
}

/// Members keep their hands off the access list: any of them could open the room to everybody who has the app's key.
fn may_touch(asked: &Map<String, Value>) -> Result<(), Fault> {
    let update = AttributeUpdate::of(asked.clone()).map_err(|cause| Refused::update(&cause))?;
    if update.touches_access() {
        return Err(Refused::update(&UpdateError::Reserved("ACL".to_owned())));
    }
    Ok(())
}

/// What the app's hook leaves of a change that somebody asks for: an address and a client id, which may be empty.
async fn approved(
    node: &Node,
    app: &App,
    (address, by): (Option<IpAddr>, &str),
    room: &RoomId,
    asked: Map<String, Value>,
) -> Result<Map<String, Value>, Fault> {
    // The hook gets what is well formed; the rest is refused here.
    AttributeUpdate::of(asked.clone()).map_err(|cause| Refused::update(&cause))?;
    let changed = hook::conversation_update(node, app, address, by, room, &asked).await?;
    Ok(changed.unwrap_or(asked))
}

async fn may_update(socket: &Socket, session: &Session, room: &RoomId) -> Result<(), Fault> {
    let (app, client) = (socket.current_app()?, &session.identity.client);
    let rules = rules(socket.node(), &app, room).await?;
    // What all members are shown is another way of speaking.
    socket.node().moderation.may_send(&app.id, room, client, socket.node().clock.wall()).await?;
    match socket.switches()?.room_update {
        RoomUpdate::Members if session.is_in(room) => Ok(()),
        RoomUpdate::Members => Err(Fault::because(
            Code::ConversationUpdateRejected,
            "only members may change a room; join it first",
        )),
        RoomUpdate::Moderators if may(Actor::Client(rules.role(client)), Act::ChangeRoom, Role::Member) => {
            Ok(())
        }
        RoomUpdate::Moderators | RoomUpdate::BackEnd => {
            let detail = "this app lets only moderators or its back end change rooms";
            Err(Fault::because(Code::ConversationOperationUnauthorized, detail))
        }
    }
}
