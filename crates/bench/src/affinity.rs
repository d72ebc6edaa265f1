//! Which cores the server and the load run on.

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Those that this process had before it chose among them.
static ALL: OnceLock<CpuSet> = OnceLock::new();

/// How many cores this process may use.
pub(crate) fn cores() -> Result<u32> {
    Ok(sched_getaffinity(None).context("failed to read the cores of this process")?.count())
}

/// The cores of this process: the first for the server, the others for the load.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    server: CpuSet,
    load: CpuSet,
}

impl Split {
    pub(crate) fn new() -> Result<Self> {
        let all = match ALL.get() {
            Some(all) => all,
            None => {
                let all = sched_getaffinity(None).context("failed to read the cores of this process")?;
                ALL.get_or_init(|| all)
            }
        };
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| all.is_set(core));
        let (mut server, mut load) = (CpuSet::new(), CpuSet::new());
        server.set(cores.next().context("no core")?);
        cores.for_each(|core| load.set(core));
        ensure!(load.count() > 0, "--pin needs two cores or more");
        Ok(Self { server, load })
    }

    /// Runs `start` on the server's core, so that what it starts stays there; then goes to those of the load. Both hold
    /// for this thread, and for the threads and processes that it starts from then on.
    pub(crate) async fn apart<T>(&self, start: impl Future<Output = Result<T>>) -> Result<T> {
        sched_setaffinity(None, &self.server).context("failed to choose the core of the server")?;
        let started = start.await;
        sched_setaffinity(None, &self.load).context("failed to choose the cores of the load")?;
        started
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Affinity belongs to the thread, which the test has to itself.
    #[tokio::test]
    async fn what_is_started_stays_on_one_core_each_time() {
        if cores().unwrap() < 2 {
            assert!(Split::new().is_err());
            return;
        }
        let all = cores().unwrap();
        for _ in 0..2 {
            let during = Split::new().unwrap().apart(async { cores() }).await.unwrap();
            assert_eq!((during, cores().unwrap()), (1, all - 1));
        }
    }
}
