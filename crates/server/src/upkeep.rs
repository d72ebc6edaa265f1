//! What a node does by itself: says once a second that it is alive, and cleans in small slices.

use std::{sync::Arc, time::Duration};

use tracing::{info, warn};

use crate::{
    cluster::News,
    node::Node,
    store::{Retention, Swept},
};

/// After a crash, sessions count as dropped at the last beat (design 6).
const BEAT: Duration = Duration::from_secs(1);
/// Between rounds of cleaning.
const ROUND: Duration = Duration::from_secs(60);
/// Between the slices of a round, so that writers go first.
const BREATH: Duration = Duration::from_millis(20);

/// Notes once a second that this node is alive.
pub(crate) async fn beat(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = node.store.beat(&node.id, node.clock.wall()).await {
            warn!(%error, "could not note that this node is alive");
        }
    }
}

/// Removes what is past its time, once a minute, slice by slice.
pub(crate) async fn sweep(node: Arc<Node>) {
    let config = &node.config;
    let retention = Retention {
        messages: Node::milliseconds(config.retention.messages),
        rooms: Node::milliseconds(config.retention.rooms),
        sessions: Node::milliseconds(config.limits.resume),
    };
    loop {
        tokio::time::sleep(ROUND).await;
        forget(&node);
        while slice(&node, &retention).await {
            tokio::time::sleep(BREATH).await;
        }
    }
}

fn forget(node: &Node) {
    let monotonic = node.uptime();
    for app in node.router.all() {
        app.forget_idle_rates(monotonic);
    }
    let now = node.clock.wall();
    node.revocations.write().unwrap_or_else(std::sync::PoisonError::into_inner).prune(now);
}

/// One slice; true when there is more to do at once.
async fn slice(node: &Node, retention: &Retention) -> bool {
    match node.store.sweep(retention, node.clock.wall()).await {
        Ok(Swept { messages, rooms, sessions, more }) => {
            if messages > 0 || !rooms.is_empty() {
                info!(messages, rooms = rooms.len(), sessions, "removed what was past its time");
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
