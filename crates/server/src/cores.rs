//! A runtime of one thread for each core, for sockets and for those who write to them.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::runtime::{self, Handle};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// Deals tasks out to its runtimes in turns; a task stays where it is, so that nothing about its socket is shared
/// between cores (decision record 0004). What is not a socket's goes on the runtime of the program, whose threads
/// help each other.
///
/// The default has no runtimes of its own: tasks run where they are spawned.
#[derive(Debug, Clone, Default)]
pub struct Cores {
    runtimes: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
    /// The threads end with the last copy of this.
    _ends: Option<Arc<DropGuard>>,
}

impl Cores {
    /// As many runtimes as the process may use cores.
    ///
    /// # Errors
    /// Those of the system: it gives no thread, or no file for a runtime to wait on.
    pub fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let ended = CancellationToken::new();
        let runtimes: io::Result<_> = (0..count).map(|core| start(core, ended.clone())).collect();
        Ok(Self { runtimes: runtimes?, next: Arc::default(), _ends: Some(Arc::new(ended.drop_guard())) })
    }

    /// Runs a task of `owner`'s on the core whose turn it is.
    pub(crate) fn spawn(&self, owner: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        match turn.checked_rem(self.runtimes.len()).and_then(|core| self.runtimes.get(core)) {
            Some(runtime) => drop(owner.spawn_on(task, runtime)),
            None => drop(owner.spawn(task)),
        }
    }
}

fn start(core: usize, ended: CancellationToken) -> io::Result<Handle> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("core-{core}")).spawn(move || {
        runtime.block_on(ended.cancelled());
        // What did not end in time is not waited for.
        runtime.shutdown_background();
    })?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn tasks_are_dealt_to_all_cores_in_turns_and_the_threads_end_with_the_last_copy() {
        let cores = Cores::start().unwrap();
        let tasks = TaskTracker::new();
        let (told, names) = mpsc::channel();
        let count = cores.runtimes.len();
        for _ in 0..3 * count {
            let told = told.clone();
            cores.spawn(
                &tasks,
                async move { told.send(thread::current().name().map(str::to_owned)).unwrap() },
            );
        }
        let names: Vec<_> =
            (0..3 * count).map(|_| names.recv_timeout(Duration::from_secs(60)).unwrap()).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), count);
        for name in &names {
            assert_eq!(names.iter().filter(|other| *other == name).count(), 3);
        }

        let (alive, ended) = mpsc::channel::<()>();
        cores.clone().spawn(&tasks, async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        drop(cores);
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
