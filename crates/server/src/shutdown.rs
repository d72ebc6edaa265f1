//! The end of a server, as one sequence with a deadline.

mod farewell;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{error, info, warn};

use self::farewell::Farewell;
use crate::{
    gateway::listener::Port,
    node::Node,
    store::{Store, StoreError},
};

/// What connections get to write their last words after they were closed: half a second more than they take. This and
/// what follows counts from the end of `limits.drain`, and ends within the five seconds that supervisors are told to wait.
const LAST_WORDS: Duration = Duration::from_millis(3500);

/// When work under way has to have ended.
const LAST_TASKS: Duration = Duration::from_secs(4);

/// When the store has to have closed. Usually it has had the whole time since the last connection ended.
const LAST_COMMIT: Duration = Duration::from_millis(4800);

/// How long the end waits for the listener's socket to be closed, which takes its thread a moment.
const LISTENER_CLOSES: Duration = Duration::from_millis(500);

/// How often it is looked at who is due.
const TICK: Duration = Duration::from_millis(10);

/// Ends the server so that nobody loses anything: a client that is told to go elsewhere does so at once, and one that
/// is cut off finds its room again.
///
/// 1. No new WebSockets, no new logins.
/// 2. One after the other, clients are told to go elsewhere, and closed if they do not: spread over `limits.drain`, so
///    that they do not storm the place where they go. JavaScript clients come first, while the router can still be
///    asked.
/// 3. Then no new connections; HTTP requests under way are answered, sockets without a session are closed. The other
///    clients follow.
/// 4. Who is left at the end of `limits.drain` is closed, and cut off if that does not end it.
/// 5. The store commits what is pending and closes; what it has not done five seconds after `limits.drain` is left.
///
/// # Errors
/// [`StoreError`] when the last commit fails or does not end.
pub async fn run(port: &Port, node: &Node) -> Result<(), StoreError> {
    let sockets = port.admission().sockets();
    let (connections, without_session) = (sockets.all, sockets.without_session());
    info!(connections, without_session, "stopping: no new connections, telling clients to go elsewhere");
    node.begin_drain();
    let drain = node.config.limits.drain;
    let mut farewell = Farewell::new(node.router.all_sessions(), drain);
    let end = Instant::now() + drain;
    say_farewell(port, node, &mut farewell, end).await;

    let left = port.admission().sockets().all;
    if left > 0 {
        info!(left, "closing the connections that are left");
        port.admission().displace_down_to(0);
        node.close_sockets();
        if timeout_at(end + LAST_WORDS, port.connections().wait()).await.is_err() {
            let left = port.admission().sockets().all;
            warn!(left, "some connections did not end in time; they are cut off");
        }
    }
    node.end_tasks(end + LAST_TASKS).await;
    close(&*node.store, end + LAST_COMMIT).await?;
    let Farewell { told, closed, .. } = farewell;
    info!(connections, told, closed, "stopped: every acknowledged message is on disk");
    Ok(())
}

/// Whatever was acknowledged is committed by now. What a store leaves undone that does not end, its next start does.
pub(crate) async fn close(store: &dyn Store, by: Instant) -> Result<(), StoreError> {
    let Ok(closed) = timeout_at(by, store.close()).await else {
        error!(
            "the store did not close in time, and is left as it is: every acknowledged message is on disk, and the \
             next start puts the rest in order; look whether the disk is slow or stuck"
        );
        return Err(StoreError::Failed("it did not close in time".into()));
    };
    closed
}

/// Until everybody has gone, or the time is over.
async fn say_farewell(port: &Port, node: &Node, farewell: &mut Farewell, end: Instant) {
    let begin = Instant::now();
    // When the listener closed, and how many sockets without a session there were. Who still waited for its turn then
    // is gone.
    let mut stopped: Option<(Instant, usize)> = None;
    while Instant::now() < end {
        let passed = begin.elapsed();
        if stopped.is_none() && farewell.listener_may_close(passed) {
            close_listener(port).await;
            let sockets = port.admission().sockets();
            stopped = Some((Instant::now(), sockets.silent + sockets.opening));
        }
        // Behind the listener's end: only then those are due who must find it closed.
        farewell.go_on(node, passed);
        if let Some((at, silent)) = stopped {
            if port.admission().sockets().all == 0 && port.connections().is_empty() {
                return;
            }
            let (passed, whole) = (at.elapsed().as_secs_f64(), end.duration_since(at).as_secs_f64());
            port.admission().displace_down_to(farewell::share_left(silent, passed, whole));
        }
        sleep(TICK).await;
    }
    close_listener(port).await;
    farewell.go_on(node, Duration::MAX);
}

/// From now on the kernel refuses who connects.
async fn close_listener(port: &Port) {
    port.stop();
    if timeout(LISTENER_CLOSES, port.closed()).await.is_err() {
        warn!("the listener did not close in time; who comes now is accepted, and closed");
    }
}
