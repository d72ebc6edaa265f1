//! The server that the matrix is tried against: an app for each kind of place, and all that asks it over HTTP.

use std::{net::SocketAddr, sync::Arc};

use grandstand::{
    api,
    apps::{Apps, AppsHandle},
    clock::Clock,
    config::Config,
    cores::Cores,
    gateway::{
        admission::Admission,
        listener::{self, Port},
    },
    node::Node,
    store::{SqliteStore, Store},
};
use grandstand_room::clock::Millis;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::database::Database;

/// For whoever does not say otherwise.
pub(crate) const APP: &str = "plain";

/// An app for each kind of place. Rooms of the foreign place are in `other`; callers of another app come from `third`.
const APPS: [(&str, &str); 7] = [
    ("plain", ""),
    ("signed", "[apps.signatures]\nlogin = true\nrooms = true\nhistory = true\nblocks = true"),
    (
        "closed",
        "send = \"members\"\nhistory = \"members\"\nroom_update = \"moderators\"\nrooms_by_key = \"read\"",
    ),
    (
        "staffed",
        "room_update = \"back-end\"\nedit = false\nrecall = false\n[apps.moderation]\nby = \"back-end\"",
    ),
    ("opened", "rooms_by_key = \"change\""),
    ("other", ""),
    ("third", ""),
];

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) node: Arc<Node>,
    pub(crate) clock: Clock,
    pub(crate) database: Database,
    _accepting: JoinSet<()>,
    _data: TempDir,
}

/// What came back over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let config = Arc::new(Config::from_toml(&configuration()).unwrap());
        let data = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path()).unwrap());
        let clock = Clock::starting_at(Millis(1_800_000_000_000));
        let apps = AppsHandle::new(Apps::new(config.apps.clone()));
        let node =
            Node::start(Arc::clone(&config), apps, store, clock.clone(), Cores::default()).await.unwrap();
        let admission = Admission::new(&config.limits);
        let port = Arc::new(Port::public(Arc::clone(&node), api::router(Arc::clone(&node)), None, admission));
        let listener = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(listener::accept(listener, port));
        let database = Database::open(data.path());
        Self { address, node, clock, database, _accepting: accepting, _data: data }
    }

    /// An app's back end asks, and gets what it wants.
    pub(crate) async fn back_end(&self, app: &str, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(&master_of(app), method, path, body).await;
        assert!(answer.status < 300, "{method} {path} {body}: {answer:?}");
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    /// Somebody asks, with these header lines.
    pub(crate) async fn ask(&self, headers: &str, method: &str, path: &str, body: &str) -> Answer {
        let path: String = path.chars().map(encoded).collect();
        let kind = if body.starts_with('{') { "Content-Type: application/json\r\n" } else { "" };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}{kind}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer: {answer:?}"));
        Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), text: text.to_owned() }
    }
}

pub(crate) fn master_of(app: &str) -> String {
    format!("X-LC-Id: {app}\r\nX-LC-Key: {app}-master,master\r\n")
}

fn configuration() -> String {
    let mut text = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[client_limits]\nenabled = false\n\
                    [limits]\nhandshakes_per_second = 100000\nhandshakes_per_second_per_address = 100000\n"
        .to_owned();
    for (id, lines) in APPS {
        text += &format!(
            "[[apps]]\nid = \"{id}\"\nkey = \"{id}-key\"\nmaster_key = \"{id}-master\"\n\
             previous_master_key = \"{id}-old\"\n{lines}\n[apps.quotas]\nmessages_per_minute = 1000000\n\
             broadcasts_per_minute = 1000000\nbroadcasts_per_day = 1000000\n"
        );
    }
    text
}

/// As it stands in a URL.
fn encoded(letter: char) -> String {
    match letter {
        '{' | '}' | '"' | ':' | ' ' => format!("%{:02X}", u32::from(letter)),
        _ => letter.to_string(),
    }
}
