//! What the fan-out of all rooms of a node shares: settings, tasks, limits, figures.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use grandstand_protocol::{AppId, Level};
use grandstand_room::{
    account::{Totals, Withheld},
    budget::{DeliveryBudget, RoomCap},
    ring::Bounds,
    thinning::{Keep, Thinning},
};
use metrics::{Counter, Histogram};
use rand::Rng;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Broadcast, block::Stats, stage::Stage};
use crate::{
    apps::AppsHandle,
    config::Config,
    cores::Cores,
    router::Hub,
    sync::{self, sleep},
};

/// One per node.
pub struct Engine {
    bounds: Bounds,
    /// Longest that a write waits for company.
    pace: Duration,
    workers: usize,
    cores: Cores,
    tasks: TaskTracker,
    figures: Figures,
    apps: AppsHandle,
    thinning: Mutex<Thinning>,
    budgets: Mutex<HashMap<AppId, DeliveryBudget>>,
    /// What became of the messages of all rooms, as far as it was taken over.
    deliveries: Mutex<Totals>,
    started_at: Instant,
}

/// Of fan-out as a whole; what became of messages is in the accounts of the rooms.
struct Figures {
    writes: Counter,
    bytes: Counter,
    /// How long the oldest message of a write had waited.
    lag: Histogram,
    /// How long the writes of a busy room waited for company.
    gather: Histogram,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl Engine {
    /// `tasks` owns the flushers, and `cores` runs them; times count from `started_at`.
    pub fn new(
        config: &Config,
        apps: AppsHandle,
        cores: Cores,
        tasks: TaskTracker,
        started_at: Instant,
    ) -> Self {
        let limits = &config.limits;
        let bounds = Bounds {
            high_bytes: limits.high_backlog,
            rest_bytes: limits.backlog,
            rest_age: limits.backlog_age,
        };
        let seed = rand::rng().next_u64();
        Self {
            bounds,
            pace: config.fanout.pace,
            workers: sync::workers(),
            cores,
            tasks,
            figures: Figures {
                writes: metrics::counter!("grandstand_fanout_writes_total"),
                bytes: metrics::counter!("grandstand_fanout_bytes_total"),
                lag: metrics::histogram!("grandstand_fanout_lag_seconds"),
                gather: metrics::histogram!("grandstand_fanout_gather_seconds"),
            },
            apps,
            thinning: Mutex::new(Thinning::new(config.fanout.lag, seed)),
            budgets: Mutex::default(),
            deliveries: Mutex::default(),
            started_at,
        }
    }

    /// Monotonic time since the node started.
    pub(crate) fn now(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// The stage of a room that nobody is in yet.
    pub(crate) fn stage(&self) -> Stage {
        Stage::new(self.bounds)
    }

    /// Tasks that may go round the members of one room at a time.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// Runs a flusher.
    pub(crate) fn spawn(&self, flusher: impl Future<Output = ()> + Send + 'static) {
        sync::spawn(&self.cores, &self.tasks, flusher);
    }

    /// An event enters the stage for so many members; returns its level and position. `None` when it is shown to
    /// nobody, because the app or the room has had its share.
    pub(crate) fn admit(
        &self,
        app: &AppId,
        stage: &mut Stage,
        broadcast: &Arc<Broadcast>,
        eligible: u32,
    ) -> Option<(Level, u64)> {
        let now = self.now();
        if let Some(cause) = self.withholds(app, &mut stage.cap, broadcast.level(), eligible, now) {
            stage.withhold(broadcast, eligible, cause, now);
            return None;
        }
        Some(stage.enter(broadcast, eligible, now))
    }

    fn withholds(
        &self,
        app: &AppId,
        cap: &mut RoomCap,
        level: Level,
        eligible: u32,
        now: Duration,
    ) -> Option<Withheld> {
        let app = self.apps.get(app.as_str())?;
        if !cap.take(level, &app.switches.room_limits, now) {
            return Some(Withheld::RoomLimit);
        }
        let per_second = app.switches.max_deliveries_per_second?;
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(app.id.clone()).or_default();
        (!budget.take(level, eligible, per_second, now)).then_some(Withheld::AppLimit)
    }

    /// What may be shown while the node cannot keep up.
    pub(crate) fn keep(&self, now: Duration) -> Keep {
        self.thinning().keep(now)
    }

    /// A write of so many bytes went to each member of a block; its oldest message had waited for `lag`.
    pub(super) fn observe(&self, lag: Duration, bytes: usize, now: Duration) {
        self.thinning().observe(lag, bytes, now);
        self.figures.lag.record(lag);
    }

    /// Takes over what a room has counted since the last time.
    pub(crate) fn take_over(&self, stage: &mut Stage) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        *deliveries = *deliveries + stage.take_news();
    }

    /// What became of the messages of all rooms since the node started, as far as it was taken over.
    pub(crate) fn deliveries(&self) -> Totals {
        *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a flusher has counted.
    pub(super) fn tell(&self, stats: &mut Stats) {
        let Stats { writes, bytes } = std::mem::take(stats);
        self.figures.writes.increment(writes);
        self.figures.bytes.increment(bytes);
    }

    /// Until the next round over a room may begin.
    pub(super) async fn wait_for_company(&self, hub: &Hub) {
        if let Some(last) = hub.last_pass() {
            self.wait_until(last.next(self.now(), hub.pending(), self.pace)).await;
        }
    }

    async fn wait_until(&self, time: Duration) {
        let now = self.now();
        if time > now {
            sleep(time - now).await;
            self.figures.gather.record(self.now().saturating_sub(now));
        }
    }

    fn thinning(&self) -> MutexGuard<'_, Thinning> {
        self.thinning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
