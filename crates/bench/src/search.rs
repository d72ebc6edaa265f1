//! `search`: the highest rate at which latency and losses stay within bounds.

use std::time::Duration;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;

use crate::{
    fan::{SERVER, describe, tell, warn},
    measured::Measured,
    options::SearchOptions,
    publishing::Tempo,
    report::Report,
    stage::{Part, Stage},
    target::Target,
};

/// How often a rate that is not confirmed is lowered before the search gives up.
const SECOND_THOUGHTS: u32 = 8;

/// A rate is too high when so many trials in a row are beyond the bounds: a machine may stumble, and where p99 comes near its
/// bound at every rate, one stumble at a low rate would end the search there.
const TRIALS: u32 = 3;

/// Rates that were tried.
struct Search<'a> {
    stage: Stage,
    options: &'a SearchOptions,
    trials: u64,
    progress: ProgressBar,
}

pub(crate) async fn run(target: &Target, options: &SearchOptions) -> Result<Report> {
    let traffic = &options.traffic;
    let stage = Stage::of_server(target, traffic, &Part::all(traffic)).await?;
    let progress = ProgressBar::new_spinner();
    let mut search = Search { stage, options, trials: 0, progress };
    let (rate, measured) = search.highest().await?;
    search.progress.finish_and_clear();
    let trials = search.trials;
    search.stage.close().await?;

    let mut report = Report::new("search");
    target.describe(&mut report)?;
    describe(&mut report, traffic, 1);
    report.text("p99_bound", "bound of p99", &humantime::format_duration(options.p99).to_string());
    report.text("delivered_bound", "bound of what is delivered", &options.delivered.to_string());
    report.count("trials", "rates tried", trials);
    report.rate("messages_per_s", "highest rate", (rate * 1000.0).round() as u64, Duration::from_secs(1000));
    tell(&mut report, &SERVER, traffic, std::slice::from_ref(&measured));
    warn(&mut report, std::slice::from_ref(&measured));
    Ok(report)
}

impl Search<'_> {
    /// Doubles until it is too much, halves the gap until it is small, then confirms in a longer run.
    async fn highest(&mut self) -> Result<(f64, Measured)> {
        let (mut good, mut bad) = self.bracket().await?;
        while bad / good > 1.0 + self.options.precision {
            let middle = (good * bad).sqrt();
            if self.try_rate(middle).await? { good = middle } else { bad = middle }
        }
        for _ in 0..SECOND_THOUGHTS {
            let measured = self.measure(good, self.options.traffic.duration).await?;
            if self.is_within(&measured) {
                return Ok((good, measured));
            }
            good /= 1.0 + self.options.precision;
        }
        anyhow::bail!("no rate stayed within the bounds in a longer run: the last one was {good:.1}/s")
    }

    /// A rate within the bounds, and one beyond.
    async fn bracket(&mut self) -> Result<(f64, f64)> {
        let mut rate = self.options.start;
        if self.try_rate(rate).await? {
            loop {
                if !self.try_rate(rate * 2.0).await? {
                    return Ok((rate, rate * 2.0));
                }
                rate *= 2.0;
            }
        }
        loop {
            ensure!(rate > 0.1, "not even {rate:.2} messages a second stay within the bounds");
            rate /= 2.0;
            if self.try_rate(rate).await? {
                return Ok((rate, rate * 2.0));
            }
        }
    }

    async fn try_rate(&mut self, rate: f64) -> Result<bool> {
        for _ in 0..TRIALS {
            self.progress.set_message(format!("{rate:.1} messages/s"));
            self.progress.tick();
            let measured = self.measure(rate, self.options.trial).await?;
            let within = self.is_within(&measured);
            let p99 = measured.latencies().summary().p99;
            let (per_second, delivered) = (measured.per_second(), measured.delivered());
            let verdict = if within { "within" } else { "beyond" };
            self.progress.println(format!(
                "{rate:9.1} messages/s: {per_second:.0} deliveries/s, {delivered:.5} delivered, p99 {p99:.1?}: {verdict}"
            ));
            if within {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn measure(&mut self, rate: f64, duration: Duration) -> Result<Measured> {
        self.trials += 1;
        self.stage.measure(Tempo::Rate(rate), self.options.traffic.warm_up, duration).await
    }

    fn is_within(&self, measured: &Measured) -> bool {
        measured.messages() > 0
            && measured.delivered() >= self.options.delivered
            && measured.latencies().summary().p99 <= self.options.p99
            && measured.published.answers.refused.is_empty()
    }
}
