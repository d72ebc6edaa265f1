//! What a node does by itself: notes once a second that it is alive and what was confirmed, and cleans in small slices.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tracing::{info, warn};

use crate::{
    cluster::News,
    node::Node,
    service::departure,
    store::{Dropped, LiveSession, Retention, StoreError, Swept},
};

/// After a crash, sessions count as dropped at the last beat (design 6).
const BEAT: Duration = Duration::from_secs(1);
/// Between rounds of cleaning.
const ROUND: Duration = Duration::from_secs(60);
/// Between the slices of a round, so that writers go first.
const BREATH: Duration = Duration::from_millis(20);

/// Live sessions read at once.
const SESSIONS: u32 = 1000;

/// Positions noted in one commit: few enough that appends soon get their turn in between.
const POSITIONS: usize = 500;

/// Visitors noted in one commit.
const VISITORS: usize = 500;

/// Notes once a second that this node is alive, and what its clients confirmed.
pub(crate) async fn beat(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = node.store.beat(&node.id, node.clock.wall()).await {
            warn!(%error, "could not note that this node is alive");
        }
        note_positions(&node).await;
        note_visitors(&node).await;
        node.gaps.forget_old();
    }
}

/// After a crash, gaps begin behind what was noted here.
async fn note_positions(node: &Node) {
    let moved = node.positions.take();
    for slice in moved.chunks(POSITIONS) {
        if let Err(error) = node.store.note_positions(slice.to_vec()).await {
            warn!(%error, "could not note what clients confirmed; after a crash now, they would get it twice");
            // With the next beat.
            slice.iter().cloned().for_each(|position| node.positions.note(position));
        }
    }
}

/// Who logged in today counts after a restart, too.
pub(crate) async fn note_visitors(node: &Node) {
    let (day, visitors) = node.visitors.take(node.clock.wall());
    for slice in visitors.chunks(VISITORS) {
        if let Err(error) = node.store.note_visitors(day, slice.to_vec()).await {
            warn!(%error, "could not note who logged in");
            // With the next beat.
            node.visitors.put_back(day, slice);
        }
    }
}

/// Removes what is past its time, once a minute, slice by slice.
pub(crate) async fn sweep(node: Arc<Node>) {
    let config = &node.config;
    // A session that is forgotten can send no wills.
    let grace = config.limits.will_grace.saturating_add(ROUND);
    let retention = Retention {
        messages: Node::milliseconds(config.retention.messages),
        rooms: Node::milliseconds(config.retention.rooms),
        sessions: Node::milliseconds(config.limits.resume.max(grace)),
        audit: Node::milliseconds(config.retention.audit),
        evidence: node.keeps(),
        audit_entries: config.retention.audit_entries,
    };
    let mut missing = HashSet::new();
    loop {
        tokio::time::sleep(ROUND).await;
        forget(&node);
        match lost_sessions(&node).await {
            Ok(lost) => missing = drop_lost(&node, &missing, lost).await,
            Err(error) => warn!(%error, "could not look for lost sessions"),
        }
        while slice(&node, &retention).await {
            tokio::time::sleep(BREATH).await;
        }
    }
}

fn forget(node: &Node) {
    let monotonic = node.uptime();
    for app in node.router.all() {
        app.forget_idle_rates(monotonic);
        app.forget_empty_rooms();
    }
    node.slow_mode.forget_old();
    node.quotas.forget_old(monotonic);
    node.lockout.forget_old(monotonic);
    let now = node.clock.wall();
    node.revocations.write().unwrap_or_else(std::sync::PoisonError::into_inner).prune(now);
}

/// Sessions that are live by the store's account, but not open here.
async fn lost_sessions(node: &Node) -> Result<HashSet<LiveSession>, StoreError> {
    let mut live = Vec::new();
    loop {
        let after = live.last().map(|known: &LiveSession| known.session);
        let slice = node.store.live_sessions(&node.id, after, SESSIONS).await?;
        if slice.is_empty() {
            break;
        }
        live.extend(slice);
    }
    // After the reading: what is recorded as live was open before.
    let open: HashSet<_> =
        node.router.all_sessions().iter().map(|session| session.identity.session).collect();
    Ok(live.into_iter().filter(|known| !open.contains(&known.session)).collect())
}

/// A drop that could not be written would leave its session live until the next start: it would give its room away
/// for hours, and keep its wills. One that was lost in the last round, too, counts as dropped now; until then its drop
/// may be on its way. Returns the others, for the next round.
async fn drop_lost(
    node: &Arc<Node>,
    missing: &HashSet<LiveSession>,
    lost: HashSet<LiveSession>,
) -> HashSet<LiveSession> {
    let (twice, mut later): (HashSet<_>, HashSet<_>) =
        lost.into_iter().partition(|known| missing.contains(known));
    let mut failed = None;
    for known in twice {
        let now = node.clock.wall();
        let LiveSession { app, session, epoch } = known.clone();
        match node.store.drop_session(&app, session, None, Some(epoch), now).await {
            Ok(()) => departure::send_wills_later(node, app, Dropped { session, by: now, address: None }),
            Err(error) => {
                failed = Some(error);
                later.insert(known);
            }
        }
    }
    if let Some(error) = failed {
        warn!(%error, "could not drop lost sessions");
    }
    later
}

/// One slice; true when there is more to do at once.
async fn slice(node: &Node, retention: &Retention) -> bool {
    match node.store.sweep(retention, node.clock.wall()).await {
        Ok(Swept { messages, rooms, sessions, left, more }) => {
            if messages > 0 || !rooms.is_empty() {
                info!(messages, rooms = rooms.len(), sessions, "removed what was past its time");
            }
            for (app, room, client) in left {
                departure::tell_left(node, &app, &room, &client, None);
            }
            for (app, room) in rooms {
                node.bus.publish(News::Dissolved { app, room }).await;
            }
            more
        }
        Err(error) => {
            warn!(%error, "could not clean the store");
            false
        }
    }
}
