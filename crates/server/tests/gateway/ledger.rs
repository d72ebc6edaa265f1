//! The account of a room against the ledgers of its clients: random load over real sockets, from a seed.
//!
//! `GRANDSTAND_LEDGER_SEED` repeats a run as far as threads and sockets allow; `GRANDSTAND_LEDGER_ROUNDS` and
//! `GRANDSTAND_LEDGER_MEMBERS` make it longer and larger.

use std::{env, fs, sync::Arc, time::Duration};

use grandstand::{
    apps::{App, Apps},
    router::{Hub, MessageAccount, RoomAccount},
};
use grandstand_protocol::{Level, MessageId, RoomId};
use grandstand_room::{
    account::{LevelTotals, Withheld},
    budget::RoomLimits,
    switches::{OwnSessions, Switches},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    actor::{Actor, Ledger, Role, Scene, Sent},
    guest::Guest,
    server::{APP, MASTER_KEY, Server},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A round ends after so many messages, all of which are remembered, or after this time.
const MESSAGES: usize = 6000;
const LONGEST: Duration = Duration::from_secs(3);

/// How many more rounds there may be until everything has happened.
const MORE_ROUNDS: u64 = 5;

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Everybody reads to the end: what was written is what came, exactly.
    Orderly,
    /// Connections are cut and come back.
    Rough,
}

/// How often each thing happened that had to.
#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    asked: u64,
    asked_while_pending: u64,
    written: i64,
    recalled: i64,
    thinned: i64,
    behind: i64,
    late: i64,
    overrun: i64,
    left: i64,
    withheld: i64,
    replayed: i64,
    cuts: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_of_every_message_closes_and_agrees_with_what_clients_got() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("GRANDSTAND_LEDGER_SEED").unwrap_or_else(|| rand::rng().random());
    let rounds = number("GRANDSTAND_LEDGER_ROUNDS").unwrap_or(1);
    let members = number("GRANDSTAND_LEDGER_MEMBERS").unwrap_or(90);
    eprintln!("GRANDSTAND_LEDGER_SEED={seed}");
    let mut seen = Seen::default();
    let mut round = 0;
    // By chance something may not have happened yet: then it goes on.
    while round < rounds || (!seen.everything() && round < rounds + MORE_ROUNDS) {
        for kind in [Kind::Orderly, Kind::Rough] {
            Round::new(kind, seed.wrapping_add(round), members).await.run(&mut seen).await;
        }
        round += 1;
    }
    eprintln!("{seen:#?}");
    assert!(seen.everything(), "all that can become of a message did: {seen:#?}");
}

struct Round {
    kind: Kind,
    server: Arc<Server>,
    room: RoomId,
    sent: Sent,
    actors: Vec<Actor>,
    dice: StdRng,
}

impl Round {
    async fn new(kind: Kind, seed: u64, members: u64) -> Self {
        let high = if kind == Kind::Orderly { "64MiB" } else { "64KiB" };
        let lines = format!(
            "[limits]\nbacklog = \"48KiB\"\nbacklog_age = \"100ms\"\nhigh_backlog = \"{high}\"\n\
             replay = 600000\n\
             [fanout]\npace = \"0ms\"\nlag = \"1ms\""
        );
        let server = Arc::new(Server::start(&lines).await);
        // Far below what comes in a burst.
        let room_limits = RoomLimits { low: Some(20), ..RoomLimits::default() };
        let own_sessions = if kind == Kind::Orderly { OwnSessions::Deliver } else { OwnSessions::Exclude };
        let switches = Switches { room_limits, own_sessions, ..Switches::default() };
        server.node.apps.replace(Apps::new(vec![App { switches, ..App::new(APP, "key", MASTER_KEY) }]));
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        // It keeps no ledger, and the server may notice late that it has gone: it would be a member until then.
        host.quit(&room).await;
        let mut round = Self {
            kind,
            server,
            room,
            sent: Sent::default(),
            actors: Vec::new(),
            dice: StdRng::seed_from_u64(seed),
        };
        for number in 0..members {
            let role = round.role(number);
            let (server, sent) = (Arc::clone(&round.server), Arc::clone(&round.sent));
            let seed = round.dice.random();
            round.actors.push(Actor::enter(role, server, sent, seed).await);
        }
        round
    }

