//! `grandstand serve`: from configuration to listening sockets, and to the end.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tracing::{info, warn};

use super::{
    announcement::{self, Addresses},
    failure::Failure,
    log,
    reload::{self, Reload},
};
use crate::{
    admin::{self, Admin},
    api,
    apps::{Apps, AppsHandle},
    clock::Clock,
    config::{Config, Sources, file_limit},
    cores::Cores,
    gateway::{
        admission::Admission,
        listener::{self, Port},
        tls::Certificate,
    },
    node::Node,
    shutdown,
    store::SqliteStore,
};

pub(super) fn run(sources: Sources) -> Result<(), Failure> {
    let (config, development) = reload::load_config(&sources)?;
    let config = Arc::new(config);
    let log = log::start(&config.log);
    let certificate = config.tls.as_ref().map(Certificate::load).transpose()?.map(Arc::new);
    let apps = AppsHandle::new(Apps::new(config.apps.clone()));
    let reload = Reload { sources, started_with: config, development, apps, certificate, log };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let ended = runtime.block_on(serve(reload));
    // What did not end in time is not waited for.
    runtime.shutdown_background();
    ended
}

async fn serve(reload: Reload) -> Result<(), Failure> {
    let config = Arc::clone(&reload.started_with);
    // The ports come first: who starts a second server by mistake is told so in the plainest words.
    let listener = bind("public port", config.bind)?;
    let admin_listener = bind("admin port", config.admin_bind)?;
    let addresses = Addresses {
        public: listener.local_addr().map_err(Failure::Runtime)?,
        admin: admin_listener.local_addr().map_err(Failure::Runtime)?,
    };
    let metrics = admin::start_recording();

    let store = Arc::new(SqliteStore::open(&config.data)?);
    let cores = Cores::start().map_err(Failure::Runtime)?;
    let node = Node::start(Arc::clone(&config), reload.apps.clone(), store, Clock::system(), cores).await?;
    node.background(admin::keep_small(metrics.clone()));
    let admission = Admission::new(&config.limits);
    let service = api::router(Arc::clone(&node));
    let port =
        Arc::new(Port::public(Arc::clone(&node), service, reload.certificate.clone(), admission.clone()));
    let admin = Admin { node: Arc::clone(&node), admission, metrics, started: Instant::now() };
    let admin_port =
        Arc::new(Port::plain(&config, admin::router(Arc::new(admin)), Admission::for_operators()));

    let mut signals = Signals::listen()?;
    let mut accepting = JoinSet::new();
    accepting.spawn(listener::accept(listener, Arc::clone(&port)));
    accepting.spawn(listener::accept(admin_listener, admin_port));
    announce(&reload, &addresses)?;
    warn_of_few_files(&config);
    reload::log_apps(&config.apps);
    info!(bind = %addresses.public, admin = %addresses.admin, data = %config.data.display(),
        connections = config.limits.connections, "ready");

    let served = tokio::select! {
        () = signals.serve_until_stop(&reload, &node) => Ok(()),
        // A server that nobody can reach is to be started again, not to be found by its users.
        _ = accepting.join_next() => Err(Failure::Deaf),
    };
    tokio::select! {
        result = shutdown::run(&port, &node) => result?,
        () = signals.stop() => return Err(Failure::Interrupted),
    }
    served
}

/// Below this many, an operator should know why.
const FEW_CONNECTIONS: usize = 1000;

fn warn_of_few_files(config: &Config) {
    let connections = config.limits.connections;
    if connections < FEW_CONNECTIONS && file_limit() < 2 * FEW_CONNECTIONS {
        warn!(connections, "few connections are possible: this process may open {} files only", file_limit());
    }
}

fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, Failure> {
    listener::bind(address).map_err(|cause| Failure::Bind { what, address, cause })
}

/// Shows the keys of apps that are in no configuration file.
fn announce(reload: &Reload, addresses: &Addresses) -> Result<(), Failure> {
    let config: &Config = &reload.started_with;
    let shown = if reload.development { &config.apps } else { &reload.sources.flags.apps };
    let demo = config.apps.iter().any(|app| app.demo);
    announcement::print(config, addresses, shown, demo).map_err(Failure::Output)
}

/// The signals that a server obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::Runtime);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn serve_until_stop(&mut self, reload: &Reload, node: &Node) {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    reload.run();
                    node.follow_reload();
                }
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
        }
    }

    /// SIGTERM or Ctrl-C.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
