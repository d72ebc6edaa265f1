//! A flusher that dies of a socket.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use grandstand_protocol::{AppId, Body, ClientId, Event, Format, Level, Mentions, MessageId, Push, RoomId};
use grandstand_room::{
    clock::Millis,
    session::{Device, Identity, Login, SessionId},
    switches::OneRoomPer,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, DuplexStream, ReadBuf, duplex},
    task::yield_now,
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    apps::{Apps, AppsHandle},
    cluster::{Except, RoomNews},
    config::Config,
    cores::Cores,
    fanout::{Broadcast, Engine},
    gateway::outbox::Outbox,
    router::{AppRouter, Hub, Remote, Router, Sdk, Session, Style},
    store::Claimed,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever wakes it dies of it.
#[derive(Default)]
struct Trap {
    has_sprung: AtomicBool,
}

impl Wake for Trap {
    fn wake(self: Arc<Self>) {
        self.has_sprung.store(true, Ordering::Relaxed);
        panic!("this is the end of a flusher");
    }
}

#[tokio::test]
async fn a_room_goes_on_after_a_flusher_died() {
    let app = app();
    let hub = app.hub(&RoomId::from("room"));
    let (_ann, mut at_ann) = enter(&app, &hub, "ann");
    let (_ben, mut at_ben) = enter(&app, &hub, "ben");
    // Ann waits for her first byte: whoever writes it wakes her.
    let trap = Arc::new(Trap::default());
    let waker = Waker::from(Arc::clone(&trap));
    let mut buffer = [0; 64];
    let waiting =
        Pin::new(&mut at_ann).poll_read(&mut Context::from_waker(&waker), &mut ReadBuf::new(&mut buffer));
    assert!(matches!(waiting, Poll::Pending));

    hub.deliver(&message("first"));
    assert_eq!(hub.stage().flushers, 1);
    let dies = async {
        while hub.stage().flushers > 0 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, dies).await.expect("a dead flusher is not under way");
    assert!(trap.has_sprung.load(Ordering::Relaxed), "it died in the middle of a visit");
    assert_eq!(hub.account().pending, [2, 0, 0], "nobody is said to have it");

    hub.deliver(&message("second"));
    for (peer, name) in [(&mut at_ann, "ann"), (&mut at_ben, "ben")] {
        let heard = timeout(PATIENCE, hear_until(peer, "second")).await.expect(name);
        let times = heard.matches("first").count();
        // What ann had when the flusher died comes again, since nobody knows that she has it.
        assert_eq!(times, if name == "ann" { 2 } else { 1 }, "{name}: {heard}");
    }
    let rests = async {
        while hub.stage().flushers > 0 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, rests).await.expect("nothing is left to do");
    let account = hub.account();
    let totals = account.totals.level(Level::High);
    assert_eq!((account.pending, totals.eligible, totals.outcomes.written), ([0; 3], 4, 4));
    assert!(hub.stage().ring.is_empty(), "what everybody has is forgotten");
}

/// What comes until a frame with this text.
async fn hear_until(peer: &mut DuplexStream, text: &str) -> String {
    let mut heard = String::new();
    let mut buffer = [0; 1024];
    while !heard.contains(text) {
        let length = peer.read(&mut buffer).await.unwrap();
        assert!(length > 0, "the socket ended after {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    heard
}

fn app() -> Arc<AppRouter> {
    let config = Config::from_toml("").unwrap();
    let apps = AppsHandle::new(Apps::default());
    let engine = Engine::new(&config, apps, Cores::default(), TaskTracker::new(), Instant::now());
    Router::new(Arc::new(engine)).app(&AppId::from("app"))
}

fn enter(app: &Arc<AppRouter>, hub: &Arc<Hub>, name: &str) -> (Arc<Session>, DuplexStream) {
    let (peer, ours) = duplex(1 << 16);
    let outbox = Arc::new(Outbox::new(ours.into()));
    let (client, device) = (ClientId::new(name).unwrap(), Device::default());
    let login = Login { client: &client, tag: None, device: &device, reopen: false, token: None };
    let opened = app.open(&login, Instant::now(), |arrival| {
        let style = Style { format: Format::Json, first_generation: false };
        let session = SessionId(name.bytes().fold(0, |id, byte| id << 8 | u128::from(byte)));
        let (client, tag, device) = (client.clone(), arrival.tag, arrival.device);
        let identity = Identity { session, client, tag, device };
        let remote = Remote { sdk: Sdk::Other, address: [127, 0, 0, 1].into() };
        Session::new("app".into(), identity, outbox, style, remote, None, false)
    });
    let session = opened.unwrap().session;
    let claimed = Claimed { epoch: 1, head: 0, former: Vec::new(), updated_at: Millis(0) };
    app.join(&session, hub, &claimed, 0, OneRoomPer::Session).unwrap();
    (session, peer)
}

fn message(text: &str) -> Arc<Broadcast> {
    let room = RoomId::from("room");
    let push = Push {
        room: room.clone(),
        message: MessageId::from("an id"),
        timestamp: 0,
        from: "somebody".to_owned(),
        body: Body::Text(text.to_owned()),
        transient: true,
        mentions: Mentions::default(),
        patched_at: None,
    };
    let (app, event) = ("app".into(), Event::Message(Box::new(push)));
    let news = RoomNews { app, room, event, level: Level::High, number: None, except: Except::Nobody };
    Arc::new(Broadcast::new(news, Millis(0)))
}
