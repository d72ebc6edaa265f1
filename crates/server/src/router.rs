//! Who is connected to this node, and where: sessions by client id, rooms and their members.
//!
//! The only place where a session's whereabouts change. Locks are taken in one order, app before room, held for a few
//! lines, and never across an await.

mod hub;
mod member;
mod turn;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    rates::{Kind, RateLimits, Rates, Wait},
    session::{Decision, Device, Live, Login, SessionId, decide},
    switches::{Counted, OneRoomPer},
};
use tokio::time::Instant;

use self::turn::Turns;

use crate::{
    fanout::Engine,
    store::Claimed,
    sync::{Mutex, MutexGuard},
};

pub use hub::{Hub, MessageAccount, Ordered, Reach, RoomAccount};
pub use member::{Came, Joined, Remote, Sdk, Session, Stay, Style};
pub use turn::Turn;

/// All apps of this node.
#[derive(Debug)]
pub struct Router {
    engine: Arc<Engine>,
    apps: RwLock<HashMap<AppId, Arc<AppRouter>>>,
}

impl Router {
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, apps: RwLock::default() }
    }

    /// The part of one app.
    pub fn app(&self, app: &AppId) -> Arc<AppRouter> {
        if let Some(found) = self.apps.read().unwrap_or_else(PoisonError::into_inner).get(app) {
            return Arc::clone(found);
        }
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(AppRouter::new(app.clone(), Arc::clone(&self.engine)));
        Arc::clone(apps.entry(app.clone()).or_insert_with(new))
    }

    /// The parts of all apps.
    pub fn all(&self) -> Vec<Arc<AppRouter>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many sessions are open.
    pub fn session_count(&self) -> usize {
        self.all().iter().map(|app| app.lock().sessions).sum()
    }

    /// Every open session, for a drain.
    pub fn all_sessions(&self) -> Vec<Arc<Session>> {
        self.all().iter().flat_map(|app| app.all_sessions()).collect()
    }
}

/// The sessions and rooms of one app on this node.
#[derive(Debug)]
pub struct AppRouter {
    app: AppId,
    engine: Arc<Engine>,
    state: Mutex<State>,
    turns: Turns<ClientId>,
    room_turns: Turns<RoomId>,
}

#[derive(Debug, Default)]
struct State {
    clients: HashMap<ClientId, Client>,
    rooms: HashMap<RoomId, Arc<Hub>>,
    sessions: usize,
    /// What each client id has used of its rates; kept over reconnects, forgotten when idle.
    rates: HashMap<ClientId, Rates>,
}

/// What is known here of a client id with at least one open session.
#[derive(Debug, Default)]
struct Client {
    sessions: Vec<Arc<Session>>,
    /// The highest claim seen, and its room.
    claim: Option<(u64, RoomId)>,
}

/// What an open did.
#[derive(Debug)]
pub struct Opened {
    pub session: Arc<Session>,
    /// Sessions that end silently; where they were is still in them.
    pub replaced: Vec<Arc<Session>>,
    /// Sessions that are told 4111.
    pub conflicts: Vec<Arc<Session>>,
}

/// A login that is let in.
#[derive(Debug)]
pub struct Arrival {
    /// The login that it continues, if that is known already.
    pub session: Option<SessionId>,
    pub tag: Option<String>,
    pub device: Device,
    /// Whether it takes over a session that is online.
    pub takes_over: bool,
    /// Sessions of the client id that it ends for good.
    pub conflicts: Vec<SessionId>,
    /// The client id's sessions that are online and stay so.
    pub online: Vec<SessionId>,
}

impl AppRouter {
    fn new(app: AppId, engine: Arc<Engine>) -> Self {
        Self { app, engine, state: Mutex::default(), turns: Turns::default(), room_turns: Turns::default() }
    }

    /// The right to change where a client id is: opens, joins and ends of its sessions come one after the other, so
    /// that what the store holds and what the node holds change in the same order. Waits for those before.
    pub async fn turn(&self, client: &ClientId) -> Turn<ClientId> {
        self.turns.take(client).await
    }

