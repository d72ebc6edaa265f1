//! Simulation: 18,000 clients lose their connections in one moment and come back, in virtual time, from a seed.
//!
//! Admission, the queue of logins and the sharing of gaps are the real ones. What they wait for is a model: clients that
//! try again as SDKs do, the kernel's queue of connections, two processors, a store that answers many in one statement.

mod crowded;
mod messages;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use grandstand_protocol::ClientId;
use grandstand_room::session::SessionId;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{sleep, sleep_until, timeout},
};

use self::messages::Messages;
use super::*;
use crate::{
    config::Config,
    gateway::admission::{Admission, Logins, Seat},
};

const CLIENTS: u32 = 18_000;

/// All have to be back after this time. Measured with real clients on two cores, they need 7 s.
const BOUND: Duration = Duration::from_secs(15);

/// JavaScript gives up on a login after this time, and tries again on a new socket.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that the kernel keeps for a server that does not take them. A client whose first packet finds no place
/// sends it again after one second, then after two more, four more …
const KERNEL_QUEUE: usize = 4096;

/// What two processors need for one client, about twice as much as measured: upgrade, login, return.
const UPGRADE: Duration = Duration::from_micros(150);
const LOGIN: Duration = Duration::from_micros(150);

/// Of a statement or a commit, and of each client in it.
const STATEMENT: Duration = Duration::from_millis(4);
const ROW: Duration = Duration::from_micros(30);
const ROWS: usize = 256;

/// HIGH messages before the storm, and the time between those that are sent meanwhile.
const BEFORE: u64 = 200;
const GIFT_EVERY: Duration = Duration::from_millis(500);

/// The clients' side of the storm.
#[derive(Debug, Clone, Copy)]
struct Storm {
    seed: u64,
    /// When clients come first, from … to …, in seconds.
    first: [f64; 2],
    limits: &'static str,
}

/// As the JavaScript SDK does, and phones that do not notice in the same moment.
const LIKE_SDKS: [f64; 2] = [1.0, 1.5];

/// As fast as so many packets come in.
const AT_ONCE: [f64; 2] = [0.0, 0.3];

/// One client that is back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Back {
    at: Duration,
    /// When its login began to wait.
    queued_at: Duration,
    attempts: u32,
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    back: Vec<Back>,
    lookups: u64,
    commits: u64,
    gaps: u64,
}

/// What all clients meet.
struct World {
    started_at: Instant,
    logins: Logins,
    knocks: mpsc::Sender<Knock>,
    processors: Processors,
    lookups: Batches,
    commits: Batches,
    gaps: Gaps,
    replay: usize,
    messages: Messages,
}

/// A connection in the kernel's queue.
struct Knock {
    address: IpAddr,
    seat: oneshot::Sender<Seat>,
}

/// A connection in the server's own.
struct Arrival {
    seat: Seat,
    since: Instant,
    reply: oneshot::Sender<Seat>,
}

