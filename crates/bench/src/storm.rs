//! `storm`: all members lose their connections in one moment and come back, while HIGH messages are sent to them.

mod member;
mod tally;

use std::{collections::BTreeMap, mem, process, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use grandstand_protocol::{Body, Command, Event, Level, Mentions, RoomId, Send};
use indicatif::ProgressBar;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};

use crate::{
    machine,
    members::{self, Crowd},
    options::{PARALLEL, StormOptions},
    report::Report,
    socket::Socket,
    target::Target,
};
use member::Member;
use tally::{GIFTS, Tally};

/// How often HIGH messages are sent during the storm.
const GIFT_EVERY: Duration = Duration::from_secs(1);

/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// For messages on their way when everybody is back.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Before the storm, who could not join tries again so often …
const RETRIES: u32 = 5;

/// … and waits so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Joined {
    sockets: Vec<(u32, Socket)>,
    missing: Vec<u32>,
    /// By cause.
    failures: BTreeMap<String, u64>,
}

/// From the start of the storm to its end.
struct Storm {
    gifts: u32,
    /// In the room at the end, as the server counts.
    online: u32,
    lasted: Duration,
    steady: Option<u64>,
    peak: Option<u64>,
    server: Option<Duration>,
    load: Duration,
}

pub(crate) async fn run(target: &Target, options: &StormOptions) -> Result<Report> {
    members::allow_files(options.members)?;
    let (mut maker, room) = members::make_room(&target.endpoint, "bench storm").await?;
    let everybody = options.connect_only.then_some(options.members);
    let parallel = options.parallel.or(everybody).unwrap_or(PARALLEL);
    let crowd = Crowd {
        endpoint: &target.endpoint,
        room: &room,
        parallel: usize::try_from(parallel)?,
        per_address: options.per_address,
    };
    let mut report = Report::new("storm");
    target.describe(&mut report)?;
    report.setting("members", "members", options.members.into());

    let load = machine::cpu(process::id())?;
    let started = Instant::now();
    let mut joined = connect(crowd, (0..options.members).collect()).await?;
    let joining = started.elapsed();
    let load = machine::cpu(process::id())? - load;
    report.setting("parallel", "connections being made at one time", parallel.into());
    report.rate("joins_per_s", "connected, opened and joined", u64::try_from(joined.sockets.len())?, joining);
    report.faults("joins_failed", "failed to", joined.failures.values().sum());
    for (cause, count) in &joined.failures {
        report.warn(format!("{count} could not connect, open and join: {cause}"));
    }
    if options.connect_only {
        report.load_cpu(load, joining);
        return Ok(report);
    }
    connect_the_rest(crowd, &mut joined).await?;
    let tally = Arc::new(Tally::new(options.members));
    let storm = storm(target, options, crowd, joined.sockets, (&mut maker, &tally)).await?;
    tell(&mut report, options, &tally, &storm);
    Ok(report)
}