    /// The right to change the data or the rules of a room. Held until the members are told, so that what they hear last
    /// is what holds. Who holds it may take the turn of a client id; not the other way round.
    ///
    /// It orders the changes that this node makes. With several nodes, two changes at the same moment can still be told
    /// in another order on a third: then such news needs a number of the store, as messages have.
    pub async fn room_turn(&self, room: &RoomId) -> Turn<RoomId> {
        self.room_turns.take(room).await
    }

    /// Decides an open and carries it out, in one step: `make` says who the new session is. `None` is a refusal (4111).
    pub fn open(
        &self,
        login: &Login<'_>,
        now: Instant,
        make: impl FnOnce(Arrival) -> Session,
    ) -> Option<Opened> {
        let mut state = self.lock();
        let known = state.clients.get(login.client).map_or(&[][..], |client| &client.sessions);
        let live: Vec<Live> = known.iter().map(|session| session.as_live(now)).collect();
        let Decision::Admit { session, tag, device, replaces, conflicts } = decide(login, &live) else {
            return None;
        };
        let ends = |id: &SessionId| replaces.contains(id) || conflicts.contains(id);
        let online = live.iter().map(|other| other.identity.session).filter(|id| !ends(id)).collect();
        let takes_over = !replaces.is_empty();
        let arrival = Arrival { session, tag, device, takes_over, conflicts: conflicts.clone(), online };
        let session = Arc::new(make(arrival));
        // The new session first, so that the client's claim stays when the last old one goes.
        state.clients.entry(login.client.clone()).or_default().sessions.push(Arc::clone(&session));
        state.sessions += 1;
        let mut take = |ids: &[SessionId]| -> Vec<Arc<Session>> {
            ids.iter().filter_map(|id| state.take(login.client, *id)).collect()
        };
        let (replaced, conflicts) = (take(&replaces), take(&conflicts));
        Some(Opened { session, replaced, conflicts })
    }

    /// Takes a session out and tells where it was; `None` when it was taken over or ended before.
    pub fn close(&self, session: &Arc<Session>) -> Option<Option<Joined>> {
        let mut state = self.lock();
        if !state.clients.get(&session.identity.client).is_some_and(|client| client.holds(session)) {
            return None;
        }
        state.take(&session.identity.client, session.identity.session);
        drop(state);
        let joined = session.leave_if(|_| true);
        if let Some(joined) = &joined {
            self.forget_empty(&joined.room);
        }
        Some(joined)
    }

    /// The sessions of a client id.
    pub fn sessions_of(&self, client: &ClientId) -> Vec<Arc<Session>> {
        self.lock().clients.get(client).map(|client| client.sessions.clone()).unwrap_or_default()
    }

    /// The client ids that have a session of this kind.
    pub fn clients_where(&self, wanted: impl Fn(&Session) -> bool) -> Vec<ClientId> {
        let state = self.lock();
        let has_one = |client: &Client| client.sessions.iter().any(|session| wanted(session));
        state.clients.iter().filter(|(_, client)| has_one(client)).map(|(id, _)| id.clone()).collect()
    }

    /// Takes out all sessions of a client id.
    pub fn end_all(&self, client: &ClientId) -> Vec<Arc<Session>> {
        let ended = {
            let mut state = self.lock();
            let ended = state.clients.remove(client).map(|client| client.sessions).unwrap_or_default();
            state.sessions -= ended.len();
            ended
        };
        for joined in ended.iter().filter_map(|session| session.leave_if(|_| true)) {
            self.forget_empty(&joined.room);
        }
        ended
    }

    /// How many client ids are online.
    pub fn clients(&self) -> usize {
        self.lock().clients.len()
    }

    /// Whether this very session is still here, not taken over and not ended.
    pub fn is_open(&self, session: &Arc<Session>) -> bool {
        self.lock().clients.get(&session.identity.client).is_some_and(|client| client.holds(session))
    }

