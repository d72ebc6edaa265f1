//! A room with members on sockets in memory, and what they received.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use grandstand_protocol::{AppId, Body, ClientId, Event, Format, Level, Mentions, MessageId, Push, RoomId};
use grandstand_room::{
    account::Outcomes,
    clock::Millis,
    session::{Device, Identity, Login, SessionId},
    switches::OneRoomPer,
};
use serde_json::Value;
use shuttle::{
    future::{JoinHandle, block_on, spawn},
    thread,
};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    sync::Notify,
    time::Instant,
};
use tokio_util::task::TaskTracker;

use crate::{
    apps::{Apps, AppsHandle},
    cluster::{Except, RoomNews},
    config::Config,
    cores::Cores,
    fanout::{Broadcast, Engine, LEVELS},
    gateway::{connection::writer::Writer, outbox::Outbox},
    router::{AppRouter, Hub, Remote, Router, Sdk, Session, Style},
    store::Claimed,
    sync,
};

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config::from_toml("").unwrap());

/// How often a test looks whether a room has come to rest. What is left to do takes a hundredth of it.
const PATIENCE: usize = 5_000;

/// Bytes that a member may be behind.
pub(super) struct Bounds {
    backlog: usize,
}

impl Bounds {
    pub(super) const WIDE: Self = Self { backlog: 1024 * 1024 };
    /// About three messages.
    pub(super) const NARROW: Self = Self { backlog: 400 };
}

pub(super) struct Room {
    app: Arc<AppRouter>,
    hub: Arc<Hub>,
    messages: AtomicU64,
}

pub(super) struct Member {
    name: &'static str,
    pub(super) session: Arc<Session>,
    is_awake: Arc<Notify>,
    reading: JoinHandle<Vec<u8>>,
    writing: JoinHandle<()>,
}

impl Member {
    /// From now on it reads.
    pub(super) fn wake(&self) {
        self.is_awake.notify_one();
    }
}

/// What a member received: its texts, each with its level and its sender.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) name: &'static str,
    pub(super) texts: Vec<String>,
}

