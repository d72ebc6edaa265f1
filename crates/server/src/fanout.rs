//! From one event to every member of a room on this node: encoded once per format, gathered, written to the sockets.
//!
//! An event enters the [`Stage`] of its room. Flushers go round the room's [`Block`]s of members and write to each what
//! has come since the last time, all members at one position from one buffer. What a socket does not take stays in the
//! room; the connection fetches it later ([`catch_up`]).

mod batch;
mod block;
mod broadcast;
mod engine;
mod flush;
#[cfg(test)]
#[cfg(feature = "shuttle")]
mod schedules;
mod stage;
mod stored;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId, Downlink, Event, Fault, Level, RoomId};
use grandstand_room::switches::OwnSessions;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tracing::warn;

use crate::{
    apps::AppsHandle,
    clock::Clock,
    cluster::{Except, News, RoomNews},
    gateway::outbox::{Ending, Signal},
    moderation::Moderation,
    router::{Hub, Ordered, Router},
    store::{Store, StoreError, StoredMessage},
};

pub(crate) use block::{Block, Progress, SEATS, Seats, catch_up};
pub use broadcast::Broadcast;
use broadcast::is_old;
pub use engine::Engine;
pub(crate) use flush::{flushers, run as flush};
pub(crate) use stage::{LEVELS, Stage};

/// How long a message waits for one that was sent before it, until the store is asked (design 6).
const GAP_PATIENCE: Duration = Duration::from_millis(50);

/// How soon the store is asked again after it could not be read.
const STORE_PATIENCE: Duration = Duration::from_millis(500);

/// Rooms in which a message waits for an earlier one.
type Waiting = HashMap<(AppId, RoomId), Weak<Hub>>;

/// Brings news to this node's members.
pub struct Fanout {
    router: Arc<Router>,
    apps: AppsHandle,
    store: Arc<dyn Store>,
    clock: Clock,
    moderation: Arc<Moderation>,
    waiting: Mutex<Waiting>,
    someone_waits: Notify,
}

impl std::fmt::Debug for Fanout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fanout").finish_non_exhaustive()
    }
}

impl Fanout {
    pub(crate) fn new(
        router: Arc<Router>,
        apps: AppsHandle,
        store: Arc<dyn Store>,
        clock: Clock,
        moderation: Arc<Moderation>,
    ) -> Self {
        let (waiting, someone_waits) = (Mutex::default(), Notify::new());
        Self { router, apps, store, clock, moderation, waiting, someone_waits }
    }

    /// Takes news in. Never waits: what cannot be delivered in order yet is put aside.
    pub fn receive(&self, news: News) {
        match news {
            News::Room(news) => self.to_room(news),
            News::Amended(news) => self.amend(news),
            News::Claimed { app, client, room, epoch, scope } => {
                self.router.app(&app).obey(&client, &room, epoch, scope);
            }
            News::Ended { app, client, fault } => self.end(&app, &client, &fault),
            News::Dissolved { app, room } => {
                self.moderation.forget(&app, &room);
                self.router.app(&app).dissolve(&room);
            }
            News::Moderated { app, room, expelled } => {
                self.moderation.forget(&app, &room);
                let router = self.router.app(&app);
                expelled.iter().for_each(|client| router.expel(client, &room));
            }
            News::Expelled { app, room, clients } => {
                let router = self.router.app(&app);
                clients.iter().for_each(|client| router.expel(client, &room));
            }
            News::Told { app, clients, event } => self.to_clients(&app, &clients, &event),
            News::BansChanged { app } => self.moderation.forget_bans(&app),
        }
    }

    fn to_clients(&self, app: &AppId, clients: &[ClientId], event: &Event) {
        let (router, now) = (self.router.app(app), self.clock.wall().0);
        for session in clients.iter().flat_map(|client| router.sessions_of(client)) {
            if session.style.first_generation && !is_old(event) {
                continue;
            }
            let peer = Some(session.identity.client.to_string());
            let downlink = Downlink { serial: None, peer, server_time: Some(now), event: event.clone() };
            session.outbox.push_downlink(session.style.format, &downlink);
        }
    }

