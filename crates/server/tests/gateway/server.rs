//! A server in the test's own process, on a free port, with a clock that the test sets.

use std::{net::SocketAddr, sync::Arc};

use grandstand::{
    api,
    apps::{App, Apps, AppsHandle},
    clock::Clock,
    config::Config,
    cores::Cores,
    gateway::{
        admission::Admission,
        listener::{self, Port},
    },
    node::Node,
    shutdown,
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
pub(crate) const MASTER_KEY: &str = "master-key";

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    store: Arc<dyn Store>,
    pub(crate) node: Arc<Node>,
    pub(crate) clock: Clock,
    port: Arc<Port>,
    _accepting: JoinSet<()>,
    pub(crate) data: TempDir,
}

impl Server {
    /// Starts with the given lines of configuration, and no client limits unless they say so.
    pub(crate) async fn start(lines: &str) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), lines).await
    }

    /// Starts on the data of a server that was stopped.
    pub(crate) async fn start_on(data: TempDir, lines: &str) -> Self {
        Self::start_at(Millis(1_800_000_000_000), data, lines).await
    }

    /// The same at another time.
    pub(crate) async fn start_at(time: Millis, data: TempDir, lines: &str) -> Self {
        let limits =
            if lines.contains("[client_limits]") { "" } else { "[client_limits]\nenabled = false\n" };
        let config = Arc::new(Config::from_toml(&format!("{lines}\n{limits}")).unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path()).unwrap());
        let clock = Clock::starting_at(time);
        let apps = AppsHandle::new(Apps::new(vec![App::new(APP, "key", MASTER_KEY)]));
        let node =
            Node::start(Arc::clone(&config), apps, Arc::clone(&store), clock.clone(), Cores::default())
                .await
                .unwrap();
        let service = api::router(Arc::clone(&node));
        let admission = Admission::new(&config.limits);
        let port = Arc::new(Port::public(Arc::clone(&node), service, None, admission));
        let listener = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(listener::accept(listener, Arc::clone(&port)));
        Self { address, store, node, clock, port, _accepting: accepting, data }
    }

    /// Asks the public port with this key; returns the status and the JSON.
    pub(crate) async fn get(&self, path: &str, key: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX-LC-Id: {APP}\r\nX-LC-Key: {key}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// What SIGTERM does.
    pub(crate) async fn stop(&self) {
        shutdown::run(&self.port, &self.node).await.unwrap();
    }

    /// What a reload does that leaves the app out.
    pub(crate) fn remove_app(&self) {
        self.node.apps.replace(Apps::default());
        self.node.follow_reload();
    }

    /// Waits until the store knows that every session of the client id has dropped.
    pub(crate) async fn until_dropped(&self, client: &str) {
        let client = ClientId::new(client).unwrap();
        let patience = std::time::Instant::now() + crate::raw::PATIENCE;
        while std::time::Instant::now() < patience {
            let known = self.store.sessions(&APP.into(), &client).await.unwrap();
            if known.iter().all(|session| session.dropped_at.is_some()) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{client} never dropped");
    }
}