    /// Sixteen play, among them pairs with one client id and some that are slow; all others only read.
    fn role(&self, number: u64) -> Role {
        Role {
            client: format!("client-{}", if number < 4 { number / 2 } else { number }),
            device: format!("device-{number}"),
            room: self.room.clone(),
            is_slow: (2..6).contains(&number),
            is_cut: self.kind == Kind::Rough,
            is_quiet: number >= 16,
        }
    }

    fn hub(&self) -> Arc<Hub> {
        self.server.node.router.app(&APP.into()).existing_hub(&self.room).expect("there are members")
    }

    async fn run(mut self, seen: &mut Seen) {
        let (scene, watched) = watch::channel(Scene::Play);
        let (quiet, members) = (Arc::new(Semaphore::new(0)), u32::try_from(self.actors.len()).unwrap());
        let mut playing = JoinSet::new();
        for actor in std::mem::take(&mut self.actors) {
            playing.spawn(actor.play(watched.clone(), Arc::clone(&quiet)));
        }
        let hub = self.hub();
        let end = Instant::now() + LONGEST;
        while Instant::now() < end && self.sent.lock().unwrap().len() < MESSAGES {
            self.ask_in_between(&hub, seen).await;
        }
        scene.send(Scene::Read).unwrap();
        let _all = timeout(PATIENCE, quiet.acquire_many(members)).await.expect("all are answered");
        self.settle(&hub, seen).await;
        scene.send(Scene::End).unwrap();
        let (mut ledger, mut cuts) = (Ledger::new(), 0);
        while let Some(played) = timeout(PATIENCE, playing.join_next()).await.expect("an end") {
            let (of_one, cuts_of_one) = played.unwrap();
            cuts += cuts_of_one;
            of_one.into_iter().for_each(|(message, times)| *ledger.entry(message).or_default() += times);
        }
        self.compare(&hub, &ledger, cuts, seen);
    }

    /// Until everything is written or left out. How fast sockets take it is the kernel's matter, but they take it.
    async fn settle(&mut self, hub: &Hub, seen: &mut Seen) {
        let (mut least, mut moved_at) = (u64::MAX, Instant::now());
        loop {
            let account = hub.account();
            let pending = account.pending.iter().sum();
            if pending == 0 {
                return;
            }
            if pending < least {
                (least, moved_at) = (pending, Instant::now());
            }
            let is_stuck = moved_at.elapsed() > PATIENCE;
            assert!(!is_stuck, "nothing moves: {account:?}; kernel: {:#?}", self.unsent());
            self.ask_in_between(hub, seen).await;
        }
    }

