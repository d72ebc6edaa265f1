//! The thread that writes: it takes what is queued, commits it as one group, then answers all of it.

use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread::{self, JoinHandle},
};

use rusqlite::ErrorCode;
use tokio::sync::{mpsc, oneshot};

use super::ledger::Ledger;
use crate::store::StoreError;

/// Writes that wait for the thread. When there are more, callers wait for a place.
const QUEUE: usize = 8192;

/// Writes in one commit at most: bounds the time that the first of them waits for the last.
const GROUP: usize = 1024;

/// A write on its way through the queue.
///
/// `run` decides and writes, and may be called again after a rollback; `answer` is called once, after the commit.
trait Job: Send {
    fn run(&mut self, ledger: &mut Ledger) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, error: Option<StoreError>);
}

struct Write<T, F> {
    step: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnMut(&mut Ledger) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, ledger: &mut Ledger) -> rusqlite::Result<()> {
        self.outcome = Some((self.step)(ledger)?);
        Ok(())
    }

    fn answer(self: Box<Self>, error: Option<StoreError>) {
        let answer = match (error, self.outcome) {
            (Some(error), _) => Err(error),
            (None, outcome) => outcome.ok_or(StoreError::Closed),
        };
        // Nobody waits any more: the change is made all the same.
        let _ = self.reply.send(answer);
    }
}

enum Order {
    Write(Box<dyn Job>),
    Close,
}

/// The handle to the thread.
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread; it owns the connection and the folder's lock until it ends.
    pub(super) fn start(ledger: Ledger, lock: File) -> io::Result<Self> {
        let (orders, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            serve(ledger, queue);
            drop(lock);
        })?;
        Ok(Self { orders, thread: Mutex::new(Some(thread)) })
    }

    /// Runs `step` in the next group and returns after its commit. A refusal is a value, found before anything is
    /// written; an `Err` of `step` undoes the step, which may then run once more by itself.
    pub(super) async fn run<T, F>(&self, step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Ledger) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write { step, outcome: None, reply });
        self.orders.send(Order::Write(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits what is queued and ends the thread. Returns the thread, for the caller to wait for.
    pub(super) async fn close(&self) -> Option<JoinHandle<()>> {
        // An error means that it has ended already.
        let _ = self.orders.send(Order::Close).await;
        self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

fn serve(mut ledger: Ledger, mut queue: mpsc::Receiver<Order>) {
    let mut orders = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut orders, GROUP) > 0 {
        let mut jobs: Vec<Box<dyn Job>> = Vec::with_capacity(orders.len());
        for order in orders.drain(..) {
            match order {
                Order::Write(job) => jobs.push(job),
                // What was queued before is still taken out and committed.
                Order::Close => queue.close(),
            }
        }
        run_group(&mut ledger, jobs);
        ledger.tidy_up();
    }
}

/// One transaction for all; when a step of several fails, each gets its own, so that none pays for another.
fn run_group(ledger: &mut Ledger, mut jobs: Vec<Box<dyn Job>>) {
    match commit(ledger, &mut jobs) {
        Ok(()) => jobs.into_iter().for_each(|job| job.answer(None)),
        Err(Failure::Step(_)) if jobs.len() > 1 => {
            for job in jobs {
                run_group(ledger, vec![job]);
            }
        }
        Err(Failure::Step(error) | Failure::Group(error)) => {
            tracing::error!(%error, writes = jobs.len(), "a group of writes failed");
            jobs.into_iter().for_each(|job| job.answer(Some(store_error(&error))));
        }
    }
}

enum Failure {
    /// A statement of one step: the others may be fine.
    Step(rusqlite::Error),
    /// The disk, or the commit itself: nothing of the group is safe.
    Group(rusqlite::Error),
}

fn commit(ledger: &mut Ledger, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    ledger.begin().map_err(Failure::Group)?;
    for job in &mut *jobs {
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(ledger)));
        let ran = ran.unwrap_or_else(|_| Err(rusqlite::Error::UnwindingPanic));
        if let Err(error) = ran {
            let spreads = is_disk(&error);
            ledger.roll_back(spreads);
            return Err(if spreads { Failure::Group(error) } else { Failure::Step(error) });
        }
    }
    ledger.commit().map_err(|error| {
        ledger.roll_back(is_disk(&error));
        Failure::Group(error)
    })
}

/// Whether the file or the disk failed, rather than a statement.
fn is_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
        )
    )
}

/// What a caller is told; the text is for the log.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Failed(error.to_string().into()),
    }
}
