//! `direct`: a message is checked, stored, acknowledged, and only then shown to the room.

use std::sync::Arc;

use grandstand_protocol::{
    Body, ClientId, Code, Event, Fault, Level, Mentions, MessageId, Push, Request, Send, limits,
};
use grandstand_room::{
    clock::Millis,
    content::lctype,
    levels::{Origin, Via, ruled},
    switches::{Audience, OwnSessions},
};

use super::{
    refusal::Refused,
    socket::{OpenSession, Socket},
};
use crate::{
    apps::App,
    cluster::{Except, News, RoomNews},
    router::Session,
    store::{Appended, Held, NewMessage, Stamp, Will},
};

/// Sends a message to a room.
pub(super) async fn send(
    socket: &mut Socket,
    at: usize,
    request: &Request,
    send: &Send,
) -> Result<(), Fault> {
    let session = Arc::clone(socket.session(at));
    let mentions = mentions(&send.mentions);
    let app = socket.current_app()?;
    may_send(socket, &app, &session, send, &mentions)?;
    let message = message(socket, at, &app, send, mentions);
    if send.will {
        return hold(socket, at, request, send, message).await;
    }
    if send.transient {
        return pass_on(socket, at, request, message).await;
    }
    let node = socket.node();
    let now = node.clock.wall();
    // Nothing may fail between the store and the room: the app may be removed meanwhile.
    let except = except(socket, &session)?;
    match node.store.append(message.clone(), now).await {
        Err(cause) => Err(Refused::append(&send.room, &cause)),
        Ok(Appended::Duplicate { id, timestamp }) => {
            socket.reply(request, at, Event::Accepted { message: id, timestamp: timestamp.0 });
            Ok(())
        }
        Ok(Appended::Stored(Stamp { number, timestamp })) => {
            accept(socket, at, request, &message.id, timestamp);
            node.bus.publish(News::Room(news(message, timestamp, Some(number), except))).await;
            Ok(())
        }
    }
}

fn may_send(
    socket: &Socket,
    app: &App,
    session: &Session,
    send: &Send,
    mentions: &Mentions,
) -> Result<(), Fault> {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    within_size(socket, &send.body, mentions, text(&send.push_data) + text(&send.dedupe))?;
    if app.switches.send == Audience::Members && !session.is_in(&send.room) {
        let detail = "this app lets only members send; join the room first";
        return Err(Fault::because(Code::InvalidMessagingTarget, detail));
    }
    Ok(())
}

/// Whom a message mentions, without what can be nobody's client id.
pub(super) fn mentions(named: &Mentions) -> Mentions {
    let ids = named.clients.iter().filter(|id| ClientId::new(id).is_ok());
    Mentions { all: named.all, clients: ids.take(limits::MENTIONS).cloned().collect() }
}

/// The limit is for everything that a message brings along; `extras` is the size of what only sends have.
pub(super) fn within_size(
    socket: &Socket,
    body: &Body,
    mentions: &Mentions,
    extras: usize,
) -> Result<(), Fault> {
    let limit = socket.node().config.limits.message;
    let size = body.len() + mentions.clients.iter().map(String::len).sum::<usize>() + extras;
    if size > limit {
        let detail =
            format!("the message has {size} bytes with all that belongs to it; at most {limit} are allowed");
        return Err(Fault::because(Code::FrameTooLong, detail));
    }
    Ok(())
}

fn message(socket: &Socket, at: usize, app: &App, send: &Send, mentions: Mentions) -> NewMessage {
    let open = &socket.sessions[at];
    let lctype = lctype(&send.body);
    NewMessage {
        app: open.session.app.clone(),
        room: send.room.clone(),
        id: socket.node().new_message_id(),
        from: open.session.identity.client.clone(),
        session: Some(open.session.identity.session),
        level: level(app, open, send, lctype),
        lctype,
        body: send.body.clone(),
        mentions,
        dedupe: send.dedupe.clone(),
    }
}

/// What a rule of the app gives; else what the message carries; else what its connection gives to those without.
fn level(app: &App, open: &OpenSession, send: &Send, lctype: Option<i32>) -> Level {
    let sender = open.session.identity.client.as_str();
    let origin = Origin { lctype, sender, via: Via::Client, carried: send.level };
    let Some((level, rule)) = ruled(&app.levels, &origin) else {
        return send.level.unwrap_or(open.default_level);
    };
    let labels =
        [("app", app.id.to_string()), ("rule", (rule + 1).to_string()), ("level", level.name().to_owned())];
    metrics::counter!("grandstand_level_rules_total", &labels).increment(1);
    level
}

/// The sender hears of it first.
fn accept(socket: &Socket, at: usize, request: &Request, id: &MessageId, timestamp: Millis) {
    socket.reply(request, at, Event::Accepted { message: id.clone(), timestamp: timestamp.0 });
}

/// A transient message: not stored, no number, accepted by this node.
async fn pass_on(socket: &Socket, at: usize, request: &Request, message: NewMessage) -> Result<(), Fault> {
    let node = socket.node();
    let session = socket.session(at);
    must_exist(socket, session, &message).await?;
    let now = node.clock.wall();
    let except = except(socket, session)?;
    accept(socket, at, request, &message.id, now);
    node.bus.publish(News::Room(news(message, now, None, except))).await;
    Ok(())
}

/// A will: kept with the session, sent when it drops.
async fn hold(
    socket: &mut Socket,
    at: usize,
    request: &Request,
    send: &Send,
    message: NewMessage,
) -> Result<(), Fault> {
    let node = Arc::clone(socket.node());
    let session = Arc::clone(socket.session(at));
    must_exist(socket, &session, &message).await?;
    let (id, now, limit) = (message.id.clone(), node.clock.wall(), node.config.limits.wills_per_session);
    let identity = session.identity.clone();
    let will = Will { identity, node: node.id.clone(), message, transient: send.transient };
    let held = node.store.hold_will(will, limit, now).await;
    match held.map_err(|cause| Refused::store(Code::InternalError, &cause))? {
        Held::Waiting => {
            socket.sessions[at].may_hold_wills = true;
            accept(socket, at, request, &id, now);
            Ok(())
        }
        Held::Duplicate { id, timestamp } => {
            accept(socket, at, request, &id, timestamp.unwrap_or(now));
            Ok(())
        }
        Held::Full => {
            let detail = format!("at most {limit} messages are held for the end of a session");
            Err(Fault::because(Code::MessageSentQuotaExceeded, detail))
        }
    }
}

/// What is not stored finds out here whether its room is there.
async fn must_exist(socket: &Socket, session: &Session, message: &NewMessage) -> Result<(), Fault> {
    match socket.node().store.room(&session.app, &message.room).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Refused::no_target(&message.room)),
        Err(cause) => Err(Refused::store(Code::InternalError, &cause)),
    }
}

fn except(socket: &Socket, session: &Session) -> Result<Except, Fault> {
    Ok(match socket.switches()?.own_sessions {
        OwnSessions::Deliver => Except::Session(session.identity.session),
        OwnSessions::Exclude => Except::Client(session.identity.client.clone()),
    })
}

fn news(message: NewMessage, timestamp: Millis, number: Option<u64>, except: Except) -> RoomNews {
    let push = Push {
        room: message.room.clone(),
        message: message.id,
        timestamp: timestamp.0,
        from: message.from.to_string(),
        body: message.body,
        transient: number.is_none(),
        mentions: message.mentions,
        patched_at: None,
    };
    let event = Event::Message(Box::new(push));
    RoomNews { app: message.app, room: message.room, event, level: message.level, number, except }
}
