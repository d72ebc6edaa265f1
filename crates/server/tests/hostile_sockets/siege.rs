//! A server under attack, with honest members on it, and the account at the end.

use std::{net::SocketAddr, ops::Range, time::Duration};

use tokio::{
    sync::{Mutex, MutexGuard},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    honest::{Account, Pair},
    process,
    raw::PATIENCE,
    server::Server,
};

/// How much the memory of the process may grow while an attack lasts, the peers' own end of it included.
const GROWTH: usize = 10 * 1024 * 1024;

/// What all but a hundredth of the honest messages stay under, beside twenty times what they took before. Generous: the
/// peers work on the same processors as the server, and the machine may have more to do.
const DELAY: Duration = Duration::from_secs(2);

/// Memory is that of the whole process, so one attack at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Rounds of the honest pair before the attack, and at the least after it.
const ROUNDS: usize = 20;

pub(crate) struct Siege {
    pub(crate) server: Server,
    pair: Pair,
    calm: Account,
    /// Memory and open files before the attack.
    memory: usize,
    files: usize,
    _alone: MutexGuard<'static, ()>,
}

impl Siege {
    /// Starts a server with these lines of configuration and lets the honest pair talk for a while.
    pub(crate) async fn lay(lines: &str) -> Self {
        let alone = ALONE.lock().await;
        let server = Server::start(lines).await;
        let mut pair = Pair::meet(&server).await;
        let calm = pair.talk(ROUNDS).await;
        let (memory, files) = (process::memory(), process::open_files());
        Self { server, pair, calm, memory, files, _alone: alone }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The room of the honest pair.
    pub(crate) fn room(&self) -> grandstand_protocol::RoomId {
        self.pair.room.clone()
    }

    /// Lets one peer loose for each number, all at once, while the honest pair talks; checks what they did to it.
    pub(crate) async fn withstands<F>(self, numbers: Range<usize>, peer: impl Fn(SocketAddr, usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = self.address();
        self.withstands_all(all(numbers.map(|number| peer(address, number)))).await;
    }

    /// The same for an attack that is not many times one peer.
    pub(crate) async fn withstands_all(self, attack: impl Future<Output = ()>) {
        let Self { server, mut pair, calm, memory, files, _alone } = self;
        let over = CancellationToken::new();
        let mut during = Account::default();
        let talk = async {
            while !over.is_cancelled() {
                pair.round(&mut during).await;
            }
        };
        let attack = async {
            attack.await;
            over.cancel();
        };
        tokio::join!(talk, attack);

        until("every hostile socket is gone", async || process::open_files() <= files).await;
        until("no hostile member is left", async || pair.count().await == 2).await;
        let after = pair.talk(ROUNDS).await;
        report(memory, &calm, &during, &after);
        let peak = during.peak.max(after.peak);
        assert!(peak <= memory + GROWTH, "{} KiB more than before", (peak - memory) / 1024);
        assert!(during.p99() <= calm.p99() * 20 + DELAY, "{:?}, when calm {:?}", during.p99(), calm.p99());
        drop(server);
    }
}

/// Runs them all at once, and fails if one of them does.
pub(crate) async fn all<F>(peers: impl Iterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running: JoinSet<()> = peers.collect();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// Waits for what has no event.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// For whoever runs this with `--nocapture`.
fn report(memory: usize, calm: &Account, during: &Account, after: &Account) {
    let kibibytes = |peak: usize| peak.saturating_sub(memory) / 1024;
    eprintln!(
        "{}: at most +{} KiB during, +{} KiB after; {} messages during, p99 {:?} (calm {:?}, after {:?})",
        std::thread::current().name().unwrap_or_default(),
        kibibytes(during.peak),
        kibibytes(after.peak),
        during.latencies.len(),
        during.p99(),
        calm.p99(),
        after.p99(),
    );
}
