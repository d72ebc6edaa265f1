//! The end of a server, as one sequence with a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::{gateway::listener::Port, node::Node, store::StoreError};

/// What connections get to write their last words after they were closed.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// How long `/v1/route` is still answered to JavaScript clients that were told to ask it.
const ROUTER_LAST: Duration = Duration::from_secs(1);

/// Ends the server so that nobody loses anything: a client that is told to go elsewhere does so at once, and one that
/// is cut off finds its room again.
///
/// 1. No new WebSockets. JavaScript clients are told to go elsewhere, while the router can still be asked.
/// 2. No new connections; HTTP requests under way are answered.
/// 3. The other clients are told to go elsewhere; sockets without a session are closed.
/// 4. Connections get `limits.drain` to end by themselves, then they are closed.
/// 5. The store commits what is pending and closes.
///
/// # Errors
/// [`StoreError`] when the last commit fails.
pub async fn run(port: &Port, node: &Node) -> Result<(), StoreError> {
    let (connections, _) = port.admission().sockets();
    info!(connections, "stopping: no new connections, telling clients to go elsewhere");
    let drained = Instant::now() + node.config.limits.drain;
    node.begin_drain();
    sleep(ROUTER_LAST.min(node.config.limits.drain / 4)).await;
    port.stop();
    node.drain();
    port.admission().displace_all();

    if timeout_at(drained, port.connections().wait()).await.is_err() {
        let (left, _) = port.admission().sockets();
        info!(left, "closing the connections that are left");
        node.close_sockets();
        if timeout_at(drained + LAST_WORDS, port.connections().wait()).await.is_err() {
            let (left, _) = port.admission().sockets();
            warn!(left, "some connections did not end in time; they are cut off");
        }
    }
    node.stop().await?;
    info!("stopped: every acknowledged message is on disk");
    Ok(())
}
