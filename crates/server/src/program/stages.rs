//! How far long work with files is: a bar for people at a terminal, a line every ten seconds for logs.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Between two lines, where nobody watches.
const QUIET: Duration = Duration::from_secs(10);

/// Goes to standard error, and away when the work is done.
pub(super) struct Stages {
    bar: ProgressBar,
    is_terminal: bool,
    stage: &'static str,
    spoke: Instant,
}

impl Stages {
    pub(super) fn begin() -> Self {
        // Only shown where standard error is a terminal.
        let bar = ProgressBar::new_spinner();
        Self { bar, is_terminal: io::stderr().is_terminal(), stage: "", spoke: Instant::now() }
    }

    /// At a stage, and in it at so many bytes of so many, if they count.
    pub(super) fn is_at(&mut self, stage: &'static str, bytes: Option<(u64, u64)>) {
        if self.stage != stage {
            self.stage = stage;
            self.turn_to(bytes.is_some());
        }
        let (done, of) = bytes.unwrap_or_default();
        self.bar.set_length(of);
        self.bar.set_position(done);
        if !self.is_terminal && self.spoke.elapsed() >= QUIET {
            self.spoke = Instant::now();
            let how_far = bytes.map(|_| format!(": {} of {}", HumanBytes(done), HumanBytes(of)));
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr(), "{stage}{}", how_far.unwrap_or_default());
        }
    }

    fn turn_to(&mut self, counts: bool) {
        let template = if counts {
            "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left"
        } else {
            "{msg} {spinner} {elapsed}"
        };
        self.bar.reset();
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(self.stage);
        if self.is_terminal {
            self.bar.enable_steady_tick(Duration::from_millis(250));
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
