//! The writing half of a connection: replies, and what the socket did not take when fan-out wrote to it.

use std::{future::poll_fn, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    fanout::{self, Progress},
    gateway::outbox::Outbox,
    sync::yield_now,
};

/// Writes until the outbox is finished or the socket breaks.
pub(crate) struct Writer<U> {
    /// The clock of pings.
    uptime: U,
    pub(super) outbox: Arc<Outbox>,
}

impl<U: Fn() -> Duration> Writer<U> {
    pub(crate) fn new(uptime: U, outbox: Arc<Outbox>) -> Self {
        Self { uptime, outbox }
    }

    pub(crate) async fn run(&self) {
        while poll_fn(|cx| self.outbox.poll_drain(cx)).await.is_ok() {
            if self.outbox.is_finished() {
                if self.outbox.is_drained() {
                    // An error here means that the peer was faster.
                    let _ = poll_fn(|cx| self.outbox.poll_shutdown(cx)).await;
                    return;
                }
            } else if self.outbox.ping_if_due((self.uptime)()) {
                // First: a client that is always a little behind has to be confirmed, too.
            } else if self.fetch() {
                // Others have their turn, however much this client has to catch up with.
                yield_now().await;
            } else {
                self.wait().await;
            }
        }
    }

    /// Gives the socket what rooms still have for its members; true when there may be more to write at once.
    fn fetch(&self) -> bool {
        let mut again = false;
        for session in self.outbox.take_behind() {
            if fanout::catch_up(&session) == Progress::More {
                self.outbox.fetch_later(&session);
            }
            again = true;
        }
        again
    }

    /// Until there is something to write, or a ping is due.
    async fn wait(&self) {
        match self.outbox.ping_wait((self.uptime)()) {
            None => self.outbox.to_write.notified().await,
            Some(wait) => {
                // Boxed: an idle connection waits for no ping and needs no timer here.
                let _ = Box::pin(timeout(wait, self.outbox.to_write.notified())).await;
            }
        }
    }
}
