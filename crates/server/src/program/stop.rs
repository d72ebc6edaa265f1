//! Long work that ends early when the program is told to stop, and cleans up behind itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;

/// Runs work that looks at the flag now and then. A second signal does not wait for it.
pub(super) fn until_stopped<T, E>(
    work: impl FnOnce(&AtomicBool) -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Send + 'static,
    Failure: From<E>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let mut work = tokio::task::spawn_blocking(move || work(&flag));
        loop {
            tokio::select! {
                ended = &mut work => {
                    return match ended {
                        Ok(ended) => ended.map_err(Failure::from),
                        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                    };
                }
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stopped.swap(true, Ordering::Relaxed) {
                return Err(cut_off());
            }
        }
    });
    runtime.shutdown_background();
    ended
}

fn cut_off() -> Failure {
    Failure::Said {
        english: "stopped at once, by a second signal; the next run cleans up".to_owned(),
        chinese: "收到第二个信号，立即停止；下次执行时会清理残留。",
        wrong_use: false,
    }
}
