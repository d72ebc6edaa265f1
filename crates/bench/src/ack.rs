//! `ack`: how many messages are accepted, committed and acknowledged in a second, and how long each takes.

use std::{
    collections::{BTreeMap, VecDeque},
    process,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use grandstand_protocol::{Body, Command, Downlink, Event, Mentions, RoomId, Send, StartConversation};
use indicatif::ProgressBar;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    endpoint::Endpoint,
    latency::Latencies,
    machine,
    options::{AckOptions, PER_ADDRESS},
    pace::Pace,
    report::{Report, per_second},
    socket::{Socket, source},
    target::Target,
};

/// Sessions that are being opened at one time.
const PARALLEL: usize = 64;

/// From the last session's opening to the first message: everybody gets ready.
const GET_READY: Duration = Duration::from_millis(100);

/// How long answers are waited for after the end.
const DRAIN: Duration = Duration::from_secs(10);

/// What the senders found, together.
struct Tally {
    window: (Instant, Instant),
    /// Of messages meant to go within the window.
    latencies: Latencies,
    /// Acks that came within the window.
    acked: u64,
    /// Refusals of the whole run, by code and reason.
    refused: BTreeMap<String, u64>,
    /// Messages without an answer at the end.
    unanswered: u64,
    /// Messages that should have gone and never did, because too many were waiting.
    unsent: u64,
}

struct Sender {
    socket: Socket,
    message: Send,
    pace: Pace,
    /// Serial and intended time of what waits for its answer.
    waiting: VecDeque<(i32, Instant)>,
    tally: Arc<Mutex<Tally>>,
}

