//! `rest`: how many messages an app's back end sends over HTTP in a second, and how long it waits for each; with
//! `--hook`, the server asks a hook about each.

mod connection;
mod engine;

use std::{
    collections::BTreeMap,
    process,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    latency::Latencies,
    machine,
    options::RestOptions,
    pace::Pace,
    report::{Report, per_second},
    target::Target,
};
use connection::Connection;
use engine::Engine;

/// From the last connection to the first message.
const GET_READY: Duration = Duration::from_millis(100);

/// What the senders found, together.
#[derive(Debug)]
struct Tally {
    window: (Instant, Instant),
    /// Of messages meant to go within the window.
    latencies: Latencies,
    /// Answers that came within the window.
    answered: u64,
    /// Refusals of the whole run, as they were said.
    refused: BTreeMap<String, u64>,
}

/// Starts what is needed, the hook's engine first.
pub(crate) async fn measure(options: &RestOptions) -> Result<Report> {
    let engine = if options.hook { Some(Engine::start().await?) } else { None };
    let hook = engine.as_ref().map(|engine| {
        vec![
            ("GRANDSTAND_APPS__0__HOOKS__ENGINE".to_owned(), engine.url.clone()),
            ("GRANDSTAND_APPS__0__HOOKS__HOOK_KEY".to_owned(), "bench-hook-key".to_owned()),
        ]
    });
    let target = Target::open_with(&options.target, &hook.unwrap_or_default()).await?;
    let report = run(&target, options, engine.as_ref()).await;
    target.close().await?;
    report
}

async fn run(target: &Target, options: &RestOptions, engine: Option<&Engine>) -> Result<Report> {
    let endpoint = &target.endpoint;
    ensure!(endpoint.trust.is_none(), "this workload speaks plain HTTP only; leave --tls out");
    let mut first = Connection::open(endpoint, &options.master_key).await?;
    let made = first.post("/1.2/rtm/chatrooms", &json!({ "name": "bench rest" })).await?;
    let room = made.body["objectId"].as_str().context("the server did not make a room")?.to_owned();

    let mut connections = vec![first];
    for _ in 1..options.senders {
        connections.push(Connection::open(endpoint, &options.master_key).await?);
    }
    let start = Instant::now() + GET_READY;
    let from = start + options.warm_up;
    let window = (from, from + options.duration);
    let tally = Arc::new(Mutex::new(Tally::new(window)));
    let asked_before = engine.map_or(0, Engine::asked);
    let mut senders = JoinSet::new();
    for (number, connection) in (0..).zip(connections) {
        let pace = match options.rate {
            Some(rate) => Pace::timed(rate, number, options.senders, start),
            None => Pace::Answered { in_flight: 1 },
        };
        let text = "x".repeat(usize::try_from(options.size)?);
        let message = json!({ "from_client": format!("bench-{number}"), "message": text }).to_string();
        let path = format!("/1.2/rtm/chatrooms/{room}/messages");
        senders.spawn(send(connection, path, message, pace, (start, window.1), Arc::clone(&tally)));
    }
    let cpu =
        || Ok::<_, anyhow::Error>((machine::cpu(process::id())?, target.pid.map(machine::cpu).transpose()?));
    sleep_until(from).await;
    let before = cpu()?;
    sleep_until(window.1).await;
    let after = cpu()?;
    while let Some(ended) = senders.join_next().await {
        ended.context("a sender failed")??;
    }
    let server = after.1.zip(before.1).map(|(after, before)| after - before);
    let asked = engine.map(|engine| engine.asked() - asked_before);
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    report(target, options, &tally, (after.0 - before.0, server), asked)
}

/// One message after the other over one connection, each when it is due.
async fn send(
    mut connection: Connection,
    path: String,
    message: String,
    mut pace: Pace,
    (start, end): (Instant, Instant),
    tally: Arc<Mutex<Tally>>,
) -> Result<()> {
    sleep_until(start).await;
    while !pace.is_done(Instant::now(), end) {
        let Some(intended) = pace.due(Instant::now(), end, 0) else {
            sleep_until(pace.next().unwrap_or(end)).await;
            continue;
        };
        let answer = connection.post_text(&path, &message).await?;
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.status {
            200 => tally.answered(intended, Instant::now()),
            status => *tally.refused.entry(format!("{status} {}", answer.body["error"])).or_default() += 1,
        }
    }
    Ok(())
}

impl Tally {
    fn new(window: (Instant, Instant)) -> Self {
        Self { window, latencies: Latencies::new(), answered: 0, refused: BTreeMap::new() }
    }

    fn answered(&mut self, intended: Instant, now: Instant) {
        let (from, until) = self.window;
        if (from..until).contains(&now) {
            self.answered += 1;
        }
        if (from..until).contains(&intended) {
            self.latencies.record(now - intended);
        }
    }
}

fn report(
    target: &Target,
    options: &RestOptions,
    tally: &Tally,
    (load, server): (Duration, Option<Duration>),
    asked: Option<u64>,
) -> Result<Report> {
    let mut report = Report::new("rest");
    target.describe(&mut report)?;
    report.text("hook", "hook", if asked.is_some() { "asked about each message" } else { "none" });
    report.setting("senders", "connections", options.senders.into());
    if let Some(rate) = options.rate {
        report.setting("rate_per_s", "messages asked for, per second", rate.into());
    }
    report.size("size_bytes", "text of each message", options.size.into());
    report.rate("answered_per_s", "answered", tally.answered, options.duration);
    let summary = tally.latencies.summary();
    report.milliseconds("answer_p50_ms", "answer p50", summary.p50);
    report.milliseconds("answer_p99_ms", "answer p99", summary.p99);
    report.milliseconds("answer_max_ms", "answer max", summary.max);
    report.distribution("answered", &tally.latencies);
    report.count("samples", "latencies measured", summary.count);
    if let Some(server) = server {
        report.cpu("server_cpu", "CPU of the server", server, options.duration);
    }
    report.load_cpu(load, options.duration);
    for (words, count) in &tally.refused {
        report.warn(format!("{count} messages refused: {words}"));
    }
    report.faults("refused", "refused", tally.refused.values().sum());
    if let Some(asked) = asked {
        report.count("hook_calls", "calls of the hook", asked);
        if per_second(asked, options.duration) < per_second(tally.answered, options.duration) {
            report.warn("the hook was not asked about each message: the server found it too slow");
        }
    }
    Ok(report)
}
