//! Rooms that are too large together, and members that do not take what they missed.

use grandstand_protocol::{ClientId, Format};
use grandstand_room::session::{Identity, SessionId};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{messages::Messages, *};
use crate::{
    apps::{Apps, AppsHandle},
    config::Config,
    cores::Cores,
    fanout::Engine,
    gateway::{
        close::Close,
        connection::writer::Writer,
        outbox::{Outbox, Replay, Signal, Way},
        transport::Transport,
    },
    router::{Remote, Router, Sdk, Session, Style},
};

/// Limits with which [`PAGE`] messages of 200 bytes are a read, and four reads fit in memory.
const NARROW: &str = "[limits]\nhigh_backlog = 3000\nreplay = 100";
const TEXT: usize = 80;
const PAGE: u64 = 120;

fn room(n: usize) -> (AppId, RoomId) {
    (AppId::from("app"), RoomId::from(format!("room {n}").as_str()))
}

/// What a member of a room gets that missed all of it.
async fn missed(gaps: &Gaps, messages: &Messages, n: usize, after: u64) -> Missed {
    let (app, room) = room(n);
    let client = ClientId::new("client").unwrap();
    let own = Own { sessions: [SessionId(1); 2], client, all_sessions: false };
    let gap = Gap { after, last: messages.last(), own: &own, limit: 100 };
    gaps.high(messages, (&app, &room), gap, Millis(0)).await.unwrap()
}

fn numbers(missed: &mut Missed) -> Vec<u64> {
    std::iter::from_fn(|| missed.next().map(|(number, _)| number)).collect()
}

#[tokio::test(start_paused = true)]
async fn rooms_that_are_too_large_together_are_still_read_once_for_many() {
    const ROOMS: usize = 30;
    const MEMBERS: usize = 200;
    const WITHIN: usize = 3000;
    let config = Config::from_toml(NARROW).unwrap();
    let (gaps, messages) = (Arc::new(Gaps::new(&config.limits)), Arc::new(Messages::with(500, TEXT)));
    let come_back = |n: usize| {
        let (gaps, messages) = (Arc::clone(&gaps), Arc::clone(&messages));
        async move {
            sleep(Duration::from_millis((n * WITHIN / (ROOMS * MEMBERS)) as u64)).await;
            let mut missed = missed(&gaps, &messages, n % ROOMS, 0).await;
            let was_full = gaps.is_full();
            // Its socket takes it in this time.
            sleep(Duration::from_millis(50)).await;
            assert_eq!(numbers(&mut missed), (401..=500).collect::<Vec<_>>());
            was_full
        }
    };
    let members: JoinSet<_> = (0..ROOMS * MEMBERS).map(come_back).collect();
    let full = members.join_all().await.into_iter().filter(|was_full| *was_full).count();
    assert!(full > ROOMS * MEMBERS / 2, "{full} times more than is kept");
    assert!(messages.reads() <= 2 * ROOMS as u64, "{} reads", messages.reads());
    assert!(!gaps.is_full(), "what nobody needs any more is not kept");
}

#[tokio::test(start_paused = true)]
async fn members_that_do_not_read_hold_no_more_than_fits_and_find_the_rest_when_they_come_back() {
    const ROOMS: usize = 20;
    let config = Config::from_toml(NARROW).unwrap();
    let (gaps, messages) = (Gaps::new(&config.limits), Messages::with(PAGE, TEXT));
    let mut stalled = Vec::new();
    for n in 0..ROOMS {
        let mut missed = missed(&gaps, &messages, n, 30).await;
        assert_eq!(missed.next().unwrap().0, 31);
        stalled.push(missed);
    }
    assert!(gaps.is_full());
    sleep(GRACE / 2).await;
    gaps.forget_old();
    assert!(stalled.iter_mut().all(|missed| missed.next().unwrap().0 == 32), "everybody has some time");

    sleep(GRACE).await;
    gaps.forget_old();
    assert!(!gaps.is_full());
    let mut given_up = 0;
    for (n, stalled) in stalled.iter_mut().enumerate() {
        let first = numbers(stalled);
        if stalled.is_given_up() {
            given_up += 1;
            assert!(first.is_empty());
            let mut rest = missed(&gaps, &messages, n, 32).await;
            assert_eq!(numbers(&mut rest), (33..=PAGE).collect::<Vec<_>>());
            assert!(!rest.is_given_up());
        } else {
            assert_eq!(first, (33..=PAGE).collect::<Vec<_>>());
        }
    }
    assert!((1..ROOMS).contains(&given_up), "{given_up} of {ROOMS}: the oldest, as far as it is needed");
}

/// On a socket in memory that takes no more than this until somebody reads.
fn session(bytes: usize) -> (Arc<Session>, DuplexStream) {
    let (peer, ours) = duplex(bytes);
    let client = ClientId::new("client").unwrap();
    let identity = Identity { session: SessionId(1), client, tag: None, device: Default::default() };
    let outbox = Arc::new(Outbox::new(Transport::from(ours)));
    let style = Style { format: Format::Binary, first_generation: false };
    let remote = Remote { sdk: Sdk::Other, address: [127, 0, 0, 1].into() };
    (Arc::new(Session::new("app".into(), identity, outbox, style, remote, None, true)), peer)
}

fn router(config: &Config) -> Router {
    let apps = AppsHandle::new(Apps::default());
    Router::new(Arc::new(Engine::new(config, apps, Cores::default(), TaskTracker::new(), Instant::now())))
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_what_it_missed_is_sent_away_and_hears_nothing_newer_before() {
    let config = Config::from_toml(NARROW).unwrap();
    // More than one write.
    let (gaps, messages) = (Gaps::new(&config.limits), Messages::with(PAGE, 5 * TEXT));
    let (app, room) = room(0);
    let hub = router(&config).app(&app).hub(&room);
    let (session, mut peer) = session(1024);
    let outbox = Arc::clone(&session.outbox);
    let writer = Writer::new(|| Duration::ZERO, Arc::clone(&outbox));
    let mut writing = JoinSet::new();
    writing.spawn(async move { writer.run().await });
    outbox.hold();
    let due = missed(&gaps, &messages, 0, 0).await;
    outbox.release(Some(Replay::new(&session, &hub, 1, Vec::new(), due)));
    let mut others = Vec::new();
    for n in 1..10 {
        others.push(missed(&gaps, &messages, n, 0).await);
    }
    sleep(GRACE * 2).await;
    gaps.forget_old();
    assert!(outbox.take_signals().is_empty(), "it does not know yet");

    let (mut taken, mut bytes) = (0, [0; 1024]);
    while let Ok(read) = timeout(Duration::from_secs(1), peer.read(&mut bytes)).await {
        taken += read.unwrap();
    }
    assert!((1024..20_000).contains(&taken), "what was written before, and no more: {taken} bytes");
    assert_eq!(outbox.take_signals(), [Signal::Close(Close::COME_BACK)]);
    assert_eq!(outbox.way(), Way::Later, "newer messages would confirm what was left out");
    outbox.release(None);
    assert_eq!(outbox.way(), Way::Later, "whatever else happens");
    writing.shutdown().await;
}
