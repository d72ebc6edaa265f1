//! What cannot be taken back is asked about first.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::Trouble;

/// Whether to ask.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Confirm {
    /// Do not ask · 不再询问
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Confirm {
    /// Whether somebody has to say yes yet.
    pub(super) fn is_needed(self) -> bool {
        !self.yes
    }

    /// Returns when somebody said yes, beforehand or now. Where nobody can be asked, it takes `--yes`.
    pub(super) fn ask(self, question: &str) -> Result<(), Trouble> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let english = format!("{question} Nobody can be asked here: say --yes");
            return Err(Trouble::usage(english, "此操作需要确认；非交互环境请加 --yes。"));
        }
        let mut prompt = io::stderr().lock();
        let asked = write!(prompt, "{question} 是否继续？[y/N] ").and_then(|()| prompt.flush());
        asked.map_err(Trouble::Output)?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map_err(|_| Trouble::Declined)?;
        let is_yes = ["y", "yes", "是"].contains(&answer.trim().to_lowercase().as_str());
        if is_yes { Ok(()) } else { Err(Trouble::Declined) }
    }
}
