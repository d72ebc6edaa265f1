//! Coming back: the room of a dropped session, and what happened there meanwhile.

use std::sync::Arc;

use grandstand_protocol::RoomId;
use grandstand_room::{
    clock::Millis,
    resume::{Remembered, choose},
    session::{Identity, Login, SessionId},
    switches::OwnSessions,
};
use tracing::warn;

use super::{
    departure,
    gaps::{Gap, Own},
    room::still_welcome,
};
use crate::{
    apps::App,
    cluster::News,
    gateway::outbox::Replay,
    node::Node,
    router::{Arrival, Joined, Opened, Session},
    store::{Claim, Position, Resumed, SessionRecord, StoreError},
};

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
    /// HIGH messages are due after this number.
    gap: u64,
    /// The newest message that went out before it was back; later ones reach it live.
    delivered: u64,
}

/// Records of the store, as the rules take them.
pub(super) fn remembered(records: Vec<SessionRecord>) -> Vec<Remembered> {
    let remember = |SessionRecord { identity, room, dropped_at, taken }| Remembered {
        identity,
        room,
        dropped_at,
        taken,
    };
    records.into_iter().map(remember).collect()
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
    let Some(Resumed { claimed, gap }) = resumed else {
        drop(hub);
        router.forget_empty(&room);
        return Ok(Entered::Nowhere);
    };
    let epoch = claimed.epoch;
    // What it confirmed since the store was told last.
    let confirmed = before.filter(|joined| joined.room == room).map_or(gap, |joined| joined.confirmed);
    let scope = app.switches.one_room_per;
    let Some(delivered) = router.join(session, &hub, &claimed, confirmed, scope) else {
        return Ok(Entered::Overtaken);
    };
    if still_welcome(node, session, &room).await.is_err() {
        return Ok(Entered::Nowhere);
    }
    if confirmed != gap {
        let (app, session) = (app.id.clone(), session.identity.session);
        node.positions.note(Position { app, session, epoch, number: confirmed });
    }
    let (client, news_room) = (session.identity.client.clone(), room.clone());
    node.bus.publish(News::Claimed { app: app.id.clone(), client, room: news_room, epoch, scope }).await;
    Ok(Entered::Room(Resumption { from, room, epoch, gap: confirmed, delivered }))
}

/// What the session missed: patches first, then HIGH messages, in order; the newest `limits.replay` of these, since
/// whoever missed more reads history.
pub(super) async fn missed(
    node: &Node,
    app: &App,
    session: &Arc<Session>,
    resumed: &Resumption,
    last_patch: Option<i64>,
) -> Result<Option<Replay>, StoreError> {
    let Some((hub, _)) = session.seat() else { return Ok(None) };
    let (room, now) = ((&session.app, &resumed.room), node.clock.wall());
    let patches = match last_patch {
        Some(known) => node.gaps.patches(&*node.store, room, Millis(known), now).await?,
        None => Vec::new(),
    };
    let patches = patches.into_iter().filter(|patch| !patch.except().leaves_out(session)).collect();
    let own = Own {
        sessions: [session.identity.session, resumed.from],
        client: session.identity.client.clone(),
        all_sessions: app.switches.own_sessions == OwnSessions::Exclude,
    };
    let gap = Gap {
        after: if app.switches.high_replay { resumed.gap } else { resumed.delivered },
        last: resumed.delivered,
        own: &own,
        limit: node.config.limits.replay as usize,
    };
    let high = node.gaps.high(&*node.store, room, gap, now).await?;
    if high.cut {
        // The README says so; an operator should see how often.
        metrics::counter!("grandstand_gaps_cut_total").increment(1);
        warn!(room = %resumed.room, "a gap may hold more HIGH messages than are replayed; the newest are");
    }
    Ok(Some(Replay::new(session, &hub, resumed.epoch, patches, high)))
}