    /// Whether a login is open here.
    pub fn has_login(&self, session: SessionId) -> bool {
        let state = self.lock();
        state
            .clients
            .values()
            .any(|client| client.sessions.iter().any(|open| open.identity.session == session))
    }

    /// The place of a room on this node, made if need be. Taken before a claim, so that what is sent between the claim
    /// and the join leaves no gap in the room's order here.
    pub fn hub(&self, room: &RoomId) -> Arc<Hub> {
        let mut state = self.lock();
        let new = || Arc::new(Hub::new(self.app.clone(), room.clone(), Arc::clone(&self.engine)));
        Arc::clone(state.rooms.entry(room.clone()).or_insert_with(new))
    }

    /// The place of a room, if somebody is there or coming.
    pub fn existing_hub(&self, room: &RoomId) -> Option<Arc<Hub>> {
        self.lock().rooms.get(room).cloned()
    }

    /// Drops a room's place when nobody is there, nobody is coming, and none of its messages can be asked for.
    pub fn forget_empty(&self, room: &RoomId) {
        let mut state = self.lock();
        if let Some(hub) = state.rooms.get(room)
            && Arc::strong_count(hub) == 1
            && hub.is_empty()
        {
            state.rooms.remove(room);
        }
    }

    /// Puts a session into the room that it claimed, and takes the client id out of other rooms. HIGH messages up to
    /// number `confirmed` are not due to it. Returns the number of the newest message that went out before it came;
    /// what follows reaches it live. `None` when a later claim of the client id went elsewhere, or the session is gone:
    /// then nothing changes.
    pub fn join(
        &self,
        session: &Arc<Session>,
        hub: &Arc<Hub>,
        claimed: &Claimed,
        confirmed: u64,
        scope: OneRoomPer,
    ) -> Option<u64> {
        let epoch = claimed.epoch;
        let mut state = self.lock();
        let client = state.clients.get_mut(&session.identity.client)?;
        if !client.holds(session) || (scope == OneRoomPer::Client && client.is_elsewhere(epoch, &hub.room)) {
            return None;
        }
        let evicted = client.claimed(epoch, &hub.room, scope);
        let former = session.joined().filter(|former| former.room != hub.room);
        let delivered = session.enter(hub, claimed, confirmed);
        drop(state);
        self.evict(evicted, &hub.room, epoch);
        if let Some(former) = former {
            self.forget_empty(&former.room);
        }
        Some(delivered)
    }

    /// Another node's claim: sessions here that it takes out of their rooms leave.
    pub fn obey(&self, client: &ClientId, room: &RoomId, epoch: u64, scope: OneRoomPer) {
        let evicted = {
            let mut state = self.lock();
            let Some(entry) = state.clients.get_mut(client) else { return };
            if entry.is_elsewhere(epoch, room) {
                return;
            }
            entry.claimed(epoch, room, scope)
        };
        self.evict(evicted, room, epoch);
    }

    fn evict(&self, sessions: Vec<Arc<Session>>, room: &RoomId, epoch: u64) {
        for session in sessions {
            if let Some(left) = session.leave_if(|joined| joined.room != *room && joined.epoch < epoch) {
                self.forget_empty(&left.room);
            }
        }
    }

    /// Takes a session out of a room, if it is there.
    pub fn leave(&self, session: &Arc<Session>, room: &RoomId) {
        session.leave_if(|joined| joined.room == *room);
        self.forget_empty(room);
    }

    /// Takes all sessions of a client id out of a room.
    pub fn expel(&self, client: &ClientId, room: &RoomId) {
        for session in self.sessions_of(client) {
            session.leave_if(|joined| joined.room == *room);
        }
        self.forget_empty(room);
    }

