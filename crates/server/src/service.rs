//! One command in, its answers out: what each command does, in order, for the sessions of one socket.

mod correction;
mod listing;
mod message;
mod moderators;
mod open;
mod rate;
mod refusal;
mod replay;
pub(crate) mod room;
mod socket;

pub(crate) mod ban;
pub(crate) mod broadcast;
pub(crate) mod caller;
pub(crate) mod departure;
pub(crate) mod evidence;
pub(crate) mod expel;
pub(crate) mod gaps;
pub(crate) mod history;
pub(crate) mod kick;
pub(crate) mod moderate;
pub(crate) mod modify;
pub(crate) mod post;
pub(crate) mod purge;
pub(crate) mod role;
pub(crate) mod signature;
pub(crate) mod switch;
pub(crate) mod trace;
pub(crate) mod words;

use grandstand_protocol::{Code, Command, Downlink, Event, Fault, Request};
use grandstand_room::rates::Kind;

use crate::{
    gateway::close::Close,
    node::Node,
    router::{Sdk, Session},
};

pub(crate) use moderators::offset;
pub(crate) use refusal::{HOOK_FAILED, Refused, TRY_AGAIN, is_passing};
pub use socket::Socket;

/// Tells the client of a session to ask the router again and to reconnect; false when it would not understand. Once
/// for each socket: JavaScript throws at the second one.
pub(crate) fn go_away(node: &Node, session: &Session) -> bool {
    if session.style.first_generation {
        return false;
    }
    let peer = (session.sdk != Sdk::Apple).then(|| session.identity.client.to_string());
    let server_time = Some(node.clock.wall().0);
    let goodbye = Downlink { serial: None, peer, server_time, event: Event::GoAway };
    session.outbox.push_downlink(session.style.format, &goodbye);
    true
}

/// Carries out one command. Replies and pushes go into the socket's outbox. `Err` closes the socket.
pub async fn answer(socket: &mut Socket, request: Request) -> Result<(), Close> {
    match &request.command {
        Command::Heartbeat => socket.say(None, None, Event::Heartbeat),
        Command::Echo => socket.say(request.serial, request.peer.clone(), Event::Echo),
        Command::Login { service: Some(1) } => socket.refuse(&request, Code::AppNotAvailable.into()),
        Command::Login { .. } => {
            // Java before 7.0 names its app here and not when it opens.
            open::bind_login(socket, &request);
            socket.say(request.serial, None, Event::LoggedIn);
        }
        Command::PatchAck => {}
        Command::DeliveryAck if socket.wants_ack_of_ack() && request.serial.is_some() => {
            socket.say(request.serial, request.peer.clone(), Event::AckReceived);
        }
        Command::DeliveryAck => {}
        Command::Open(_) => return open::open(socket, request).await,
        _ => in_session(socket, request).await,
    }
    Ok(())
}

/// Commands that need an open session.
async fn in_session(socket: &mut Socket, request: Request) {
    let Some(at) = socket.session_for(request.peer.as_deref()) else {
        return socket.refuse(&request, Refused::no_session());
    };
    if request.peer.is_none() {
        socket.client_omits_peer();
    }
    if let Err(fault) = socket.caller(at).still_there(socket.node()) {
        return socket.refuse(&request, fault);
    }
    if let Err(fault) = within_rates(socket, at, &request.command) {
        return socket.refuse(&request, fault);
    }
    let outcome = match &request.command {
        Command::Refresh { token } => open::refresh(socket, at, token.as_deref()).map(Some),
        Command::Close => return open::close(socket, at, &request).await,
        Command::QueryOnline { clients } => Ok(Some(listing::online(socket, clients))),
        Command::UploadToken => Ok(Some(Event::TokenUploaded)),
        Command::Start(start) => room::start(socket, at, start).await.map(Some),
        Command::Join { room, members, signature } => {
            room::join(socket, at, room, members, signature.as_ref()).await.map(Some)
        }
        Command::Quit { room, members, .. } => room::quit(socket, at, room, members).await.map(Some),
        Command::Query(query) => listing::query(socket, at, query).await.map(Some),
        Command::Count { room } => listing::count(socket, room).await.map(Some),
        Command::Members { room, limit } => listing::members(socket, room, *limit).await.map(Some),
        Command::IsMember { rooms } => Ok(Some(listing::membership(socket, at, rooms))),
        Command::Mute { room } => listing::mute(socket, room).await.map(Some),
        Command::MaxRead { room } => Ok(Some(Event::MaxRead { room: room.clone() })),
        Command::History(query) => history::page(socket, at, query).await.map(Some),
        Command::Read => Ok(Some(Event::ReadReceived)),
        // These answer by themselves, because others are told only after the reply is on its way.
        Command::Update { room, attributes } => {
            room::update(socket, at, &request, room, attributes).await.map(|()| None)
        }
        Command::Moderate(asked) => moderators::moderate(socket, at, &request, asked).await.map(|()| None),
        Command::SetRole { room, client, role } => {
            moderators::set_role(socket, at, &request, room, (client, role)).await.map(|()| None)
        }
        Command::Send(send) => message::send(socket, at, &request, send).await.map(|()| None),
        Command::Modify { patches } => modify::modify(socket, at, &request, patches).await.map(|()| None),
        Command::Unsupported { family, verb } => Err(Refused::unsupported(family, verb.as_deref())),
        Command::Heartbeat
        | Command::Echo
        | Command::Login { .. }
        | Command::DeliveryAck
        | Command::PatchAck
        | Command::Open(_) => Ok(None),
    };
    match outcome {
        Ok(Some(event)) => socket.reply(&request, at, event),
        Ok(None) => {}
        Err(fault) => socket.refuse(&request, fault),
    }
}

/// Whether a command is within the client's rates.
fn within_rates(socket: &Socket, at: usize, command: &Command) -> Result<(), Fault> {
    let Some(kind) = Kind::of(command).filter(|_| socket.node().config.client_limits.is_some()) else {
        return Ok(());
    };
    let client = &socket.session(at).identity.client;
    rate::within_rate(socket.node(), &*socket.current_app()?, client, kind)
}
