//! Coming back: the room of a dropped session, and what happened there meanwhile.

use std::sync::Arc;

use grandstand_protocol::{Event, Level, RoomId};
use grandstand_room::{
    clock::Millis,
    gap::GapStart,
    resume::{Remembered, choose},
    session::{Login, SessionId},
};
use tracing::error;

use crate::{
    apps::App,
    cluster::{Except, News, RoomNews},
    fanout::Broadcast,
    gateway::outbox::Frame,
    node::Node,
    router::{Joined, Opened, Session},
    store::{Claim, Claimed, Resumed, StoreError, StoredMessage},
};

/// HIGH messages of a gap at most, the newest ones; whoever missed more reads history.
const GAP_MESSAGES: u32 = 1000;
/// Patches replayed at most, and how far back, in milliseconds (protocol.md section 10, row 23).
const PATCHES: u32 = 100;
const PATCHES_BACK: i64 = 30 * 60 * 1000;

/// A session that is back in its room.
pub(super) struct Resumption {
    room: RoomId,
    epoch: u64,
    gap: GapStart,
    /// The newest message that went out before it was back; later ones reach it live.
    delivered: u64,
}

/// Puts a session back into the room it is remembered in, if it is.
pub(super) async fn resume(
    node: &Arc<Node>,
    app: &App,
    login: &Login<'_>,
    opened: &Opened,
) -> Result<Option<Resumption>, StoreError> {
    let left: Vec<(SessionId, Option<Joined>)> =
        opened.replaced.iter().map(|former| (former.identity.session, former.leave_if(|_| true))).collect();
    let chosen = choose_room(node, app, login, opened).await?;
    for (session, joined) in &left {
        let goes_on = chosen.as_ref().is_some_and(|(from, _)| from == session);
        if let Some(joined) = joined.as_ref().filter(|_| !goes_on) {
            node.store.drop_session(&app.id, *session, Some(joined.confirmed), node.clock.wall()).await?;
        }
    }
    let Some((from, room)) = chosen else { return Ok(None) };
    let confirmed = left.into_iter().find(|(session, _)| *session == from).and_then(|(_, joined)| joined);
    enter(node, app, &opened.session, from, room, confirmed).await
}

/// The login's remembered session with a room, by the rules of protocol.md 5.4.
async fn choose_room(
    node: &Node,
    app: &App,
    login: &Login<'_>,
    opened: &Opened,
) -> Result<Option<(SessionId, RoomId)>, StoreError> {
    let own = opened.session.identity.session;
    let online = node.router.app(&app.id).logins(login.client);
    let records = node.store.sessions(&app.id, login.client).await?;
    let remembered: Vec<Remembered> = records
        .into_iter()
        .filter(|record| record.identity.session == own || !online.contains(&record.identity.session))
        .map(|record| Remembered {
            identity: record.identity,
            room: record.room,
            dropped_at: record.dropped_at,
        })
        .collect();
    let keep = Node::milliseconds(node.config.limits.resume);
    let now = node.clock.wall();
    let chosen = choose(login, own, opened.others_online, &remembered, app.switches.rejoin, keep, now);
    Ok(chosen.and_then(|at| {
        let Remembered { identity, room, .. } = remembered.into_iter().nth(at)?;
        Some((identity.session, room?))
    }))
}

async fn enter(
    node: &Arc<Node>,
    app: &App,
    session: &Arc<Session>,
    from: SessionId,
    room: RoomId,
    before: Option<Joined>,
) -> Result<Option<Resumption>, StoreError> {
    let router = node.router.app(&app.id);
    let hub = router.hub(&room);
    let identity = session.identity.clone();
    let claim = Claim { app: app.id.clone(), identity, room: room.clone(), node: node.id.clone() };
    let resumed = node.store.resume(from, claim, node.clock.wall()).await?;
    let Some(Resumed { epoch, head, gap }) = resumed else {
        drop(hub);
        router.forget_empty(&room);
        return Ok(None);
    };
    let claimed = Claimed { epoch, head, former: Vec::new() };
    let scope = app.switches.one_room_per;
    let Some(delivered) = router.join(session, &hub, &claimed, scope) else { return Ok(None) };
    let gap =
        before.filter(|joined| joined.room == room).map_or(gap, |joined| GapStart::After(joined.confirmed));
    if let GapStart::After(number) = gap {
        session.unconfirm(number);
    }
    let (client, news_room) = (session.identity.client.clone(), room.clone());
    node.bus.publish(News::Claimed { app: app.id.clone(), client, room: news_room, epoch, scope }).await;
    Ok(Some(Resumption { room, epoch, gap, delivered }))
}

/// What the session missed, as frames: patches first, then HIGH messages, in order.
pub(super) async fn frames(
    node: &Node,
    session: &Session,
    resumed: &Resumption,
    last_patch: Option<i64>,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    if let Some(known) = last_patch {
        let now = node.clock.wall();
        let after = Millis(known).max(now.plus(-PATCHES_BACK));
        let patches = node.store.patches(&session.app, &resumed.room, after, PATCHES).await;
        let events = logged(patches).into_iter().map(|message| message.into_patch(&resumed.room));
        frames.extend(events.filter_map(|event| frame(node, session, resumed, event, None)));
    }
    let missed =
        node.store.gap(&session.app, &resumed.room, resumed.gap, resumed.delivered, GAP_MESSAGES).await;
    for message in logged(missed) {
        let number = u64::try_from(message.number).ok();
        frames.extend(frame(node, session, resumed, message.into_push(&resumed.room), number));
    }
    frames
}

fn frame(
    node: &Node,
    session: &Session,
    resumed: &Resumption,
    event: Event,
    number: Option<u64>,
) -> Option<Frame> {
    let (app, room) = (session.app.clone(), resumed.room.clone());
    let news = RoomNews { app, room, event, level: Level::High, number, except: Except::Nobody };
    Broadcast::new(news, node.clock.wall()).frame_if_for(session, resumed.epoch)
}

/// The session is open either way; what could not be read stays in history.
fn logged(read: Result<Vec<StoredMessage>, StoreError>) -> Vec<StoredMessage> {
    read.unwrap_or_else(|error| {
        error!(%error, "could not read what a client missed");
        Vec::new()
    })
}
