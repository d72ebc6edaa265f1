//! A running node: everything that its connections share.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use grandstand_protocol::{AppId, MessageId, RoomId};
use grandstand_room::{
    query::{Field, Filter, RoomQuery, Scalar, SortKey, Test},
    room::Room,
    session::SessionId,
    signature::UsedSignatures,
    switches::Counted,
    token::{Revocations, Signer},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    accounts::Accounts,
    apps::AppsHandle,
    audit::Audit,
    clock::Clock,
    cluster::{Bus, LocalBus},
    config::Config,
    cores::Cores,
    exclusive::Exclusive,
    fanout::{Engine, Fanout},
    gateway::{admission::Logins, close::Close, outbox::Signal},
    hook::Hooks,
    moderation::Moderation,
    positions::Positions,
    quota::{Lockout, Quotas},
    router::Router,
    service::{broadcast::Broadcasts, departure, gaps::Gaps},
    slow_mode::SlowModes,
    store::{CreateError, Dropped, Keeps, NodeId, Store, StoreError},
    upkeep,
    upstream::Upstreams,
    visitors::Visitors,
    words::Words,
};

/// What a node is made of. Connections hold it by `Arc`.
pub struct Node {
    pub config: Arc<Config>,
    pub apps: AppsHandle,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub router: Arc<Router>,
    pub bus: Arc<dyn Bus>,
    pub id: NodeId,
    pub(crate) tokens: Signer,
    /// What the store is not asked about, or could not write.
    pub(crate) revocations: RwLock<Revocations>,
    /// Of apps where each counts once.
    pub(crate) used_signatures: Mutex<UsedSignatures>,
    /// Background work: gaps, wills, beats, sweeps. Ends with the node.
    pub(crate) tasks: TaskTracker,
    /// Where background work runs, whoever begins it.
    runtime: Handle,
    /// Where sockets live, and who writes to them.
    pub(crate) cores: Cores,
    pub(crate) stopping: CancellationToken,
    pub(crate) draining: AtomicBool,
    /// Logins under way.
    pub(crate) logins: Logins,
    /// What clients confirmed since the last beat.
    pub(crate) positions: Positions,
    /// Who logged in today.
    pub(crate) visitors: Visitors,
    /// What returning members missed.
    pub(crate) gaps: Gaps,
    /// Rules of rooms, and bans.
    pub(crate) moderation: Arc<Moderation>,
    /// Whose turn it is in slow rooms.
    pub(crate) slow_mode: SlowModes,
    /// The word lists of the apps.
    pub(crate) words: Arc<Words>,
    /// What back ends used of their quotas.
    pub(crate) quotas: Quotas,
    /// Who tries wrong keys.
    pub(crate) lockout: Lockout,
    /// The ways to the apps' own back ends.
    pub(crate) hooks: Hooks,
    /// The ways to where requests go that are not for this server.
    pub(crate) upstreams: Upstreams,
    pub(crate) accounts: Accounts,
    /// Who did what.
    pub(crate) audit: Audit,
    /// What is under way of each app that may be only once.
    pub(crate) exclusive: Arc<Exclusive>,
    pub(crate) broadcasts: Broadcasts,
    random: Mutex<StdRng>,
    started_at: Instant,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Node {
    /// Reads what the store remembers and starts the background work.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn start(
        config: Arc<Config>,
        apps: AppsHandle,
        store: Arc<dyn Store>,
        clock: Clock,
        cores: Cores,
    ) -> Result<Arc<Self>, StoreError> {
        let now = clock.wall();
        let id = NodeId("node-1".to_owned());
        let recovered = store.recover(&id, now).await?;
        let keys = store.token_keys(now).await?;
        let today = Visitors::day(now);
        let visitors = store.visitors(today).await?;
        let mut revocations = Revocations::default();
        let revoked = store.revoked_clients(now).await?;
        revoked.into_iter().for_each(|(app, client, time)| revocations.revoke_before(app, client, time));
        let (tasks, stopping, started_at) = (TaskTracker::new(), CancellationToken::new(), Instant::now());
        let hooks = Hooks::new(clock.clone(), tasks.clone(), stopping.clone());
        hooks.serve(&apps.load());
        let upstreams = Upstreams::new(rand::random());
        upstreams.serve(&apps.load());
        let engine = Arc::new(Engine::new(&config, apps.clone(), cores.clone(), tasks.clone(), started_at));
        let router = Arc::new(Router::new(engine));
        let moderation = Arc::new(Moderation::new(Arc::clone(&store)));
        let words = Arc::new(Words::new(Arc::clone(&store), apps.clone(), clock.clone()));
        words.serve().await?;
        let fanout = Arc::new(Fanout::new(
            Arc::clone(&router),
            apps.clone(),
            Arc::clone(&store),
            clock.clone(),
            Arc::clone(&moderation),
        ));
        let node = Arc::new(Self {
            audit: Audit::new(Arc::clone(&store), clock.clone()),
            slow_mode: SlowModes::new(clock.clone()),
            gaps: Gaps::new(&config.limits),
            logins: Logins::new(config.limits.opens_at_once),
            config,
            apps,
            store,
            clock,
            router,
            bus: Arc::new(LocalBus::new(Arc::clone(&fanout))),
            id,
            tokens: Signer::new(keys.current, keys.previous),
            revocations: RwLock::new(revocations),
            used_signatures: Mutex::new(UsedSignatures::new(now)),
            tasks,
            runtime: Handle::current(),
            cores,
            stopping,
            draining: AtomicBool::new(false),
            positions: Positions::default(),
            visitors: Visitors::known(today, visitors),
            moderation,
            words,
            quotas: Quotas::default(),
            lockout: Lockout::default(),
            hooks,
            upstreams,
            accounts: Accounts::default(),
            exclusive: Arc::default(),
            broadcasts: Broadcasts::default(),
            random: Mutex::new(StdRng::from_rng(&mut rand::rng())),
            started_at,
        });
        node.store.keep_evidence(node.keeps()).await?;
        node.background(fanout.watch_gaps());
        node.background(upkeep::beat(Arc::clone(&node)));
        node.background(upkeep::sweep(Arc::clone(&node)));
        for (app, session, by) in recovered.with_wills {
            departure::send_wills_later(&node, app, Dropped { session, by, address: None });
        }
        Ok(node)
    }