    fn end(&self, app: &AppId, client: &ClientId, fault: &Fault) {
        for session in self.router.app(app).end_all(client) {
            let peer = Some(session.identity.client.to_string());
            let event = Event::Closed { fault: Some(fault.clone()) };
            let server_time = Some(self.clock.wall().0);
            let closed = Downlink { serial: None, peer, server_time, event };
            session.outbox.push_downlink(session.style.format, &closed);
            let ended = session.identity.session;
            session.outbox.signal(Signal::SessionEnded { session: ended, ending: Ending::Told });
        }
    }

    fn amend(&self, news: RoomNews) {
        let Some(hub) = self.router.app(&news.app).existing_hub(&news.room) else { return };
        hub.amend(&Arc::new(Broadcast::new(news, self.clock.wall())));
    }

    fn to_room(&self, news: RoomNews) {
        let Some(hub) = self.router.app(&news.app).existing_hub(&news.room) else { return };
        let app = news.app.clone();
        let number = news.number;
        let broadcast = Arc::new(Broadcast::new(news, self.clock.wall()));
        let Some(number) = number else { return hub.deliver(&broadcast) };
        if hub.offer(number, broadcast) == Ordered::Waiting {
            self.waiting().insert((app, hub.room.clone()), Arc::downgrade(&hub));
            self.someone_waits.notify_one();
        }
    }

    /// Runs for the life of the node: what is still missing after a moment is read from the store. What cannot be read
    /// is never passed over: later messages would be confirmed, and those before them with them.
    pub async fn watch_gaps(self: Arc<Self>) {
        let mut unread = Waiting::new();
        loop {
            if unread.is_empty() {
                self.someone_waits.notified().await;
            } else {
                let _ = timeout(STORE_PATIENCE, self.someone_waits.notified()).await;
            }
            sleep(GAP_PATIENCE).await;
            let mut waiting = std::mem::take(&mut *self.waiting());
            waiting.extend(unread.iter().map(|(key, hub)| (key.clone(), Weak::clone(hub))));
            unread = self.fill_gaps(waiting, &unread).await;
        }
    }

    /// Returns the rooms whose messages could not be read. Of those that failed before, nothing is said again.
    async fn fill_gaps(&self, waiting: Waiting, failed: &Waiting) -> Waiting {
        let mut unread = Waiting::new();
        for ((app, room), place) in waiting {
            let Some(hub) = place.upgrade() else { continue };
            if let Err(error) = self.fill_gap(&app, &hub).await {
                let key = (app, room);
                if !failed.contains_key(&key) {
                    warn!(room = %hub.room, %error, "could not read missing messages; they wait");
                }
                unread.insert(key, place);
            }
        }
        unread
    }

    async fn fill_gap(&self, app: &AppId, hub: &Arc<Hub>) -> Result<(), StoreError> {
        while let Some(missing) = hub.missing() {
            let found = self.store.range(app, &hub.room, *missing.start(), *missing.end()).await?;
            let now = self.clock.wall();
            let found = found.into_iter().filter_map(|message| {
                let number = u64::try_from(message.number).ok()?;
                Some((number, Arc::new(Broadcast::new(self.stored_news(app, hub, message), now))))
            });
            hub.fill(&missing, found.collect());
        }
        Ok(())
    }

    /// A message as the store has it.
    fn stored_news(&self, app: &AppId, hub: &Hub, message: StoredMessage) -> RoomNews {
        let level = if message.recalled { Level::Low } else { message.level };
        let number = u64::try_from(message.number).ok();
        let room = hub.room.clone();
        let excludes =
            self.apps.get(app.as_str()).is_some_and(|app| app.switches.own_sessions == OwnSessions::Exclude);
        let except = match (ClientId::new(&message.from), message.session) {
            (_, Some(session)) if !excludes => Except::Session(session),
            // What the back end sent is for no session of the client that it named.
            (Ok(client), _) => Except::Client(client),
            (Err(_), Some(session)) => Except::Session(session),
            (Err(_), None) => Except::Nobody,
        };
        let except = except.and_all_but(message.audience.clone());
        RoomNews { app: app.clone(), event: message.into_push(&room), room, level, number, except }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