pub(crate) async fn run(target: &Target, options: &AckOptions) -> Result<Report> {
    let endpoint = &target.endpoint;
    let room = empty_room(endpoint).await?;
    let mut sockets: Vec<Socket> = stream::iter(0..options.senders)
        .map(|number| async move {
            Socket::open(
                endpoint,
                source(endpoint.address, number, PER_ADDRESS),
                &format!("bench-sender-{number}"),
            )
            .await
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;

    let start = Instant::now() + GET_READY;
    let from = start + options.warm_up;
    let window = (from, from + options.duration);
    let tally = Arc::new(Mutex::new(Tally::new(window)));
    let mut senders = JoinSet::new();
    for (number, socket) in (0..).zip(sockets.drain(..)) {
        let pace = match options.rate {
            Some(rate) => Pace::timed(rate, number, options.senders, start),
            None => Pace::Answered { in_flight: usize::try_from(options.in_flight)? },
        };
        let message = message(&room, options.size);
        let tally = Arc::clone(&tally);
        let sender = Sender { socket, message, pace, waiting: VecDeque::new(), tally };
        senders.spawn(sender.run(start, window.1));
    }
    let (load, server) = watch(target, &tally, window).await?;
    while let Some(ended) = senders.join_next().await {
        ended.context("a sender failed")??;
    }
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    report(target, options, &tally, load, server)
}

/// Makes a room and leaves it: nobody receives what is sent there.
async fn empty_room(endpoint: &Endpoint) -> Result<RoomId> {
    let mut maker = Socket::open(endpoint, None, "bench-maker").await?;
    let attributes = Some(r#"{"name":"bench ack"}"#.to_owned());
    let start = StartConversation { transient: true, attributes, ..StartConversation::default() };
    let Event::Started { room, .. } = maker.ask(Command::Start(Box::new(start))).await? else {
        bail!("the server did not create a room");
    };
    let members = vec!["bench-maker".to_owned()];
    maker.ask(Command::Quit { room: room.clone(), members, signature: None }).await?;
    Ok(room)
}

fn message(room: &RoomId, size: u32) -> Send {
    Send {
        room: room.clone(),
        body: Body::Text("x".repeat(size.try_into().unwrap_or(usize::MAX))),
        level: None,
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    }
}

/// CPU time within the window: of this process, and of the server if it is known.
async fn watch(
    target: &Target,
    tally: &Mutex<Tally>,
    (from, until): (Instant, Instant),
) -> Result<(Duration, Option<Duration>)> {
    let cpu =
        || Ok::<_, anyhow::Error>((machine::cpu(process::id())?, target.pid.map(machine::cpu).transpose()?));
    let progress = ProgressBar::new((until - from).as_secs()).with_message("warming up");
    progress.set_style(crate::report::bar("{msg} {wide_bar} {pos}/{len} s"));
    sleep_until(from).await;
    let before = cpu()?;
    let mut now = from;
    while now < until {
        now = (now + Duration::from_secs(1)).min(until);
        sleep_until(now).await;
        let acked = tally.lock().unwrap_or_else(PoisonError::into_inner).acked;
        progress.set_message(format!("{:.0} acks/s", per_second(acked, now - from)));
        progress.inc(1);
    }
    let after = cpu()?;
    progress.finish_and_clear();
    Ok((after.0 - before.0, after.1.zip(before.1).map(|(after, before)| after - before)))
}

impl Sender {
    async fn run(mut self, start: Instant, end: Instant) -> Result<()> {
        sleep_until(start).await;
        let late = end + DRAIN;
        if let Ok(sent) = timeout_at(late, self.send_all(end)).await {
            sent?;
            while !self.waiting.is_empty() {
                let Ok(said) = timeout_at(late, self.socket.next()).await else { break };
                self.answered(&said?)?;
            }
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.unanswered += u64::try_from(self.waiting.len())?;
        tally.unsent += u64::try_from(std::iter::from_fn(|| self.pace.due(end, end, 0)).count())?;
        Ok(())
    }

    async fn send_all(&mut self, end: Instant) -> Result<()> {
        while !self.pace.is_done(Instant::now(), end) {
            self.send_due(end).await?;
            let wake = self.pace.next().unwrap_or(end);
            tokio::select! {
                said = self.socket.next() => self.answered(&said?)?,
                // Too many wait for an answer: only that helps.
                () = sleep_until(wake), if wake > Instant::now() => {}
            }
            // What has come together is taken together, so that the next messages leave together.
            while let Some(said) = self.socket.ready() {
                self.answered(&said?)?;
            }
        }
        Ok(())
    }

    async fn send_due(&mut self, end: Instant) -> Result<()> {
        let mut wrote = false;
        while let Some(intended) = self.pace.due(Instant::now(), end, self.waiting.len()) {
            let serial = self.socket.send(Command::Send(Box::new(self.message.clone()))).await?;
            self.waiting.push_back((serial, intended));
            wrote = true;
        }
        if wrote { self.socket.flush().await } else { Ok(()) }
    }

    fn answered(&mut self, said: &Downlink) -> Result<()> {
        let (serial, intended) = self.waiting.pop_front().context("an answer to nothing")?;
        ensure!(said.serial == Some(serial), "answers out of order: {:?} instead of {serial}", said.serial);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.answered(&said.event, intended, Instant::now())
    }
}

impl Tally {
    fn new(window: (Instant, Instant)) -> Self {
        let (latencies, refused) = (Latencies::new(), BTreeMap::new());
        Self { window, latencies, acked: 0, refused, unanswered: 0, unsent: 0 }
    }

    fn answered(&mut self, event: &Event, intended: Instant, now: Instant) -> Result<()> {
        let (from, until) = self.window;
        match event {
            Event::Accepted { .. } => {
                if (from..until).contains(&now) {
                    self.acked += 1;
                }
                if (from..until).contains(&intended) {
                    self.latencies.record(now - intended);
                }
            }
            Event::Refused { fault } | Event::Failed { fault } => {
                *self.refused.entry(format!("{} {}", fault.code, fault.reason)).or_default() += 1;
            }
            other => bail!("the server answered a message with {other:?}"),
        }
        Ok(())
    }
}

fn report(
    target: &Target,
    options: &AckOptions,
    tally: &Tally,
    load: Duration,
    server: Option<Duration>,
) -> Result<Report> {
    let mut report = Report::new("ack");
    target.describe(&mut report)?;
    report.setting("senders", "senders", options.senders.into());
    match options.rate {
        Some(rate) => report.setting("rate_per_s", "messages asked for, per second", rate.into()),
        None => report.setting("in_flight", "in flight, each", options.in_flight.into()),
    }
    report.size("size_bytes", "text of each message", options.size.into());
    report.rate("acked_per_s", "acknowledged", tally.acked, options.duration);
    let summary = tally.latencies.summary();
    report.milliseconds("ack_p50_ms", "ack p50", summary.p50);
    report.milliseconds("ack_p99_ms", "ack p99", summary.p99);
    report.milliseconds("ack_max_ms", "ack max", summary.max);
    report.distribution("acknowledged", &tally.latencies);
    report.count("samples", "latencies measured", summary.count);
    if let Some(server) = server {
        report.cpu("server_cpu", "CPU of the server", server, options.duration);
    }
    report.load_cpu(load, options.duration);
    for (fault, count) in &tally.refused {
        report.warn(format!(
            "{count} messages refused with {fault}; start the server with --client-limits off"
        ));
    }
    let refused: u64 = tally.refused.values().sum();
    report.faults("unacknowledged", "refused or unanswered", refused + tally.unanswered);
    if tally.unanswered > 0 {
        report.warn(format!("{} messages without an answer at the end", tally.unanswered));
    }
    if tally.unsent > 0 {
        report.warn(format!("{} messages never sent: the server is too far behind", tally.unsent));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use grandstand_protocol::{Code, Fault};

    use super::*;

    fn accepted() -> Event {
        Event::Accepted { message: "m".into(), timestamp: 1 }
    }

    /// Intended and answered at these seconds of a run measured from 2 to 12.
    fn tally(messages: &[(u64, u64)]) -> Tally {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut tally = Tally::new((at(2), at(12)));
        for &(intended, answered) in messages {
            tally.answered(&accepted(), at(intended), at(answered)).unwrap();
        }
        tally
    }

    #[test]
    fn acks_count_by_when_they_came_and_latencies_by_when_they_should_have_gone() {
        let tally = tally(&[(0, 1), (1, 2), (2, 3), (11, 12), (11, 17), (12, 13)]);
        assert_eq!(tally.acked, 2);
        let summary = tally.latencies.summary();
        assert_eq!(summary.count, 3);
        assert!(summary.max >= Duration::from_secs(6), "late answers count: {summary:?}");
    }

    #[test]
    fn refusals_are_counted_by_code() {
        let mut tally = tally(&[]);
        let refused = Event::Refused { fault: Fault::from(Code::MessageSentQuotaExceeded) };
        for _ in 0..2 {
            tally.answered(&refused, Instant::now(), Instant::now()).unwrap();
        }
        assert_eq!(tally.refused["4116 MESSAGE_SENT_QUOTA_EXCEEDED"], 2);
        assert!(tally.answered(&Event::Echo, Instant::now(), Instant::now()).is_err());
    }
}