    /// For how long evidence is kept.
    pub(crate) fn keeps(&self) -> Keeps {
        let retention = self.config.retention;
        Keeps {
            originals: Self::milliseconds(retention.originals),
            addresses: Self::milliseconds(retention.addresses),
        }
    }

    /// How many are online in a room, as the app counts them.
    pub fn online_count(&self, app: &AppId, room: &RoomId) -> usize {
        let counted = self.apps.get(app.as_str()).map_or(Counted::Clients, |app| app.switches.count);
        self.router.app(app).count(room, counted)
    }

    /// The room of this name that the back end made, made now if there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails.
    pub async fn ensure_room(&self, app: &AppId, name: &str) -> Result<RoomId, StoreError> {
        if let Some(room) = self.store.find_rooms(app, &by_name(name)).await?.into_iter().next() {
            return Ok(room.id);
        }
        let now = self.clock.wall();
        let id = self.new_room_id();
        let data = [("name".to_owned(), name.into())].into_iter().collect();
        let creator = String::new();
        let room =
            Room { id: id.clone(), creator, data, created_at: now, updated_at: now, last_message_at: None };
        match self.store.create_room(app, room).await {
            Ok(()) => Ok(id),
            Err(CreateError::Exists) => Err(StoreError::Failed("a random id met itself".into())),
            Err(CreateError::Store(error)) => Err(error),
        }
    }

    /// Time since the node started: the monotonic clock of rates and pings.
    pub fn uptime(&self) -> Duration {
        self.clock.now().duration_since(self.started_at)
    }

    /// Whether the node is going away: readiness says so, and new connections are refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on nobody new is let in, and nobody logs in.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.logins.close();
    }

    /// Closes every socket that has a session: come back later.
    pub fn close_sockets(&self) {
        for session in self.router.all_sessions() {
            session.outbox.signal(Signal::Close(Close::COME_BACK));
        }
    }

    /// After a reload: closes the sockets of apps that it removed, and turns to the hooks and upstreams that it changed.
    pub fn follow_reload(&self) {
        self.hooks.serve(&self.apps.load());
        self.upstreams.serve(&self.apps.load());
        let words = Arc::clone(&self.words);
        self.background(async move { words.serve_or_log().await });
        for session in self.router.all_sessions() {
            if self.apps.get(session.app.as_str()).is_none() {
                session.outbox.signal(Signal::Close(Close::APP_NOT_AVAILABLE));
            }
        }
    }

    /// Ends the background work. Comes after the last connection, and before the store closes.
    pub async fn end_tasks(&self, by: Instant) {
        self.stopping.cancel();
        self.tasks.close();
        if timeout_at(by, self.tasks.wait()).await.is_err() {
            warn!(left = self.tasks.len(), "some work did not end in time; the store closes without it");
        }
        if timeout_at(by, upkeep::note_visitors(self)).await.is_err() {
            warn!("could not note in time who logged in last");
        }
    }

    /// Runs until it ends or the node stops.
    pub(crate) fn background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        let stopped = async move {
            tokio::select! {
                () = work => {}
                () = stopping.cancelled() => {}
            }
        };
        self.tasks.spawn_on(stopped, &self.runtime);
    }

    /// Runs to its end, whether or not the caller still waits for it: HTTP drops a request whose client goes away, but
    /// what was committed has to be told.
    pub(crate) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.tasks.spawn_on(work, &self.runtime).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// 24 hexadecimal digits, as the SDKs expect of a stored conversation.
    pub(crate) fn new_room_id(&self) -> RoomId {
        let digits: String = self.random::<12>().iter().map(|byte| format!("{byte:02x}")).collect();
        RoomId::from(digits)
    }

    /// 22 characters of URL-safe Base64: 6 bytes of time, then 10 of chance. Ids of one time stand together in the
    /// store's index, which triples what it takes in a second (decision record 0003).
    pub(crate) fn new_message_id(&self) -> MessageId {
        let mut bytes = self.random::<16>();
        bytes[..6].copy_from_slice(&self.clock.wall().0.to_be_bytes()[2..]);
        MessageId::from(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn new_session_id(&self) -> SessionId {
        SessionId(u128::from_be_bytes(self.random()))
    }

    /// A client id for a client that brought none: 24 characters of URL-safe Base64.
    pub(crate) fn new_client_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random::<18>())
    }

    /// Milliseconds of a configured duration.
    pub(crate) fn milliseconds(duration: Duration) -> i64 {
        i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The oldest room of this name that no client made.
fn by_name(name: &str) -> RoomQuery {
    let is = |field, value| Filter::Is(field, Test::Eq(value));
    let name_is = is(Field::Path(vec!["name".to_owned()]), Scalar::Text(name.to_owned()));
    RoomQuery {
        filter: Filter::And(vec![name_is, is(Field::Creator, Scalar::Null)]),
        sort: vec![SortKey { field: Field::CreatedAt, descending: false }],
        limit: 1,
        skip: 0,
    }
}
