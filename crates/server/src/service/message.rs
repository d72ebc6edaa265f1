//! `direct`: what a socket does about a message beside sending it: the answer, and wills.

use std::sync::Arc;

use grandstand_protocol::{Code, Event, Fault, MessageId, Request, Send};
use grandstand_room::clock::Millis;

use super::{
    post::{Admitted, Post, admit, must_exist, post},
    refusal::Refused,
    room::its_turn,
    socket::Socket,
};
use crate::store::{Held, Will};

/// Sends a message to a room, or leaves it for the end of the session.
pub(super) async fn send(
    socket: &mut Socket,
    at: usize,
    request: &Request,
    send: &Send,
) -> Result<(), Fault> {
    let message = as_post(socket, at, send);
    if send.will {
        return hold(socket, at, request, message).await;
    }
    let (node, app) = (Arc::clone(socket.node()), socket.current_app()?);
    let posted = post(&node, &app, &socket.caller(at), message).await?;
    accept(socket, at, request, &posted.id, posted.timestamp);
    posted.announce(&node).await;
    Ok(())
}

fn as_post(socket: &Socket, at: usize, send: &Send) -> Post {
    let open = &socket.sessions[at];
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    Post {
        room: send.room.clone(),
        from: open.session.identity.client.clone(),
        body: send.body.clone(),
        mentions: send.mentions.clone(),
        level: send.level,
        default_level: open.default_level,
        transient: send.transient,
        dedupe: send.dedupe.clone(),
        extras: text(&send.push_data) + text(&send.dedupe),
    }
}

/// The sender hears of it first.
fn accept(socket: &Socket, at: usize, request: &Request, id: &MessageId, timestamp: Millis) {
    socket.reply(request, at, Event::Accepted { message: id.clone(), timestamp: timestamp.0 });
}

/// A will: kept with the session, sent when it drops. It is checked now, as nobody is there then to hear of a refusal.
async fn hold(socket: &mut Socket, at: usize, request: &Request, left: Post) -> Result<(), Fault> {
    let (node, app) = (Arc::clone(socket.node()), socket.current_app()?);
    let transient = left.transient;
    let Admitted { mut message, turn, .. } = admit(&node, &app, &socket.caller(at), left).await?;
    // Who is there when it goes out, nobody knows yet.
    message.audience = None;
    must_exist(&node, &app, &message.room).await?;
    // In its turn, and looked at again: no kick comes in between, whose end of the session would be over.
    let (router, session) = (node.router.app(&app.id), Arc::clone(socket.session(at)));
    let _turn = its_turn(&router, &session).await?;
    node.moderation.may_send(&app.id, &message.room, &message.from, node.clock.wall()).await?;
    let (id, now, limit) = (message.id.clone(), node.clock.wall(), node.config.limits.wills_per_session);
    let identity = session.identity.clone();
    let will = Will { identity, node: node.id.clone(), message, transient };
    let held = node.store.hold_will(will, limit, now).await;
    match held.map_err(|cause| Refused::store(Code::InternalError, &cause))? {
        Held::Waiting => {
            if let Some(turn) = turn {
                turn.said();
            }
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
