//! How far an export is: one line that changes for people, a line every ten seconds for logs.

use std::{
    future::Future,
    io::{self, IsTerminal},
    pin::pin,
    time::Duration,
};

use grandstand_migrate::export::{Progress, Stage, Waiting};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::program::operator::output::remark;

/// Between two lines of a log.
const QUIET: Duration = Duration::from_secs(10);
/// Between two pictures on a terminal.
const LIVELY: Duration = Duration::from_millis(250);

/// Does the work, and shows how far it is.
pub(super) async fn beside<T>(progress: watch::Receiver<Progress>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let is_terminal = io::stderr().is_terminal();
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    let every = if is_terminal { LIVELY } else { QUIET };
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Speed::default();
    loop {
        tokio::select! {
            done = &mut work => {
                bar.finish_and_clear();
                return done;
            }
            now = ticks.tick() => {
                let line = pace.line(&progress.borrow(), now);
                if is_terminal {
                    bar.set_message(line);
                    bar.tick();
                } else {
                    remark(&line);
                }
            }
        }
    }
}

/// How fast it goes, since the stage began.
#[derive(Default)]
struct Speed {
    began: Option<(Stage, Instant, Progress)>,
}

impl Speed {
    fn line(&mut self, progress: &Progress, now: Instant) -> String {
        if self.began.as_ref().is_none_or(|(stage, ..)| *stage != progress.stage) {
            self.began = Some((progress.stage, now, progress.clone()));
        }
        let stage = match progress.stage {
            Stage::Rooms => "rooms 聊天室",
            Stage::Messages => "messages 消息",
            Stage::Lists => "silences, blocks, roles 名单",
            Stage::Checks => "checks 校验",
        };
        let mut line = format!("{stage}: {} rooms, {} messages", progress.rooms, progress.messages);
        if progress.listed > 0 {
            line.push_str(&format!(", {} on lists", progress.listed));
        }
        if let Some((_, began, before)) = &self.began {
            let seconds = now.duration_since(*began).as_secs_f64();
            let since = progress.messages.saturating_sub(before.messages);
            if progress.stage == Stage::Messages && seconds >= 1.0 {
                line.push_str(&format!(", {:.0} a second", since as f64 / seconds));
            }
            line.push_str(&left(before.share.unwrap_or(0.0), progress.share, seconds));
        }
        if let Some((why, time)) = progress.waiting {
            let why = match why {
                Waiting::Quota => "the quota is used up 配额用尽",
                Waiting::Trouble => "the server failed 服务器出错",
            };
            line.push_str(&format!("; {why}, waiting {} s", time.as_secs().max(1)));
        }
        line
    }
}

/// The share that is done, and how long the rest takes at this speed.
fn left(before: f64, share: Option<f64>, seconds: f64) -> String {
    let Some(share) = share else { return String::new() };
    let percent = format!(", {:.0}%", share * 100.0);
    if share - before < 0.001 || seconds < 2.0 {
        return percent;
    }
    let left = seconds * (1.0 - share) / (share - before);
    let left = Duration::from_secs(left as u64);
    format!("{percent}, about {} left", humantime::format_duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_this_run_did() {
        assert_eq!(left(0.0, None, 5.0), "");
        assert_eq!(left(0.0, Some(0.0), 5.0), ", 0%");
        assert_eq!(left(0.0, Some(0.5), 60.0), ", 50%, about 1m left");
        // An export that goes on has done half of it before.
        assert_eq!(left(0.5, Some(0.75), 60.0), ", 75%, about 1m left");
    }

    #[test]
    fn a_line_says_why_nothing_happens() {
        let waiting = Some((Waiting::Quota, Duration::from_secs(60)));
        let progress = Progress { rooms: 3, messages: 5, waiting, ..Progress::default() };
        let line = Speed::default().line(&progress, Instant::now());
        assert_eq!(line, "rooms 聊天室: 3 rooms, 5 messages; the quota is used up 配额用尽, waiting 60 s");
    }
}
