//! A few threads that read, each with a connection of its own. They never wait for the writer.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    open::{self, OpenError},
    writer::store_error,
};
use crate::store::StoreError;

/// Reads that wait for a thread. When there are more, callers wait for a place.
const QUEUE: usize = 1024;

enum Order {
    Read(Box<dyn FnOnce(&Connection) + Send>),
    Close,
}

/// The handle to the threads.
pub(super) struct Readers {
    orders: mpsc::Sender<Order>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts `count` threads, which share a queue.
    pub(super) fn start(folder: &Path, name: &str, count: usize) -> Result<Self, OpenError> {
        let (orders, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let (connection, queue) = (open::reader(folder)?, Arc::clone(&queue));
            let thread =
                thread::Builder::new().name(name.to_owned()).spawn(move || serve(&connection, &queue));
            threads.push(thread.map_err(OpenError::Thread)?);
        }
        Ok(Self { orders, threads: Mutex::new(threads) })
    }

    /// Runs `read` on a connection. It sees everything that was committed before it began.
    pub(super) async fn run<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = move |connection: &Connection| {
            // Whoever asked may have gone while this waited.
            if !reply.is_closed() {
                metrics::counter!("grandstand_store_reads_total").increment(1);
                let _ = reply.send(read(connection));
            }
        };
        self.orders.send(Order::Read(Box::new(job))).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Answers what is queued and ends the threads. Returns them, for the caller to wait for.
    pub(super) async fn close(&self) -> Vec<JoinHandle<()>> {
        let _ = self.orders.send(Order::Close).await;
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(connection: &Connection, queue: &Mutex<mpsc::Receiver<Order>>) {
    loop {
        // One thread waits at the queue, the others for their turn to do so; none holds the lock while it reads.
        let order = {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let order = queue.blocking_recv();
            if matches!(order, Some(Order::Close)) {
                queue.close();
            }
            order
        };
        match order {
            Some(Order::Read(read)) => {
                let read = std::panic::AssertUnwindSafe(|| read(connection));
                if std::panic::catch_unwind(read).is_err() {
                    tracing::error!("a read panicked");
                }
            }
            Some(Order::Close) => {}
            None => return,
        }
    }
}

/// Turns a failed read into what a caller is told, and logs it.
pub(super) fn failed(error: &rusqlite::Error) -> StoreError {
    tracing::error!(%error, "a read failed");
    store_error(error)
}
