//! A server in the test's own process, on a free port, with two apps and a clock that the test sets; and who asks it.

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
use grandstand_protocol::ClientId;
use grandstand_room::clock::Millis;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

pub(crate) const APP: &str = "test-app";
pub(crate) const KEY: &str = "test-key";
pub(crate) const MASTER_KEY: &str = "test-master";
pub(crate) const OTHER_APP: &str = "other-app";
pub(crate) const OTHER_MASTER_KEY: &str = "other-master";
/// What the clock shows first.
pub(crate) const START: i64 = 1_800_000_000_000;

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) node: Arc<Node>,
    pub(crate) clock: Clock,
    _accepting: JoinSet<()>,
    /// Where the store is.
    pub(crate) data: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// As sent, for what is said beside the body.
    pub(crate) head: String,
    /// JSON; null when it is none.
    pub(crate) body: Value,
    /// The body as sent.
    pub(crate) text: String,
}

/// With whose words a request comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum As<'a> {
    Master,
    App,
    OtherMaster,
    Nobody,
    /// Header lines, each with its end.
    Headers(&'a str),
}

impl Server {
    /// With default settings but client limits, which are off.
    pub(crate) async fn start() -> Self {
        Self::start_with("", "").await
    }

    /// With lines of configuration for the first app, and others for the server.
    pub(crate) async fn start_with(app_lines: &str, lines: &str) -> Self {
        let text = format!(
            "[client_limits]\nenabled = false\n{lines}\n\
             [[apps]]\nid = \"{OTHER_APP}\"\nkey = \"other-key\"\nmaster_key = \"{OTHER_MASTER_KEY}\"\n\
             [[apps]]\nid = \"{APP}\"\nkey = \"{KEY}\"\nmaster_key = \"{MASTER_KEY}\"\n{app_lines}\n"
        );
        let config = Arc::new(Config::from_toml(&text).unwrap());
        let data = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path()).unwrap());
        let clock = Clock::starting_at(Millis(START));
        let apps = AppsHandle::new(Apps::new(config.apps.clone()));
        let node =
            Node::start(Arc::clone(&config), apps, store, clock.clone(), Cores::default()).await.unwrap();
        let admission = Admission::new(&config.limits);
        let port = Arc::new(Port::public(Arc::clone(&node), api::router(Arc::clone(&node)), None, admission));
        let listener = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(listener::accept(listener, port));
        Self { address, node, clock, _accepting: accepting, data }
    }

    /// Waits until the store knows that every session of the client id has dropped.
    pub(crate) async fn until_dropped(&self, client: &str) {
        let client = ClientId::new(client).unwrap();
        let patience = std::time::Instant::now() + crate::raw::PATIENCE;
        while std::time::Instant::now() < patience {
            let known = self.node.store.sessions(&APP.into(), &client).await.unwrap();
            if known.iter().all(|session| session.dropped_at.is_some()) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{client} never dropped");
    }

    /// A text for the app's back end.
    pub(crate) async fn text(&self, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX-LC-Id: {APP}\r\n");
        let request = format!("{head}X-LC-Key: {MASTER_KEY},master\r\n\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain; charset=utf-8"), "{head}");
        body.to_owned()
    }

    /// The app's back end asks.
    pub(crate) async fn master(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask(As::Master, method, path, body).await
    }

    /// Somebody asks; a body of null is none.
    pub(crate) async fn ask(&self, who: As<'_>, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask_raw(who, method, path, &body).await
    }

    /// The same with any text as the body.
    pub(crate) async fn ask_raw(&self, who: As<'_>, method: &str, path: &str, body: &str) -> Answer {
        let keys = match who {
            As::Master => format!("X-LC-Id: {APP}\r\nX-LC-Key: {MASTER_KEY},master\r\n"),
            As::App => format!("X-LC-Id: {APP}\r\nX-LC-Key: {KEY}\r\n"),
            As::OtherMaster => format!("X-LC-Id: {OTHER_APP}\r\nX-LC-Key: {OTHER_MASTER_KEY},master\r\n"),
            As::Nobody => String::new(),
            As::Headers(lines) => lines.to_owned(),
        };
        let content = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{keys}{content}\r\n");
        self.send(format!("{head}{body}").as_bytes()).await
    }

    /// Bytes as they are, which have to ask for the connection's end.
    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses a body does not read it to its end.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: serde_json::from_str(body).unwrap_or_default(),
            text: body.to_owned(),
        }
    }
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(self.status < 300, "{self:?}");
        self.body
    }

    /// Checks a refusal, which has to be said in words, and returns them.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: i64) -> String {
        assert_eq!((self.status, self.body["code"].as_i64()), (status, Some(code)), "{self:?}");
        let words = self.body["error"].as_str().unwrap_or_else(|| panic!("words: {self:?}"));
        assert!(!words.is_empty(), "{self:?}");
        words.to_owned()
    }
}