    /// The server's sockets for which the kernel still holds something, in its words.
    fn unsent(&self) -> Vec<String> {
        let ours = format!("{:08X}:{:04X}", u32::from_le_bytes([127, 0, 0, 1]), self.server.address.port());
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let holds = |line: &&str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            matches!(fields[..], [_, local, _, _, queues, ..] if local == ours && !queues.starts_with("00000000:"))
        };
        sockets.lines().filter(holds).map(str::to_owned).collect()
    }

    /// The sum closes at any moment, whatever is going on.
    async fn ask_in_between(&mut self, hub: &Hub, seen: &mut Seen) {
        let asked: Vec<MessageId> = {
            let sent = self.sent.lock().unwrap();
            // The newest are the interesting ones.
            let recent = sent.len().saturating_sub(50)..sent.len();
            let any = [0..sent.len(), recent.clone(), recent];
            any.into_iter()
                .filter(|range| !range.is_empty())
                .map(|range| sent[self.dice.random_range(range)].clone())
                .collect()
        };
        for message in asked {
            let Some(account) = hub.message_account(&message) else { continue };
            check_message(&message, &account);
            seen.asked += 1;
            seen.asked_while_pending += u64::from(account.pending > 0);
        }
        check_room(&hub.account());
        sleep(Duration::from_millis(2)).await;
    }

    fn compare(&self, hub: &Hub, ledger: &Ledger, cuts: u32, seen: &mut Seen) {
        let sent = self.sent.lock().unwrap();
        for message in sent.iter() {
            let came = i64::from(ledger.get(message).copied().unwrap_or(0));
            let Some(account) = hub.message_account(message) else {
                assert_eq!(came, 0, "{message:?} is not remembered");
                continue;
            };
            check_message(message, &account);
            assert_eq!(account.pending, 0, "{message:?}");
            let (outcomes, replayed) = (account.fate.outcomes, i64::from(account.fate.replayed));
            let written = outcomes.written + outcomes.recalled;
            match self.kind {
                Kind::Orderly => assert_eq!((came, replayed), (written, 0), "{message:?}: {account:?}"),
                Kind::Rough => {
                    assert!(came <= written + replayed, "{message:?} came {came} times: {account:?}");
                    let lost = written + replayed - came;
                    assert!(
                        lost <= i64::from(cuts),
                        "{message:?}, {lost} of which came nowhere: {account:?}"
                    );
                }
            }
        }
        let account = hub.account();
        check_room(&account);
        seen.messages += sent.len() as u64;
        seen.cuts += cuts;
        for level in [Level::High, Level::Normal, Level::Low] {
            seen.add(account.totals.level(level));
        }
    }
}

impl Seen {
    fn everything(&self) -> bool {
        let by_kind =
            [self.written, self.recalled, self.thinned, self.behind, self.late, self.left, self.withheld];
        let all_kinds = by_kind.iter().all(|count| *count > 0);
        all_kinds && self.replayed > 0 && self.cuts > 0 && self.asked_while_pending > 0
    }

    fn add(&mut self, totals: &LevelTotals) {
        self.written += totals.outcomes.written;
        self.recalled += totals.outcomes.recalled;
        self.thinned += totals.outcomes.thinned;
        self.behind += totals.outcomes.behind;
        self.late += totals.outcomes.late;
        self.overrun += totals.outcomes.overrun;
        self.left += totals.outcomes.left;
        self.withheld += totals.room_limit + totals.app_limit;
        self.replayed += totals.replayed;
    }
}

fn check_message(message: &MessageId, account: &MessageAccount) {
    let MessageAccount { fate, pending, .. } = account;
    let eligible = i64::from(fate.eligible);
    let pending = i64::try_from(*pending).unwrap();
    let withheld = match fate.withheld {
        None => 0,
        Some(Withheld::RoomLimit | Withheld::AppLimit) => eligible,
    };
    let outcomes = &fate.outcomes;
    assert_eq!(eligible, outcomes.sum() + pending + withheld, "{message:?}: {account:?}");
    let each = [
        outcomes.written,
        outcomes.recalled,
        outcomes.thinned,
        outcomes.behind,
        outcomes.late,
        outcomes.overrun,
        outcomes.left,
    ];
    assert!(each.iter().all(|members| *members >= 0), "{message:?}: {account:?}");
    let shed = outcomes.thinned + outcomes.behind + outcomes.late + outcomes.overrun;
    assert!(fate.level != Level::High || shed == 0, "{account:?}");
}

fn check_room(account: &RoomAccount) {
    for level in [Level::High, Level::Normal, Level::Low] {
        let totals = account.totals.level(level);
        let pending = i64::try_from(account.pending[level as usize]).unwrap();
        assert_eq!(totals.pending(), pending, "{level:?}: {account:?}");
    }
}