/// All who could join, and why others could not.
async fn connect(crowd: Crowd<'_>, numbers: Vec<u32>) -> Result<Joined> {
    let progress = ProgressBar::new(u64::try_from(numbers.len())?);
    progress.set_style(crate::report::bar("joined {wide_bar} {pos}/{len}, {per_sec}"));
    let mut attempts = std::pin::pin!(crowd.join(numbers));
    let mut joined = Joined::default();
    while let Some((number, socket)) = attempts.next().await {
        match socket {
            Ok(socket) => joined.sockets.push((number, socket)),
            Err(error) => {
                joined.missing.push(number);
                *joined.failures.entry(error.root_cause().to_string()).or_default() += 1;
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(joined)
}

/// Who could not join tries again: the storm is for all.
async fn connect_the_rest(crowd: Crowd<'_>, joined: &mut Joined) -> Result<()> {
    for _ in 0..RETRIES {
        if joined.missing.is_empty() {
            return Ok(());
        }
        sleep(RETRY_AFTER).await;
        let more = connect(crowd, mem::take(&mut joined.missing)).await?;
        joined.sockets.extend(more.sockets);
        joined.missing = more.missing;
    }
    bail!("{} members could not join before the storm", joined.missing.len())
}

async fn storm(
    target: &Target,
    options: &StormOptions,
    crowd: Crowd<'_>,
    sockets: Vec<(u32, Socket)>,
    (maker, tally): (&mut Socket, &Arc<Tally>),
) -> Result<Storm> {
    let (cut, is_cut) = watch::channel(None);
    let mut tasks = JoinSet::new();
    for (number, socket) in sockets {
        let member = Member {
            endpoint: target.endpoint.clone(),
            from: crowd.source(number),
            number,
            at_once: options.at_once,
            tally: Arc::clone(tally),
        };
        tasks.spawn(member.live(socket, is_cut.clone()));
    }
    sleep(options.settle).await;

    let cpu =
        || Ok::<_, anyhow::Error>((machine::cpu(process::id())?, target.pid.map(machine::cpu).transpose()?));
    let steady = target.pid.map(machine::resident).transpose()?;
    let before = cpu()?;
    let start = Instant::now();
    cut.send(Some(start)).ok().context("the members ended before the storm")?;
    tally.all_cut().await;
    let (gifts, peak) = tokio::try_join!(
        give(maker, crowd.room, tally, start + options.patience),
        highest(target.pid, tally, steady)
    )?;
    // Members of whom none is missing any more get the rest of what is on its way.
    timeout(LAST_WORDS, tally.all_given(gifts)).await.ok();
    let (lasted, after) = (start.elapsed(), cpu()?);
    let online = members::online(maker, crowd.room).await?;
    tasks.shutdown().await;
    let server = after.1.zip(before.1).map(|(after, before)| after - before);
    Ok(Storm { gifts, online, lasted, steady, peak, server, load: after.0 - before.0 })
}

/// Sends HIGH messages until all are back, and one more for those who have just come. Returns how many.
async fn give(maker: &mut Socket, room: &RoomId, tally: &Tally, until: Instant) -> Result<u32> {
    let progress = ProgressBar::new(tally.members().into());
    progress.set_style(crate::report::bar("back {wide_bar} {pos}/{len}, {elapsed}"));
    let mut beat = interval(GIFT_EVERY);
    for gift in 0..GIFTS {
        beat.tick().await;
        let is_last = tally.back() == tally.members() || Instant::now() >= until || gift + 1 == GIFTS;
        send(maker, room, gift).await?;
        progress.set_position(tally.back().into());
        if is_last {
            tally.end();
            progress.finish_and_clear();
            return Ok(gift + 1);
        }
    }
    bail!("no message was the last");
}

async fn send(maker: &mut Socket, room: &RoomId, gift: u32) -> Result<()> {
    let message = Send {
        room: room.clone(),
        body: Body::Text(member::gift(gift)),
        level: Some(Level::High),
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    };
    match maker.ask(Command::Send(Box::new(message))).await? {
        Event::Accepted { .. } => Ok(()),
        other => bail!("the server answered a message with {other:?}"),
    }
}

/// The most memory that the server was seen to have until the end of the storm.
async fn highest(pid: Option<u32>, tally: &Tally, steady: Option<u64>) -> Result<Option<u64>> {
    let (Some(pid), Some(mut highest)) = (pid, steady) else { return Ok(None) };
    let mut beat = interval(LOOK);
    while !tally.has_ended() {
        beat.tick().await;
        highest = highest.max(machine::resident(pid)?);
    }
    Ok(Some(highest))
}

fn tell(report: &mut Report, options: &StormOptions, tally: &Tally, storm: &Storm) {
    let how =
        if options.at_once { "at once" } else { "after 1 s, 2 s, 4 s … and up to half as much again" };
    report.text("comeback", "members try to come back", how);
    let found = tally.found();
    report.milliseconds("opened_p99_ms", "session open again, p99", found.opened.summary().p99);
    report.milliseconds("back_p50_ms", "first HIGH message after return, p50", found.back.summary().p50);
    report.milliseconds("back_p99_ms", "first HIGH message after return, p99", found.back.summary().p99);
    report.milliseconds("all_back_ms", "all back in the room", found.back.summary().max);
    let peak = found.opened_in.iter().copied().max().unwrap_or_default();
    report.rate("returns_per_s", "returned in the busiest second", peak, Duration::from_secs(1));
    report.faults("not_back", "never back", u64::from(options.members) - found.back.summary().count);
    report.faults("attempts_failed", "failed attempts", found.failures.values().sum());
    let expected = u64::from(storm.gifts) * u64::from(options.members);
    report.count("high_sent", "HIGH messages sent", storm.gifts.into());
    report.share("high_delivered_share", "HIGH messages delivered", found.received, expected);
    report.count("high_doubled", "HIGH messages that came twice", found.doubled);
    if let (Some(steady), Some(peak)) = (storm.steady, storm.peak) {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        report.bytes("server_steady_bytes", "server, before", signed(steady));
        report.bytes("server_peak_bytes", "server, most", signed(peak));
        report.ratio("server_peak_ratio", "most / before", peak as f64 / steady as f64);
    }
    if let Some(server) = storm.server {
        report.cpu("server_cpu", "CPU of the server", server, storm.lasted);
    }
    report.load_cpu(storm.load, storm.lasted);
    report.distribution("session open again", &found.opened);
    report.distribution("first HIGH message", &found.back);
    // The sender is in the room as well.
    let everybody = options.members + 1;
    if storm.online != everybody {
        report.warn(format!("the server counts {} online instead of {everybody}", storm.online));
    }
    for (reason, count) in &found.failures {
        report.warn(format!("{count} attempts failed: {reason}"));
    }
}
