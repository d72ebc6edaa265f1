//! The thread that takes sockets from the kernel as fast as they come.
//!
//! The kernel holds a few thousand connections until they are accepted; what comes then is dropped without a word, and
//! tried again by the peer after one second, three, seven. So nothing that a socket has to wait for may hold up the
//! accepting: neither a rate nor thousands of tasks that are ready. Accepted sockets wait in a line of the server's
//! own.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use rustix::io::Errno;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tracing::{error, info, warn};

use super::{
    super::admission::{Refusal, Seat},
    Port,
};

/// First and longest pause after a failed accept, usually for want of file descriptors.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A socket that waits for its turn.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) peer: IpAddr,
    pub(super) seat: Seat,
    pub(super) since: Instant,
    /// Its place in the line, until its turn.
    pub(super) place: OwnedSemaphorePermit,
}

/// Accepts into the queue until the port stops, or nobody takes from the queue any more. The queue ends, and the port
/// tells that it is closed, when the listener is closed. So many may wait.
pub(super) fn start(
    listener: TcpListener,
    port: Arc<Port>,
    queue: mpsc::Sender<Arrival>,
    longest: usize,
) -> JoinHandle<()> {
    let runtime = Handle::current();
    // A thread has its share of the processors however many tasks are ready to run.
    tokio::task::spawn_blocking(move || {
        // What comes last here is dropped first, also in a panic.
        let _closed = port.closed.clone().drop_guard();
        let queue = queue;
        let listener = listener;
        let places = Arc::new(Semaphore::new(longest));
        runtime.block_on(async {
            tokio::select! {
                // A runtime that ends drops the other end of the queue first, and its timers last.
                biased;
                () = port.stopping.cancelled() => {}
                () = queue.closed() => {}
                () = accept(&listener, &port, &queue, &places) => {}
            }
        });
    })
}

/// Returns when nobody takes from the queue any more, or when the listener can give no more sockets.
async fn accept(
    listener: &TcpListener,
    port: &Arc<Port>,
    queue: &mpsc::Sender<Arrival>,
    places: &Arc<Semaphore>,
) {
    let (mut pause, longest) = PAUSES;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if pause > PAUSES.0 {
                    info!("accepting connections again");
                }
                pause = PAUSES.0;
                let peer = peer.ip().to_canonical();
                let (seat, place) = match enter(port, peer, places).await {
                    Ok(entered) => entered,
                    Err(refusal) => {
                        port.refuse(stream, refusal);
                        continue;
                    }
                };
                let arrival = Arrival { stream, peer, seat, since: Instant::now(), place };
                if queue.send(arrival).await.is_err() {
                    return;
                }
            }
            Err(error) if is_for_good(&error) => {
                error!(%error, "the socket that listens is broken");
                return;
            }
            // The peer gave up while it waited.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                if pause == PAUSES.0 {
                    warn!(%error, "cannot accept connections for now");
                }
                metrics::counter!("grandstand_accept_failures_total").increment(1);
                // A socket that goes gives its file back.
                sleep(PAUSES.0).await;
                tokio::select! {
                    () = port.admission.gone() => {}
                    () = sleep(pause) => {}
                }
                pause = (pause * 2).min(longest);
            }
        }
    }
}

/// No descriptor, or none of a socket that listens: nothing will ever come of it.
fn is_for_good(error: &io::Error) -> bool {
    Errno::from_io_error(error)
        .is_some_and(|errno| [Errno::BADF, Errno::INVAL, Errno::NOTSOCK].contains(&errno))
}

/// A seat, and a place in the line. When that is full, sockets wait in the kernel; but of an address that fills half of
/// it alone they are refused, because behind them would wait everybody.
async fn enter(
    port: &Port,
    peer: IpAddr,
    places: &Arc<Semaphore>,
) -> Result<(Seat, OwnedSemaphorePermit), Refusal> {
    let seat = port.seat(peer)?;
    let place = match Arc::clone(places).try_acquire_owned() {
        Ok(place) => place,
        Err(_) if port.admission.crowds(&seat) => return Err(Refusal::Busy),
        Err(_) => Arc::clone(places).acquire_owned().await.map_err(|_| Refusal::Busy)?,
    };
    Ok((seat, place))
}
