//! How far long work is: a bar for people at a terminal, a line every ten seconds for logs.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// Between two lines, where nobody watches.
const QUIET: Duration = Duration::from_secs(10);

/// Goes to standard error.
pub(super) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    phase: Mutex<Phase>,
}

struct Phase {
    name: &'static str,
    spoke: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let phase = Mutex::new(Phase { name: "", spoke: Instant::now() });
        Self { bar: ProgressBar::new(0), is_terminal: io::stderr().is_terminal(), phase }
    }

    /// Something new begins, of so many rows if that is known.
    pub(super) fn begins(&self, name: &'static str, total: Option<u64>) {
        let template = match total {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len}, {per_sec}, {eta} left",
            None => "{msg} {spinner} {human_pos}, {per_sec}",
        };
        self.bar.reset();
        self.bar.set_length(total.unwrap_or_default());
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(name);
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Phase { name, spoke: Instant::now() };
    }

    /// So many more are done.
    pub(super) fn advances(&self, rows: u64) {
        self.bar.inc(rows);
        if self.is_terminal {
            return;
        }
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if phase.spoke.elapsed() < QUIET {
            return;
        }
        phase.spoke = Instant::now();
        let (done, per_second) = (HumanCount(self.bar.position()), self.bar.per_sec());
        let total = self.bar.length().filter(|total| *total > 0);
        let of = total.map_or_else(String::new, |total| format!(" of {}", HumanCount(total)));
        // Nobody is left to tell when this fails.
        let _ = writeln!(io::stderr(), "{}: {done}{of}, {per_second:.0} a second", phase.name);
    }

    /// Leaves a clean line.
    pub(super) fn ends(&self) {
        self.bar.finish_and_clear();
    }
}
