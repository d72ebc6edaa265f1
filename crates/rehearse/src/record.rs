//! The recorder: a proxy between apps and a server that writes down what passes, and changes nothing but addresses.

mod copied;
mod exchange;
mod journal;
mod route;
mod tap;
mod tunnel;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Server,
    recording::{FORMAT, Header, VERSION},
    redact::Redactor,
};

use self::{journal::Journal, route::Routes};

pub use self::journal::Totals;

/// Connections at one time: a rehearsal, not an event. Others wait to be accepted.
const CONNECTIONS: usize = 2048;

/// From a connection to the head of its request.
const HEAD: Duration = Duration::from_secs(30);

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// What is left of a request that was under way when the recorder was told to stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is recorded, and where to.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    pub to: Server,
    /// A file that does not exist yet.
    pub out: PathBuf,
    /// Write texts as they are.
    pub keep_texts: bool,
    /// The program and its version.
    pub made_by: String,
}

/// Why nothing is recorded any more.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: io::Error },
    #[error("there is a file {} already; recordings are not added to each other", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
}

/// A recorder that listens already.
#[derive(Debug)]
pub struct Recorder {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
    journal: Journal,
    end: journal::End,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) to: Server,
    pub(crate) redactor: Redactor,
    pub(crate) journal: Journal,
    pub(crate) routes: Routes,
    /// Tunnels, and connections to the server.
    pub(crate) tasks: TaskTracker,
}

impl Recorder {
    /// Listens, and begins the file.
    ///
    /// # Errors
    /// [`RecordError`] when the address or the file cannot be had.
    pub async fn bind(settings: Settings) -> Result<Self, RecordError> {
        let refused = |cause| RecordError::Listen { address: settings.listen, cause };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            made_by: settings.made_by.clone(),
            started_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            to: settings.to.to_string(),
            texts_kept: settings.keep_texts,
        };
        let (journal, end) = Journal::begin(&settings.out, &header)?;
        Ok(Self { listener, address, settings, journal, end })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Records until `stop` comes; connections end then, and the file is whole.
    ///
    /// # Errors
    /// [`RecordError::Write`] when the file cannot be written any more.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Totals, RecordError> {
        let Self { listener, settings, journal, mut end, .. } = self;
        let shared = Arc::new(Shared {
            to: settings.to,
            redactor: Redactor::new(settings.keep_texts),
            journal,
            routes: Routes::default(),
            tasks: TaskTracker::new(),
        });
        let cut = CancellationToken::new();
        let mut connections = JoinSet::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        tokio::pin!(stop);
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = &mut stop => break,
                () = end.failed() => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Too many files, or a peer that went away: the next one may do better.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (shared, cut) = (Arc::clone(&shared), cut.clone());
            connections.spawn(async move {
                let _place = place;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = serve(stream, &shared) => {}
                }
            });
        }
        drop(listener);
        cut.cancel();
        let ended = async { while connections.join_next().await.is_some() {} };
        tokio::time::timeout(FAREWELL, ended).await.ok();
        connections.abort_all();
        shared.tasks.close();
        tokio::time::timeout(FAREWELL, shared.tasks.wait()).await.ok();
        shared.journal.close();
        end.totals().await
    }
}

/// One connection of an app, from its first request to the end of its WebSocket if it becomes one.
async fn serve(stream: TcpStream, shared: &Arc<Shared>) {
    // Commands are small and answered: waiting for company would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = shared.journal.next_connection();
    let tunnel = tunnel::Slot::default();
    let service =
        service_fn(|request| exchange::pass(Arc::clone(shared), connection, tunnel.clone(), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 * 1024)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(cause) = served {
        tracing::debug!(connection, %cause, "a connection ended early");
    }
    if let Some(tunnel) = tunnel.take() {
        tunnel.run(shared).await;
    }
}