    /// Takes everybody out of a room that is gone.
    pub fn dissolve(&self, room: &RoomId) {
        let hub = self.lock().rooms.remove(room);
        for session in hub.map(|hub| hub.members()).unwrap_or_default() {
            session.leave_if(|joined| joined.room == *room);
        }
    }

    /// Whether one more command of this kind is within the client's rate.
    pub fn allow(
        &self,
        client: &ClientId,
        kind: Kind,
        limits: &RateLimits,
        now: Duration,
    ) -> Result<(), Wait> {
        self.lock().rates.entry(client.clone()).or_default().allow(kind, limits, now)
    }

    /// Forgets rates that hold nothing back.
    pub fn forget_idle_rates(&self, now: Duration) {
        self.lock().rates.retain(|_, rates| !rates.is_idle(now));
    }

    /// Drops the places of all rooms where nobody is and nobody is coming: what [`Self::forget_empty`] came too early
    /// for. What became of their messages can be asked for a while after they have emptied.
    pub fn forget_empty_rooms(&self) {
        for hub in self.hubs() {
            hub.forget_old_fates();
            hub.forget_old_patches();
        }
        self.lock().rooms.retain(|_, hub| Arc::strong_count(hub) > 1 || !hub.is_empty());
    }

    /// Those of `clients` who have a session.
    pub fn online(&self, clients: &[String]) -> Vec<String> {
        let state = self.lock();
        clients.iter().filter(|client| state.clients.contains_key(client.as_str())).cloned().collect()
    }

    /// How many are in a room.
    pub fn count(&self, room: &RoomId, counted: Counted) -> usize {
        self.existing_hub(room).map_or(0, |hub| hub.count(counted))
    }

    /// Some distinct client ids of those in a room.
    pub fn some_members(&self, room: &RoomId, limit: usize) -> Vec<String> {
        self.existing_hub(room).map_or_else(Vec::new, |hub| hub.some_clients(limit))
    }

    /// Distinct client ids of those in a room, drawn by chance.
    pub fn sample_members(&self, room: &RoomId, limit: usize) -> Vec<String> {
        self.existing_hub(room).map_or_else(Vec::new, |hub| hub.sample_clients(limit))
    }

    /// The places of all rooms where somebody is or was a while ago.
    pub fn hubs(&self) -> Vec<Arc<Hub>> {
        self.lock().rooms.values().cloned().collect()
    }

    fn all_sessions(&self) -> Vec<Arc<Session>> {
        self.lock().clients.values().flat_map(|client| client.sessions.iter().cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, client: &ClientId, session: SessionId) -> Option<Arc<Session>> {
        let entry = self.clients.get_mut(client)?;
        let at = entry.sessions.iter().position(|known| known.identity.session == session)?;
        // In order: an open that cannot tell sessions apart takes over the youngest.
        let taken = entry.sessions.remove(at);
        if entry.sessions.is_empty() {
            self.clients.remove(client);
        }
        self.sessions -= 1;
        Some(taken)
    }
}

impl Client {
    fn holds(&self, session: &Arc<Session>) -> bool {
        self.sessions.iter().any(|known| Arc::ptr_eq(known, session))
    }

    /// Whether a later claim than `epoch` put the client id into another room.
    fn is_elsewhere(&self, epoch: u64, room: &RoomId) -> bool {
        self.claim.as_ref().is_some_and(|(latest, place)| *latest > epoch && place != room)
    }

    /// Notes a claim and names the sessions that it takes out of their rooms.
    fn claimed(&mut self, epoch: u64, room: &RoomId, scope: OneRoomPer) -> Vec<Arc<Session>> {
        if self.claim.as_ref().is_none_or(|(latest, _)| *latest < epoch) {
            self.claim = Some((epoch, room.clone()));
        }
        if scope == OneRoomPer::Session {
            return Vec::new();
        }
        let elsewhere = |session: &&Arc<Session>| {
            session.joined().is_some_and(|joined| joined.room != *room && joined.epoch < epoch)
        };
        self.sessions.iter().filter(elsewhere).cloned().collect()
    }
}