impl Room {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        let mut config = CONFIG.clone();
        config.limits.backlog = bounds.backlog;
        // Nothing here is decided by time.
        config.limits.backlog_age = Duration::from_secs(3600);
        config.fanout.lag = Duration::from_secs(3600);
        let apps = AppsHandle::new(Apps::new(Vec::new()));
        let engine = Engine::new(&config, apps, Cores::default(), TaskTracker::new(), Instant::now());
        let app = Router::new(Arc::new(engine)).app(&AppId::from("app"));
        let hub = app.hub(&RoomId::from("room"));
        Arc::new(Self { app, hub, messages: AtomicU64::new(0) })
    }

    /// A client connects through a socket that takes so many bytes, and is in the room.
    pub(super) fn enter(&self, name: &'static str, socket: usize) -> Member {
        let member = self.enter_asleep(name, socket);
        member.wake();
        member
    }

    /// The same, but the client does not read yet.
    pub(super) fn enter_asleep(&self, name: &'static str, socket: usize) -> Member {
        let (ours, theirs) = duplex(socket);
        let outbox = Arc::new(Outbox::new(ours.into()));
        let is_awake = Arc::new(Notify::new());
        let reading = {
            let is_awake = Arc::clone(&is_awake);
            spawn(async move {
                is_awake.notified().await;
                read(theirs).await
            })
        };
        let writing = {
            let outbox = Arc::clone(&outbox);
            spawn(async move { Writer::new(|| Duration::ZERO, outbox).run().await })
        };
        // The frames of some are shared, those of others carry their names.
        outbox.set_omits_peer(name != "ben");
        outbox.hold();
        let session = self.open(name, &outbox);
        let claimed = Claimed { epoch: 1, head: 0, former: Vec::new(), updated_at: Millis(0) };
        self.app.join(&session, &self.hub, &claimed, 0, OneRoomPer::Session).unwrap();
        outbox.release(None);
        Member { name, session, is_awake, reading, writing }
    }

    fn open(&self, name: &str, outbox: &Arc<Outbox>) -> Arc<Session> {
        let (client, device) = (ClientId::new(name).unwrap(), Device::default());
        let login = Login { client: &client, tag: None, device: &device, reopen: false, token: None };
        let opened = self.app.open(&login, Instant::now(), |arrival| {
            let style = Style { format: Format::Json, first_generation: false };
            let session = name.bytes().fold(0, |id, byte| id << 8 | u128::from(byte));
            let (client, tag, device) = (client.clone(), arrival.tag, arrival.device);
            let identity = Identity { session: SessionId(session), client, tag, device };
            let (app, outbox) = (AppId::from("app"), Arc::clone(outbox));
            let remote = Remote { sdk: Sdk::Other, address: [127, 0, 0, 1].into() };
            Session::new(app, identity, outbox, style, remote, None, false)
        });
        opened.unwrap().session
    }

    /// Sends a message of each of these levels.
    pub(super) fn talk(&self, session: &Session, levels: impl IntoIterator<Item = Level>) {
        for level in levels {
            let Identity { session, client, .. } = &session.identity;
            self.send(level, client.as_str(), Except::Session(*session));
        }
    }

    /// A message of the back end.
    pub(super) fn talk_of_nobody(&self, level: Level) {
        self.send(level, "nobody", Except::Nobody);
    }

    fn send(&self, level: Level, from: &str, except: Except) {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let push = Push {
            room: self.hub.room.clone(),
            message: MessageId::from(number.to_string()),
            timestamp: 0,
            from: from.to_owned(),
            body: Body::Text(format!("{level:?} {from} {number}")),
            transient: false,
            mentions: Mentions::default(),
            patched_at: None,
        };
        let news = RoomNews {
            app: self.hub.app.clone(),
            room: self.hub.room.clone(),
            event: Event::Message(Box::new(push)),
            level,
            number: None,
            except,
        };
        self.hub.deliver(&Arc::new(Broadcast::new(news, Millis(0))));
    }

    /// A flusher that did not visit anybody, and found nothing, would go.
    pub(super) fn retire_unseen(&self) {
        let head = {
            let mut stage = self.hub.stage();
            stage.flushers += 1;
            stage.head()
        };
        if self.hub.retire(head) {
            assert_eq!(self.hub.account().pending, [0; 3]);
        } else {
            self.hub.stage().flushers -= 1;
            self.hub.settle();
        }
    }

    /// Waits until nothing is under way. Then nothing is retained, and nobody is where others are not.
    pub(super) fn come_to_rest(&self) {
        let is_at_rest = || {
            let stage = self.hub.stage();
            stage.flushers == 0 && stage.ring.is_empty() && self.hub.alone() == 0
        };
        for _ in 0..PATIENCE {
            if is_at_rest() {
                return;
            }
            thread::yield_now();
        }
        let alone = self.hub.alone();
        panic!("no rest: {alone} alone, {:?}", self.hub.stage());
    }

    /// A client goes; what it has received by then.
    pub(super) fn take(&self, member: Member) -> Received {
        let Member { name, session, reading, writing, .. } = member;
        self.app.close(&session).unwrap();
        session.outbox.finish(None);
        block_on(writing).unwrap();
        drop(session);
        let bytes = block_on(reading).unwrap();
        Received { name, texts: texts(&bytes) }
    }

    /// Until a flusher has gone on without a member.
    pub(super) fn leave_behind(&self) {
        while self.hub.alone() == 0 {
            thread::yield_now();
        }
    }

    /// What became of the messages of a level.
    pub(super) fn outcomes(&self, level: Level) -> Outcomes {
        self.hub.account().totals.level(level).outcomes
    }

    /// All that was for somebody was written or counted otherwise; what was written was received.
    pub(super) fn check_account<'a>(&self, received: impl IntoIterator<Item = &'a Received>) {
        let received: Vec<_> = received.into_iter().collect();
        let account = self.hub.account();
        assert_eq!((account.members, account.behind, account.pending), (0, 0, [0; 3]));
        for level in LEVELS {
            let totals = account.totals.level(level);
            assert_eq!(totals.eligible, totals.outcomes.sum(), "{level:?}: {totals:?}");
            let count: usize = received.iter().map(|one| one.of(level).len()).sum();
            assert_eq!(totals.outcomes.written, i64::try_from(count).unwrap(), "{level:?}: {totals:?}");
        }
    }
}

impl Received {
    /// What is of this level, in the order of its arrival.
    pub(super) fn of(&self, level: Level) -> Vec<&str> {
        let level = format!("{level:?} ");
        self.texts.iter().map(String::as_str).filter(|text| text.starts_with(&level)).collect()
    }

    /// What somebody else would have received.
    pub(super) fn without(&self, name: &'static str) -> Self {
        let sender = format!(" {name} ");
        let texts = self.texts.iter().filter(|text| !text.contains(&sender)).cloned().collect();
        Self { name, texts }
    }

    /// Whether this is one stretch of what another received, at each level.
    pub(super) fn is_part_of(&self, all: &Self) -> bool {
        LEVELS.into_iter().all(|level| {
            let (part, all) = (self.of(level), all.of(level));
            part.is_empty() || all.windows(part.len()).any(|stretch| stretch == part)
        })
    }
}

/// The same, at each level.
impl PartialEq for Received {
    fn eq(&self, other: &Self) -> bool {
        LEVELS.into_iter().all(|level| self.of(level) == other.of(level))
    }
}

/// What a client reads until its socket ends, a little at a time.
async fn read(mut socket: DuplexStream) -> Vec<u8> {
    let (mut all, mut part) = (Vec::new(), [0; 64]);
    while let Ok(length @ 1..) = socket.read(&mut part).await {
        all.extend_from_slice(&part[..length]);
        sync::yield_now().await;
    }
    all
}

/// The texts of whole frames, as a server sends them.
fn texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [_, length, rest @ ..] = bytes {
        let (length, rest) = match (*length, rest) {
            (126, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (length, rest) => (usize::from(length), rest),
        };
        let (payload, rest) = rest.split_at(length);
        let payload: Value = serde_json::from_slice(payload).unwrap();
        texts.push(payload["msg"].as_str().unwrap().to_owned());
        bytes = rest;
    }
    assert_eq!(bytes, [0; 0], "half a frame");
    texts
}
