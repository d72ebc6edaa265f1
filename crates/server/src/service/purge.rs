//! Purge: everything that one client wrote, in a room or in all of them, is recalled; bounded, and at a pace that the room
//! does not feel.

use std::time::Duration;

use futures_util::future::join_all;
use grandstand_protocol::{ClientId, Code, Fault, RoomId};
use grandstand_room::clock::Millis;
use tokio::time::{Instant, sleep_until};

use super::{caller::Caller, moderate, modify, refusal::Refused};
use crate::{
    apps::App,
    audit::{Act, Action},
    node::Node,
    store::{Place, Writing, WritingsQuery},
};

/// Messages that one call recalls.
const RECALLED: usize = 1000;

/// Steps of the search in one call: about a million messages.
const STEPS: usize = 50;

/// Of a room, members are told of those that are among so many of its newest: what screens may show.
const SHOWN: u64 = 200;

/// Messages that are recalled in one go.
const SLICE: usize = 20;

/// The pause after a go, for each recall of which members are told: 100 in a second.
const FOR_TOLD: Duration = Duration::from_millis(10);

/// And for each of which nobody is told: 1000 in a second. Each takes a time of its own in its room's order of edits,
/// which counts in milliseconds and is not to run ahead of the clock.
const FOR_QUIET: Duration = Duration::from_millis(1);

/// Whose messages are to go.
#[derive(Debug, Clone)]
pub(crate) struct Purge {
    /// From this room; else from all rooms of the app.
    pub(crate) room: Option<RoomId>,
    pub(crate) author: ClientId,
    pub(crate) from: Option<Millis>,
    pub(crate) till: Option<Millis>,
    /// Where the call before this one ended.
    pub(crate) after: Option<Place>,
}

/// How far a call has come.
#[derive(Debug)]
pub(crate) struct Purged {
    pub(crate) recalled: usize,
    /// Where the next call goes on, if one is needed.
    pub(crate) next: Option<Place>,
}

/// Recalls messages, the newest first, until enough is done for one call. Each one is committed before members hear of
/// it. Calling again is harmless: what is recalled already is not found.
pub(crate) async fn purge(node: &Node, app: &App, caller: &Caller, purge: Purge) -> Result<Purged, Fault> {
    let act = Act::new(Action::Purge).client(&purge.author);
    let act = match &purge.room {
        Some(room) => act.room(room),
        None => act,
    };
    let mut recalled = 0;
    let outcome = recall_all(node, app, caller, purge, &mut recalled).await;
    // What was recalled before a failure stays recalled.
    if recalled > 0 {
        node.audit.record(&app.id, caller, act.detail("recalled", recalled)).await;
    }
    Ok(Purged { recalled, next: outcome? })
}

/// Returns where the next call goes on.
async fn recall_all(
    node: &Node,
    app: &App,
    caller: &Caller,
    purge: Purge,
    recalled: &mut usize,
) -> Result<Option<Place>, Fault> {
    let Purge { room, author, from, till, after } = purge;
    if let Some(room) = &room {
        moderate::rules(node, app, room).await?;
    }
    // The caller is answered in time, however slow the disk is.
    let until = Instant::now() + node.config.limits.upgrade_timeout / 2;
    let (from, till) = (from.unwrap_or(Millis(i64::MIN)), till.unwrap_or(Millis(i64::MAX)));
    let mut query = WritingsQuery { room, author, from, till, after, limit: RECALLED };
    for _ in 0..STEPS {
        query.limit = RECALLED - *recalled;
        let step = node.store.writings(&app.id, &query).await;
        let step = step.map_err(|cause| Refused::store(Code::InternalError, &cause))?;
        for slice in step.found.chunks(SLICE) {
            *recalled += recall(node, app, caller, &query.author, slice).await?;
            if Instant::now() > until {
                return Ok(slice.last().map(|last| last.place));
            }
        }
        query.after = step.next;
        if query.after.is_none() || *recalled >= RECALLED || Instant::now() > until {
            break;
        }
    }
    Ok(query.after)
}

/// Recalls some messages, and pauses; of those that went meanwhile nothing is said.
async fn recall(
    node: &Node,
    app: &App,
    caller: &Caller,
    author: &ClientId,
    messages: &[Writing],
) -> Result<usize, Fault> {
    let began = Instant::now();
    let changes = messages
        .iter()
        .map(|writing| modify::recall(node, app, caller, (&writing.room, &writing.message), author));
    let (mut recalled, mut pause) = (0, Duration::ZERO);
    for (change, writing) in join_all(changes).await.into_iter().zip(messages) {
        let is_shown = writing.newer < SHOWN;
        pause += if is_shown { FOR_TOLD } else { FOR_QUIET };
        match change {
            Ok(change) if is_shown => change.announce(node).await,
            Ok(change) => change.announce_to_the_late(node).await,
            Err(fault) if fault.is(Code::MessageNotFound) => continue,
            Err(fault) => return Err(fault),
        }
        recalled += 1;
    }
    metrics::counter!("grandstand_purged_messages_total").increment(recalled as u64);
    sleep_until(began + pause).await;
    Ok(recalled)
}