#[tokio::test(start_paused = true)]
async fn everybody_is_back_in_time_and_the_store_is_hardly_asked() {
    let narrow = "opens_at_once = 64\nhandshakes_per_second = 3000\nsessionless_sockets = 500";
    let storms = [
        Storm { seed: 1, first: LIKE_SDKS, limits: "" },
        Storm { seed: 2, first: AT_ONCE, limits: "" },
        Storm { seed: 3, first: LIKE_SDKS, limits: "opens_at_once = 64" },
        Storm { seed: 4, first: AT_ONCE, limits: narrow },
    ];
    for storm in storms {
        let outcome = run(storm).await;
        let last = outcome.back.iter().map(|back| back.at).max().unwrap();
        let attempts: u32 = outcome.back.iter().map(|back| back.attempts).sum();
        let longest = outcome.back.iter().map(|back| back.at - back.queued_at).max().unwrap();
        eprintln!(
            "{storm:?}: back after {last:?}, {attempts} attempts, a login waited {longest:?}; {} look-ups, {} \
             commits, {} reads of the gap",
            outcome.lookups, outcome.commits, outcome.gaps
        );
        assert!(last <= BOUND, "{storm:?}: the last one is back after {last:?}");
        // Nobody is sent away, and nobody gives up.
        assert_eq!(attempts, CLIENTS, "{storm:?}");
        let most = u64::from(CLIENTS) / 10;
        assert!(outcome.lookups <= most && outcome.commits <= most, "{storm:?}: statements");
        assert!(outcome.gaps <= 100, "{storm:?}: {} reads of the gap", outcome.gaps);
        in_their_order(&outcome.back);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_storm() {
    let storm = Storm { seed: 5, first: LIKE_SDKS, limits: "opens_at_once = 64" };
    assert_eq!(run(storm).await, run(storm).await);
}

/// Logins are served in the order in which they came: whoever began to wait a second later is not back earlier.
fn in_their_order(back: &[Back]) {
    let mut in_order: Vec<&Back> = back.iter().collect();
    in_order.sort_by_key(|back| back.queued_at);
    let mut latest = Duration::ZERO;
    for one in in_order {
        let overtaken = latest.saturating_sub(one.at);
        assert!(overtaken <= Duration::from_secs(1), "{one:?} is overtaken by {overtaken:?}");
        latest = latest.max(one.at);
    }
}

async fn run(storm: Storm) -> Outcome {
    let config = Config::from_toml(&format!("[limits]\nconnections = 19000\n{}", storm.limits)).unwrap();
    let admission = Admission::new(&config.limits);
    let (knocks, knocked) = mpsc::channel(KERNEL_QUEUE);
    let (arrived, arrivals) = mpsc::channel(admission.longest_queue());
    let world = Arc::new(World {
        started_at: Instant::now(),
        logins: Logins::new(config.limits.opens_at_once),
        knocks,
        processors: Processors::default(),
        lookups: Batches::default(),
        commits: Batches::default(),
        gaps: Gaps::new(&config.limits),
        replay: config.limits.replay as usize,
        messages: Messages::with(BEFORE, 20),
    });
    let mut service = JoinSet::new();
    service.spawn(accept(admission.clone(), knocked, arrived));
    service.spawn(give_turns(admission, arrivals));
    service.spawn(publish(Arc::clone(&world)));
    let clients: JoinSet<_> = (0..CLIENTS).map(|n| come_back(Arc::clone(&world), storm, n)).collect();
    let (back, _seats): (Vec<Back>, Vec<Seat>) = clients.join_all().await.into_iter().unzip();
    service.shutdown().await;
    let count = |batches: &Batches| batches.statements.load(Ordering::Relaxed);
    Outcome {
        back,
        lookups: count(&world.lookups),
        commits: count(&world.commits),
        gaps: world.messages.reads(),
    }
}

/// Takes connections from the kernel as they come, as the listener does.
async fn accept(admission: Admission, mut knocks: mpsc::Receiver<Knock>, queue: mpsc::Sender<Arrival>) {
    while let Some(knock) = knocks.recv().await {
        if let Ok(seat) = admission.enter(knock.address) {
            let arrival = Arrival { seat, since: Instant::now(), reply: knock.seat };
            queue.send(arrival).await.ok().unwrap();
        }
    }
}

/// Gives each its turn, as the listener does.
async fn give_turns(admission: Admission, mut queue: mpsc::Receiver<Arrival>) {
    while let Some(Arrival { seat, since, reply }) = queue.recv().await {
        if admission.turn(&seat, since).await.is_ok() {
            // The client may have given up.
            let _ = reply.send(seat);
        }
    }
}

async fn publish(world: Arc<World>) {
    loop {
        sleep(GIFT_EVERY).await;
        world.messages.push();
    }
}

async fn come_back(world: Arc<World>, storm: Storm, n: u32) -> (Back, Seat) {
    let mut rng = SmallRng::seed_from_u64(storm.seed << 32 | u64::from(n));
    let mut pause = Duration::from_secs(1);
    let mut attempts = 0;
    sleep(Duration::from_secs_f64(rng.random_range(storm.first[0]..storm.first[1]))).await;
    let confirmed = rng.random_range(BEFORE / 2..=BEFORE);
    loop {
        attempts += 1;
        let attempt = timeout(PATIENCE, world.attempt(n, confirmed)).await;
        if let Ok(Some((queued_at, seat))) = attempt {
            return (Back { at: world.elapsed(), queued_at, attempts }, seat);
        }
        pause *= 2;
        sleep(pause.mul_f64(rng.random_range(1.0..1.5))).await;
    }
}

impl World {
    fn elapsed(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Everything up to the last message that was missed; `None` when the server sends the client away.
    async fn attempt(&self, n: u32, confirmed: u64) -> Option<(Duration, Seat)> {
        let seat = self.connect(n).await?;
        let queued_at = tokio::select! {
            queued_at = self.log_in(&seat, n, confirmed) => queued_at?,
            () = seat.displaced() => return None,
        };
        Some((queued_at, seat))
    }

    async fn connect(&self, n: u32) -> Option<Seat> {
        let (reply, seat) = oneshot::channel();
        let mut knock = Knock { address: Ipv4Addr::from(0x0a00_0000 + n).into(), seat: reply };
        let mut again = Duration::from_secs(1);
        while let Err(refused) = self.knocks.try_send(knock) {
            knock = refused.into_inner();
            sleep(again).await;
            again *= 2;
        }
        let seat = seat.await.ok()?;
        self.processors.work(UPGRADE).await;
        Some(seat)
    }

    async fn log_in(&self, seat: &Seat, n: u32, confirmed: u64) -> Option<Duration> {
        seat.session_opening();
        let queued_at = self.elapsed();
        {
            let _turn = self.logins.turn().await.ok()?;
            self.processors.work(LOGIN).await;
            self.lookups.wait().await;
            self.commits.wait().await;
            seat.session_opened();
            self.catch_up(n, confirmed).await;
        }
        Some(queued_at)
    }

    /// Each gets what came after what it had confirmed, and nothing else.
    async fn catch_up(&self, n: u32, confirmed: u64) {
        let client = ClientId::new(&format!("client-{n}")).unwrap();
        let own = Own { sessions: [SessionId(n.into()); 2], client, all_sessions: false };
        let last = self.messages.last();
        let gap = Gap { after: confirmed, last, own: &own, limit: self.replay };
        let (app, room) = (AppId::from("app"), RoomId::from("room"));
        let mut missed = self.gaps.high(&self.messages, (&app, &room), gap, Millis(0)).await.unwrap();
        let numbers: Vec<u64> = std::iter::from_fn(|| missed.next().map(|(number, _)| number)).collect();
        let owed: Vec<u64> = (confirmed + 1..=last).collect();
        assert_eq!(numbers, owed, "what client {n} missed");
    }
}

/// Two, each doing one thing after the other.
#[derive(Default)]
struct Processors(Mutex<[Option<Instant>; 2]>);

impl Processors {
    async fn work(&self, cost: Duration) {
        let done = {
            let mut free_at = self.0.lock().unwrap();
            let first = free_at.iter_mut().min().unwrap();
            let done = first.map_or_else(Instant::now, |at| at.max(Instant::now())) + cost;
            *first = Some(done);
            done
        };
        sleep_until(done).await;
    }
}

/// Statements that answer all who wait, one statement after the other.
#[derive(Default)]
struct Batches {
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
    tickets: AtomicU64,
    turn: Gate<()>,
    statements: AtomicU64,
}

impl Batches {
    async fn wait(&self) {
        let (reply, mut answer) = oneshot::channel();
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap().insert(ticket, reply);
        loop {
            tokio::select! {
                biased;
                answered = &mut answer => return answered.unwrap(),
                _turn = self.turn.lock() => self.run().await,
            }
        }
    }

    async fn run(&self) {
        let mut batch = Vec::new();
        {
            let mut waiting = self.waiting.lock().unwrap();
            while batch.len() < ROWS
                && let Some((_, reply)) = waiting.pop_first()
            {
                batch.push(reply);
            }
        }
        if batch.is_empty() {
            return;
        }
        self.statements.fetch_add(1, Ordering::Relaxed);
        sleep(STATEMENT + ROW * u32::try_from(batch.len()).unwrap()).await;
        for reply in batch {
            let _ = reply.send(());
        }
    }
}
