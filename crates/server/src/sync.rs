//! What the threads of fan-out share: locks, counters, tasks. In tests of schedules (`--features shuttle`) those of a
//! scheduler take their place, which tries many orders.

pub(crate) use schedule::*;

/// Whether schedules are tested. Rooms are small then, so that few steps reach an edge.
const IS_TRIED: bool = cfg!(all(test, feature = "shuttle"));

/// `usual`, but `few` where schedules are tested.
pub(crate) const fn bound(usual: usize, few: usize) -> usize {
    if IS_TRIED { few } else { usual }
}

#[cfg(not(all(test, feature = "shuttle")))]
mod schedule {
    pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
    use std::thread::available_parallelism;

    pub(crate) use tokio::{task::yield_now, time::sleep};
    use tokio_util::task::TaskTracker;

    use crate::cores::Cores;

    /// Runs a task that belongs to `owner`.
    pub(crate) fn spawn(cores: &Cores, owner: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        cores.spawn(owner, task);
    }

    /// Threads that run tasks.
    pub(crate) fn workers() -> usize {
        available_parallelism().map_or(1, usize::from)
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod schedule {
    use std::time::Duration;

    use shuttle::rand::{RngCore, thread_rng};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
    use tokio_util::task::TaskTracker;

    use crate::cores::Cores;

    pub(crate) fn spawn(_: &Cores, _: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(task));
    }

    pub(crate) fn workers() -> usize {
        2
    }

    /// Others may have a turn, or all of them have one.
    pub(crate) async fn yield_now() {
        if thread_rng().next_u32().is_multiple_of(8) {
            shuttle::future::yield_now().await;
        } else {
            tokio::task::yield_now().await;
        }
    }

    /// However long it is, others may have been held up for longer.
    pub(crate) async fn sleep(_: Duration) {
        yield_now().await;
    }
}
