//! Broadcast: one message to all rooms of an app, or to those that match; rooms where somebody is come first.

use std::{
    collections::{HashMap, HashSet},
    hash::RandomState,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use grandstand_protocol::{AppId, Code, Fault, RoomId};
use grandstand_room::{
    query::{Field, Filter, RoomQuery, Scalar, SortKey, Test},
    switches::Counted,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{caller::Caller, post, refusal::Refused};
use crate::{
    apps::App,
    audit::{Act, Action},
    cluster::News,
    exclusive::Turn,
    node::Node,
    store::{AppendError, Appended, NewMessage, StoreError},
};

/// Rooms that get it in one go, and the least time between two goes: 2000 in a second.
const SLICE: (usize, Duration) = (100, Duration::from_millis(50));

/// Rooms that one step of the walk looks at.
const STEP: usize = 1000;

/// How long it is remembered how far one has come: as long as the store knows the marks of its messages.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);

/// How many are remembered at most, of all apps.
const MOST: usize = 1000;

/// What goes to which rooms.
#[derive(Debug)]
pub(crate) struct Order {
    /// Its room and its id stand for any.
    pub(crate) message: NewMessage,
    pub(crate) transient: bool,
    pub(crate) filter: Filter,
    /// By which a retry is known, if the caller gave one.
    pub(crate) mark: Option<String>,
}

/// How far a broadcast has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Rooms that have it.
    pub(crate) rooms: u64,
    /// Rooms for which the store failed.
    pub(crate) failed: u64,
    /// Set at the end: whether it came to all rooms.
    pub(crate) outcome: Option<Result<(), Fault>>,
}

/// The broadcasts under way, and those that ended lately.
#[derive(Debug, Default)]
pub(crate) struct Broadcasts {
    known: Mutex<HashMap<(AppId, String), Known>>,
    /// What was asked is remembered as a digest that means nothing outside of this process.
    pub(crate) digests: RandomState,
}

#[derive(Debug, Clone)]
struct Known {
    digest: u64,
    began_at: Instant,
    progress: watch::Receiver<Progress>,
}

impl Broadcasts {
    /// A broadcast of this id, if one is known; 400 when it was another one.
    pub(crate) fn find(&self, app: &AppId, id: &str, digest: u64) -> Result<Option<Watch>, Fault> {
        let known = self.lock().get(&(app.clone(), id.to_owned())).cloned();
        match known {
            Some(known) if known.digest != digest => {
                let detail = "this id belongs to a broadcast of another message, or to other rooms";
                Err(Fault::because(Code::ConversationUpdateFailed, detail))
            }
            known => Ok(known.map(|known| Watch(known.progress))),
        }
    }

    fn remember(&self, app: &AppId, id: String, digest: u64, progress: watch::Receiver<Progress>) {
        let mut known = self.lock();
        known.retain(|_, known| known.began_at.elapsed() < REMEMBERED || !has_ended(&known.progress));
        if known.len() >= MOST {
            known.retain(|_, known| !has_ended(&known.progress));
        }
        known.insert((app.clone(), id), Known { digest, began_at: Instant::now(), progress });
    }

    fn forget(&self, app: &AppId, id: &str) {
        self.lock().remove(&(app.clone(), id.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AppId, String), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_ended(progress: &watch::Receiver<Progress>) -> bool {
    progress.has_changed().is_err() || progress.borrow().outcome.is_some()
}

/// Where a caller sees how far it has come.
#[derive(Debug)]
pub(crate) struct Watch(watch::Receiver<Progress>);

impl Watch {
    /// Waits for the end, for half the time that a request may take.
    ///
    /// # Errors
    /// What ended it early. The same id begins it again then.
    pub(crate) async fn end(mut self, node: &Node, app: &AppId, id: &str) -> Result<Progress, Fault> {
        let patience = node.config.limits.upgrade_timeout / 2;
        let _ = timeout(patience, self.0.wait_for(|progress| progress.outcome.is_some())).await;
        let progress = self.0.borrow().clone();
        let stopped = self.0.has_changed().is_err() && progress.outcome.is_none();
        let failure = match &progress.outcome {
            Some(Err(fault)) => Some(fault.clone()),
            _ if stopped => Some(Fault::because(Code::InternalError, super::TRY_AGAIN)),
            _ => None,
        };
        match failure {
            Some(fault) => {
                node.broadcasts.forget(app, id);
                Err(fault)
            }
            None => Ok(progress),
        }
    }
}

/// Begins a broadcast, which goes on by itself.
pub(crate) fn begin(
    node: &Arc<Node>,
    app: &Arc<App>,
    caller: &Caller,
    order: Order,
    (id, digest): (&str, u64),
    turn: Turn,
) -> Watch {
    let Order { message, transient, filter, mark } = order;
    let (told, progress) = watch::channel(Progress::default());
    node.broadcasts.remember(&app.id, id.to_owned(), digest, progress.clone());
    let worker = Arc::clone(node);
    let walk = Walk { app: Arc::clone(app), message, filter, mark, transient, told };
    let (by, act) = (caller.clone(), Act::new(Action::Broadcast).client(&walk.message.from).detail("id", id));
    node.background(async move {
        let outcome = walk.run(&worker).await;
        let outcome = outcome.map_err(|cause| Refused::store(Code::InternalError, &cause));
        let (rooms, failed) = {
            let progress = walk.told.borrow();
            (progress.rooms, progress.failed)
        };
        let act = act.detail("rooms", rooms).detail("failed", failed);
        worker.audit.record(&walk.app.id, &by, act).await;
        // Before it is said that it has ended: then the next one may begin.
        drop(turn);
        walk.told.send_modify(|progress| progress.outcome = Some(outcome));
    });
    Watch(progress)
}

struct Walk {
    app: Arc<App>,
    message: NewMessage,
    filter: Filter,
    mark: Option<String>,
    transient: bool,
    told: watch::Sender<Progress>,
}

impl Walk {
    async fn run(&self, node: &Node) -> Result<(), StoreError> {
        let hubs = node.router.app(&self.app.id).hubs();
        let live = hubs.into_iter().filter(|hub| hub.count(Counted::Sessions) > 0);
        let live: HashSet<RoomId> = live.map(|hub| hub.room.clone()).collect();
        let mut slice = Vec::with_capacity(SLICE.0);
        for room in &live {
            slice.push(room.clone());
            if slice.len() == SLICE.0 {
                self.to_matching(node, std::mem::take(&mut slice)).await?;
            }
        }
        self.to_matching(node, slice).await?;
        if self.transient {
            return Ok(());
        }
        let mut after = None;
        loop {
            let step = node.store.walk_rooms(&self.app.id, &self.filter, after.as_ref(), STEP).await?;
            let rooms: Vec<_> = step.rooms.into_iter().filter(|room| !live.contains(room)).collect();
            for slice in rooms.chunks(SLICE.0) {
                self.to(node, slice).await;
            }
            after = step.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// To those of the rooms that match.
    async fn to_matching(&self, node: &Node, rooms: Vec<RoomId>) -> Result<(), StoreError> {
        if rooms.is_empty() {
            return Ok(());
        }
        let query = among(&self.filter, &rooms);
        let found = node.store.find_rooms(&self.app.id, &query).await?;
        let rooms: Vec<_> = found.into_iter().map(|room| room.id).collect();
        self.to(node, &rooms).await;
        Ok(())
    }

    async fn to(&self, node: &Node, rooms: &[RoomId]) {
        let next = Instant::now() + SLICE.1;
        let sent = join_all(rooms.iter().map(|room| self.to_one(node, room))).await;
        self.told.send_modify(|progress| {
            progress.rooms += sent.iter().filter(|sent| matches!(sent, Ok(true))).count() as u64;
            progress.failed += sent.iter().filter(|sent| sent.is_err()).count() as u64;
        });
        sleep_until(next).await;
    }

    /// Whether the room was still there.
    async fn to_one(&self, node: &Node, room: &RoomId) -> Result<bool, ()> {
        let message = NewMessage {
            room: room.clone(),
            id: node.new_message_id(),
            dedupe: self.mark.as_ref().map(|mark| format!("broadcast:{mark}:{room}")),
            ..self.message.clone()
        };
        let now = node.clock.wall();
        let (timestamp, number) = if self.transient {
            (now, None)
        } else {
            match node.store.append(message.clone(), now).await {
                Ok(Appended::Stored(stamp)) => (stamp.timestamp, Some(stamp.number)),
                Ok(Appended::Duplicate { .. }) => return Ok(true),
                Err(AppendError::NoRoom) => return Ok(false),
                Err(AppendError::Store(cause)) => {
                    tracing::error!(%cause, %room, "a broadcast did not reach a room");
                    return Err(());
                }
            }
        };
        let except = post::except(self.app.switches.own_sessions, &message.from, None);
        node.bus.publish(News::Room(post::news(message, timestamp, number, except))).await;
        metrics::counter!("grandstand_broadcast_rooms_total").increment(1);
        Ok(true)
    }
}

/// Those of some rooms that match.
fn among(filter: &Filter, rooms: &[RoomId]) -> RoomQuery {
    let ids = rooms.iter().map(|room| Scalar::Text(room.to_string())).collect();
    let mut parts = vec![Filter::Is(Field::Id, Test::In(ids))];
    match filter {
        Filter::And(all) => parts.extend(all.iter().cloned()),
        other => parts.push(other.clone()),
    }
    RoomQuery {
        filter: Filter::And(parts),
        sort: vec![SortKey { field: Field::Id, descending: false }],
        limit: u32::try_from(rooms.len()).unwrap_or(u32::MAX),
        skip: 0,
    }
}
