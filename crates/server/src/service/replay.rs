//! Coming back: the room of a dropped session, and what happened there meanwhile.

use std::sync::Arc;

use grandstand_protocol::{ClientId, Event, Level, RoomId};
use grandstand_room::{
    clock::Millis,
    gap::GapStart,
    resume::{Remembered, choose},
    session::{Identity, Login, SessionId},
};
use tracing::{error, warn};

use super::departure;
use crate::{
    apps::App,
    cluster::{Except, News, RoomNews},
    fanout::Broadcast,
    gateway::outbox::Frame,
    node::Node,
    router::{Arrival, Joined, Opened, Session},
    store::{Claim, Claimed, Resumed, SessionRecord, StoreError, StoredMessage},
};

/// HIGH messages of a gap at most, the newest ones; whoever missed more reads history.
const GAP_MESSAGES: u32 = 1000;
/// Patches replayed at most, and how far back, in milliseconds (protocol.md section 10, row 23).
const PATCHES: u32 = 100;
const PATCHES_BACK: i64 = 30 * 60 * 1000;

/// What is remembered of a login.
#[derive(Default)]
pub(super) struct Past {
    /// Whether there is a record of this very login: it may hold wills.
    pub(super) is_remembered: bool,
    returning: Option<Returning>,
}

/// A remembered session whose room a login gets.
struct Returning {
    from: SessionId,
    room: RoomId,
    /// Another login's: that one may still return, too.
    keeps: bool,
}

/// A session that is back in its room.
pub(super) struct Resumption {
    /// Whose place it has: what that login sent is its own, too.
    from: SessionId,
    room: RoomId,
    epoch: u64,
    gap: GapStart,
    /// The newest message that went out before it was back; later ones reach it live.
    delivered: u64,
}

/// The sessions of a client id that hold a room or wills.
pub(super) async fn remembered(
    node: &Node,
    app: &App,
    client: &ClientId,
) -> Result<Vec<Remembered>, StoreError> {
    let records = node.store.sessions(&app.id, client).await?;
    let remember = |SessionRecord { identity, room, dropped_at, taken }| Remembered {
        identity,
        room,
        dropped_at,
        taken,
    };
    Ok(records.into_iter().map(remember).collect())
}

/// Who a login is, and which room it gets back, by the rules of protocol.md 5.4.
pub(super) fn identify(
    node: &Node,
    app: &App,
    login: &Login<'_>,
    arrival: Arrival,
    mut remembered: Vec<Remembered>,
) -> (Identity, Past) {
    let Arrival { session, tag, device, online, conflicts, .. } = arrival;
    let not_for_us = |id: &SessionId| online.contains(id) || conflicts.contains(id);
    remembered.retain(|record| !not_for_us(&record.identity.session));
    let own = session.unwrap_or_else(|| node.new_session_id());
    let keep = Node::milliseconds(node.config.limits.resume);
    let (others_online, now) = (!online.is_empty(), node.clock.wall());
    let chosen = choose(login, own, others_online, &remembered, app.switches.rejoin, keep, now);
    let has_record = remembered.iter().any(|record| record.identity.session == own);
    let chosen = chosen.and_then(|at| remembered.into_iter().nth(at));
    let is_same = |record: &Remembered| login.claims().is_none() && login.is_same_login(&record.identity);
    let same = chosen.as_ref().is_some_and(is_same);
    // The same login goes on under its id: its wills and its own messages stay its own.
    let adopted = chosen.as_ref().filter(|_| same && session.is_none()).map(|record| record.identity.session);
    let own = adopted.unwrap_or(own);
    let identity = Identity { session: own, client: login.client.clone(), tag, device };
    let returning = chosen.and_then(|record| {
        let from = record.identity.session;
        Some(Returning { from, room: record.room?, keeps: !same && from != own })
    });
    (identity, Past { is_remembered: has_record || adopted.is_some(), returning })
}

/// Puts a session back into the room it is remembered in, if it is.
pub(super) async fn resume(
    node: &Arc<Node>,
    app: &App,
    opened: &Opened,
    past: Past,
) -> Result<Option<Resumption>, StoreError> {
    let Past { is_remembered, returning } = past;
    let own = opened.session.identity.session;
    let mut before = None;
    for former in &opened.replaced {
        let id = former.identity.session;
        let joined = former.leave_if(|_| true);
        let chosen = returning.as_ref().filter(|returning| returning.from == id);
        if chosen.is_some() {
            before = joined.clone();
        }
        let goes_on = id == own || chosen.is_some_and(|returning| !returning.keeps);
        if !goes_on {
            departure::remember(node, former, joined, true, node.clock.wall()).await;
        }
    }
    let entered = match returning {
        Some(returning) => enter(node, app, &opened.session, returning, before).await?,
        None => Entered::Nowhere,
    };
    match entered {
        Entered::Room(resumption) => return Ok(Some(resumption)),
        Entered::Nowhere if is_remembered => node.store.reattach(&app.id, own).await?,
        Entered::Nowhere | Entered::Overtaken => {}
    }
    Ok(None)
}

/// How far a return got.
enum Entered {
    Room(Resumption),
    /// There is no room to return to.
    Nowhere,
    /// Another open of the same login came in between: the record is its own now.
    Overtaken,
}

async fn enter(
    node: &Arc<Node>,
    app: &App,
    session: &Arc<Session>,
    returning: Returning,
    before: Option<Joined>,
) -> Result<Entered, StoreError> {
    let Returning { from, room, keeps } = returning;
    let router = node.router.app(&app.id);
    let hub = router.hub(&room);
    let identity = session.identity.clone();
    let claim = Claim { app: app.id.clone(), identity, room: room.clone(), node: node.id.clone() };
    let resumed = node.store.resume(from, claim, keeps, node.clock.wall()).await?;
    let Some(Resumed { epoch, head, gap }) = resumed else {
        drop(hub);
        router.forget_empty(&room);
        return Ok(Entered::Nowhere);
    };
    let gap =
        before.filter(|joined| joined.room == room).map_or(gap, |joined| GapStart::After(joined.confirmed));
    let confirmed = match gap {
        GapStart::After(number) => number,
        // Known when the gap has been read.
        GapStart::Since(_) => 0,
    };
    let claimed = Claimed { epoch, head, former: Vec::new() };
    let scope = app.switches.one_room_per;
    let Some(delivered) = router.join(session, &hub, &claimed, confirmed, scope) else {
        return Ok(Entered::Overtaken);
    };
    let (client, news_room) = (session.identity.client.clone(), room.clone());
    node.bus.publish(News::Claimed { app: app.id.clone(), client, room: news_room, epoch, scope }).await;
    Ok(Entered::Room(Resumption { from, room, epoch, gap, delivered }))
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
    let (gap, own) = ((resumed.gap, resumed.delivered), session.identity.session);
    let missed = logged(node.store.gap(&session.app, &resumed.room, gap, own, GAP_MESSAGES).await);
    if missed.len() == GAP_MESSAGES as usize {
        // The README says so; an operator should see how often.
        metrics::counter!("grandstand_gaps_cut_total").increment(1);
        warn!(room = %resumed.room, "a gap may hold more HIGH messages than are replayed; the newest are");
    }
    if let GapStart::Since(_) = resumed.gap {
        let first = missed.first().and_then(|message| u64::try_from(message.number).ok());
        session.confirm(resumed.epoch, first.map_or(resumed.delivered, |first| first.saturating_sub(1)));
    }
    for message in missed.into_iter().filter(|message| message.session != Some(resumed.from)) {
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
