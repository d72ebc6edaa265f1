//! How far long work is: a bar for people at a terminal, a line every ten seconds for logs.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

/// Between two lines, where nobody watches.
const QUIET: Duration = Duration::from_secs(10);

/// Between two turns of the spinner, where nothing counts.
const TICK: Duration = Duration::from_millis(250);

/// Goes to standard error, and away when the work is done.
pub(super) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    phase: Mutex<Phase>,
}

struct Phase {
    name: &'static str,
    counted: Counted,
    spoke: Instant,
}

/// What is counted in a phase.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Nothing,
    Bytes,
    Rows,
}

impl Progress {
    pub(super) fn new() -> Self {
        let phase = Mutex::new(Phase { name: "", counted: Counted::Nothing, spoke: Instant::now() });
        // Only shown where standard error is a terminal.
        Self { bar: ProgressBar::new(0), is_terminal: io::stderr().is_terminal(), phase }
    }

    /// Something new begins, of so many rows if that is known.
    pub(super) fn begins(&self, name: &'static str, total: Option<u64>) {
        let template = match total {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len}, {per_sec}, {eta} left",
            None => "{msg} {spinner} {human_pos}, {per_sec}",
        };
        self.bar.disable_steady_tick();
        self.turn_to(name, Counted::Rows, template);
        self.bar.set_length(total.unwrap_or_default());
    }

    /// So many more rows are done.
    pub(super) fn advances(&self, rows: u64) {
        self.bar.inc(rows);
        self.speak();
    }

    /// At a stage, and in it at so many bytes of so many, if they count.
    pub(super) fn is_at(&self, stage: &'static str, bytes: Option<(u64, u64)>) {
        if self.phase().name != stage {
            match bytes {
                Some(_) => {
                    let template = "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
                    self.turn_to(stage, Counted::Bytes, template);
                }
                None => self.turn_to(stage, Counted::Nothing, "{msg} {spinner} {elapsed}"),
            }
            if self.is_terminal {
                self.bar.enable_steady_tick(TICK);
            }
        }
        let (done, of) = bytes.unwrap_or_default();
        self.bar.set_length(of);
        self.bar.set_position(done);
        self.speak();
    }

    /// Leaves a clean line.
    pub(super) fn ends(&self) {
        self.bar.finish_and_clear();
    }

    fn turn_to(&self, name: &'static str, counted: Counted, template: &str) {
        self.bar.reset();
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(name);
        let mut phase = self.phase();
        (phase.name, phase.counted) = (name, counted);
    }

    /// A line, where nobody sees the bar and the last one was a while ago.
    fn speak(&self) {
        if self.is_terminal {
            return;
        }
        let mut phase = self.phase();
        if phase.spoke.elapsed() < QUIET {
            return;
        }
        phase.spoke = Instant::now();
        let (done, total) = (self.bar.position(), self.bar.length().filter(|total| *total > 0));
        let how_far = match phase.counted {
            Counted::Nothing => String::new(),
            Counted::Bytes => format!(": {} of {}", HumanBytes(done), HumanBytes(total.unwrap_or(done))),
            Counted::Rows => {
                let of = total.map_or_else(String::new, |total| format!(" of {}", HumanCount(total)));
                format!(": {}{of}, {:.0} a second", HumanCount(done), self.bar.per_sec())
            }
        };
        // Nobody is left to tell when this fails.
        let _ = writeln!(io::stderr(), "{}{how_far}", phase.name);
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ends();
    }
}
