//! A few threads that read, each with a connection of its own. They never wait for the writer.

use std::{
    io,
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

/// Threads and connections.
const READERS: usize = 3;

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
    pub(super) fn start(folder: &Path) -> Result<Self, OpenError> {
        let (orders, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..READERS).map(|n| start_thread(n, open::reader(folder)?, Arc::clone(&queue)));
        Ok(Self { orders, threads: Mutex::new(threads.collect::<Result<_, OpenError>>()?) })
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

fn start_thread(
    n: usize,
    connection: Connection,
    queue: Arc<Mutex<mpsc::Receiver<Order>>>,
) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new()
        .name(format!("store-reader-{n}"))
        .spawn(move || serve(&connection, &queue))
        .map_err(|source: io::Error| OpenError::Folder { folder: format!("(thread {n})").into(), source })
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
