//! What moderators ask over the socket.

use std::sync::Arc;

use grandstand_protocol::{
    Answer, Ask, Code, Event, Fault, Moderate, Moderated, Request, Restriction, RoomId,
};
use grandstand_room::moderation::{DEFAULT_PAGE, List, PAGE};

use super::{
    moderate::{BLOCKS, Change, Order, SILENCES, check, page, restrict},
    role,
    signature::{self, Asked},
    socket::Socket,
};
use crate::apps::App;

/// `conv/…_shutup` and `blacklist/…`.
pub(super) async fn moderate(
    socket: &Socket,
    at: usize,
    request: &Request,
    asked: &Moderate,
) -> Result<(), Fault> {
    let (node, app, caller) = (Arc::clone(socket.node()), socket.current_app()?, socket.caller(at));
    let Moderate { room, restriction, ask } = asked;
    let (list, lists) = match restriction {
        Restriction::Silence => (List::Silenced, SILENCES),
        Restriction::Block => (List::Blocked, BLOCKS),
    };
    let order = |clients: &[String], change| Order { room: room.clone(), clients: clients.to_vec(), change };
    let answer = |answer| {
        Event::Moderated(Box::new(Moderated { room: room.clone(), restriction: *restriction, answer }))
    };
    blocks_signed(socket, at, &app, asked)?;
    match ask {
        Ask::Impose { clients, .. } => {
            let change = Change::Impose { list, until: None };
            let done = restrict(&node, &app, &caller, order(clients, change)).await?;
            socket.reply(request, at, answer(Answer::Imposed(done.outcome.clone())));
            done.announce(&node).await;
        }
        Ask::Lift { clients, .. } => {
            let done = restrict(&node, &app, &caller, order(clients, Change::Lift { lists })).await?;
            socket.reply(request, at, answer(Answer::Lifted(done.outcome.clone())));
            done.announce(&node).await;
        }
        Ask::List { limit, next } => {
            let wanted = (offset(next.as_deref())?, rows(*limit));
            let (found, next) = page(&node, &app, &caller, room, lists, wanted).await?;
            let clients = found.into_iter().map(|listed| listed.client.to_string()).collect();
            socket.reply(
                request,
                at,
                answer(Answer::List { clients, next: next.map(|next| next.to_string()) }),
            );
        }
        Ask::Check { clients } => {
            let clients = check(&node, &app, &caller, room, lists, clients).await?;
            socket.reply(request, at, answer(Answer::Checked { clients }));
        }
    }
    Ok(())
}

/// Blocks have a signature of their own; silence has none.
fn blocks_signed(socket: &Socket, at: usize, app: &App, asked: &Moderate) -> Result<(), Fault> {
    let Moderate { room, restriction: Restriction::Block, ask } = asked else { return Ok(()) };
    let (asked, offered) = match ask {
        Ask::Impose { clients, signature } => (Asked::Block { room, clients }, signature),
        Ask::Lift { clients, signature } => (Asked::Unblock { room, clients }, signature),
        Ask::List { .. } | Ask::Check { .. } => return Ok(()),
    };
    let client = &socket.session(at).identity.client;
    signature::may(socket.node(), app, client, asked, offered.as_ref()).map(drop)
}

/// `conv/member_info_update`.
pub(super) async fn set_role(
    socket: &Socket,
    at: usize,
    request: &Request,
    room: &RoomId,
    (client, role): (&str, &str),
) -> Result<(), Fault> {
    let (node, app) = (Arc::clone(socket.node()), socket.current_app()?);
    let given = role::give(&node, &app, &socket.caller(at), room, client, role).await?;
    socket.reply(request, at, Event::RoleSet { room: room.clone(), info: given.info() });
    given.announce(&node).await;
    Ok(())
}

/// Java counts by itself where a page begins, so it is a decimal offset.
pub(crate) fn offset(next: Option<&str>) -> Result<u32, Fault> {
    let Some(next) = next.filter(|next| !next.is_empty()) else { return Ok(0) };
    next.parse().map_err(|_| {
        let detail = "next is what the page before named: a number";
        Fault::because(Code::ConversationQueryFailed, detail)
    })
}

/// 0 and less are as good as absent.
fn rows(limit: Option<i32>) -> u32 {
    let limit = limit.and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit > 0);
    limit.unwrap_or(DEFAULT_PAGE).min(PAGE)
}
