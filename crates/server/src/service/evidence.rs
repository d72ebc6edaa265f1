//! What messages were before, for operators; and what is erased of a client.

use std::time::Duration;

use grandstand_protocol::{ClientId, Code, Fault, MessageId, RoomId};
use grandstand_room::clock::Millis;

use super::{caller::Caller, refusal::Refused};
use crate::{
    apps::App,
    audit::{Act, Action},
    node::Node,
    store::{Erased, Erasure, ModifyError, Original, StoreError, TracePlace},
    visitors::Visitors,
};

/// How long one call erases. Beyond that it says where to go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Originals of a message. Whoever looks at what was taken back is noted.
pub(crate) async fn originals(
    node: &Node,
    app: &App,
    caller: &Caller,
    (room, message): (&RoomId, &MessageId),
    (after, limit): (i64, u32),
) -> Result<Vec<Original>, Fault> {
    let read = node.store.originals(&app.id, room, message, after, limit).await;
    let found = read.map_err(|cause| failed(&cause))?;
    if found.is_empty() {
        let known = node.store.message(&app.id, room, message).await.map_err(|cause| failed(&cause))?;
        known.ok_or_else(|| Refused::modify(&ModifyError::NotFound))?;
        return Ok(found);
    }
    let act = Act::new(Action::ReadOriginals).room(room).message(message);
    node.audit.record(&app.id, caller, act.detail("originals", found.len())).await;
    Ok(found)
}

/// Where an erasure goes on, and until which time's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) till: Millis,
    pub(crate) after: Option<TracePlace>,
}

/// What one call erased.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) originals: u64,
    pub(crate) addresses: u64,
    pub(crate) messages: u64,
    pub(crate) visitors: u64,
    /// Where the next call has to go on.
    pub(crate) next: Option<Progress>,
}

/// Erases what is kept of a client up to now, slice by slice. What it sends meanwhile stays: a client that goes on has
/// to be banned first.
pub(crate) async fn erase(
    node: &Node,
    app: &App,
    caller: &Caller,
    client: &ClientId,
    (messages, from): (bool, Option<Progress>),
) -> Result<Outcome, Fault> {
    let until = node.clock.now() + PATIENCE;
    let mut outcome = Outcome { visitors: forget_visit(node, app, client).await?, ..Outcome::default() };
    let Progress { till, mut after } = from.unwrap_or(Progress { till: node.clock.wall(), after: None });
    let failure = loop {
        let erasure = Erasure { client: client.clone(), till, messages, after };
        let erased = match node.store.erase(&app.id, erasure).await {
            Ok(erased) => erased,
            Err(cause) => break Some(failed(&cause)),
        };
        let Erased { originals, addresses, messages, rooms, next } = erased;
        rooms.iter().for_each(|room| node.gaps.changed(&app.id, room));
        outcome.originals += originals;
        outcome.addresses += addresses;
        outcome.messages += messages;
        after = next;
        if next.is_none() || node.clock.now() >= until {
            break None;
        }
    };
    outcome.next = after.map(|after| Progress { till, after: Some(after) });
    // What went before a failure is gone all the same.
    let act = Act::new(Action::EraseClient).client(client);
    let act = act.detail("originals", outcome.originals).detail("addresses", outcome.addresses);
    let act = act.detail("messages", outcome.messages).detail("complete", after.is_none());
    node.audit.record(&app.id, caller, act).await;
    failure.map_or(Ok(outcome), Err)
}

async fn forget_visit(node: &Node, app: &App, client: &ClientId) -> Result<u64, Fault> {
    let now = node.clock.wall();
    let (hash, known) = node.visitors.forget(&app.id, client, now);
    let stored = node.store.forget_visitor(&app.id, Visitors::day(now), hash).await;
    Ok(u64::from(stored.map_err(|cause| failed(&cause))? || known))
}

fn failed(cause: &StoreError) -> Fault {
    Refused::store(Code::InternalError, cause)
}
