//! `history`: how long a page takes out of a long history, at random places.

mod filling;

use std::{
    process,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use grandstand_protocol::{Bound, Command, Direction, Event, HistoryRequest};
use indicatif::ProgressBar;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    endpoint::Endpoint,
    latency::Latencies,
    machine, members,
    options::{HistoryOptions, PER_ADDRESS},
    report::Report,
    socket::{Socket, source},
    target::Target,
};
use filling::Filled;

/// Connections that are being made at one time.
const PARALLEL: usize = 64;

/// What the readers found, together.
struct Found {
    latencies: Latencies,
    /// Pages with fewer messages than asked for, though there are more.
    short: u64,
}

/// From when to when pages are measured.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
}

pub(crate) async fn run(target: &Target, options: &HistoryOptions) -> Result<Report> {
    members::allow_files(options.senders.max(options.clients))?;
    let filled = filling::fill(target, options).await?;
    let sockets = connect(&target.endpoint, options.clients, "reader").await?;
    let from = Instant::now() + options.warm_up;
    let window = Window { from, until: from + options.duration };
    let found = Arc::new(Mutex::new(Found { latencies: Latencies::new(), short: 0 }));
    let mut readers = JoinSet::new();
    for (number, socket) in (0..).zip(sockets) {
        let (filled, found) = (filled.clone(), Arc::clone(&found));
        readers.spawn(read(socket, filled, options.page, SmallRng::seed_from_u64(number), (window, found)));
    }
    let cpu =
        || Ok::<_, anyhow::Error>((machine::cpu(process::id())?, target.pid.map(machine::cpu).transpose()?));
    let progress = ProgressBar::new_spinner().with_message("reading");
    progress.enable_steady_tick(Duration::from_millis(200));
    sleep_until(window.from).await;
    let before = cpu()?;
    sleep_until(window.until).await;
    let after = cpu()?;
    while let Some(ended) = readers.join_next().await {
        ended.context("a reader failed")??;
    }
    progress.finish_and_clear();

    let found = found.lock().unwrap_or_else(PoisonError::into_inner);
    let mut report = tell(target, options, &found)?;
    if let Some((after, before)) = after.1.zip(before.1) {
        report.cpu("server_cpu", "CPU of the server", after - before, options.duration);
    }
    report.load_cpu(after.0 - before.0, options.duration);
    Ok(report)
}

/// Sessions `bench-WHO-0`, `bench-WHO-1` …
async fn connect(endpoint: &Endpoint, count: u32, who: &str) -> Result<Vec<Socket>> {
    let sockets = stream::iter(0..count).map(|number| async move {
        let from = source(endpoint.address, number, PER_ADDRESS);
        Socket::open(endpoint, from, &format!("bench-{who}-{number}")).await
    });
    sockets.buffer_unordered(PARALLEL).try_collect().await
}

/// Reads one page after the other.
async fn read(
    mut socket: Socket,
    filled: Filled,
    page: i32,
    mut rng: SmallRng,
    (window, found): (Window, Arc<Mutex<Found>>),
) -> Result<()> {
    loop {
        let asked = Instant::now();
        if asked >= window.until {
            return Ok(());
        }
        let place = rng.random_range(filled.from..=filled.to);
        let request = HistoryRequest {
            room: filled.room.as_str().into(),
            limit: Some(page),
            start: Bound { timestamp: Some(place), ..Bound::default() },
            end: Bound::default(),
            direction: Direction::Old,
            lctype: None,
        };
        let items = match socket.ask(Command::History(Box::new(request))).await? {
            Event::History { items } => items,
            other => bail!("the server answered {other:?}"),
        };
        let took = asked.elapsed();
        if asked >= window.from {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.latencies.record(took);
            // Near the beginning there are no more.
            let is_first = items.first().is_none_or(|item| item.timestamp <= filled.from);
            found.short += u64::from(!is_first && items.len() < usize::try_from(page)?);
        }
    }
}

fn tell(target: &Target, options: &HistoryOptions, found: &Found) -> Result<Report> {
    let mut report = Report::new("history");
    target.describe(&mut report)?;
    report.setting("messages", "messages in the room", options.messages);
    report.size("size_bytes", "text of each message", options.size.into());
    report.setting("page", "messages in a page", u64::try_from(options.page)?);
    report.setting("clients", "clients reading, page after page", options.clients.into());
    let summary = found.latencies.summary();
    report.rate("pages_per_s", "pages read", summary.count, options.duration);
    report.milliseconds("page_p50_ms", "page p50", summary.p50);
    report.milliseconds("page_p99_ms", "page p99", summary.p99);
    report.milliseconds("page_max_ms", "page max", summary.max);
    report.faults("short_pages", "pages with messages missing", found.short);
    report.distribution("page of history", &found.latencies);
    if let Some(folder) = target.folder() {
        let bytes = i64::try_from(machine::folder_size(folder)?)?;
        report.bytes("store_bytes", "data folder", bytes);
    }
    if let Some(pid) = target.pid {
        report.bytes("server_bytes", "server", i64::try_from(machine::resident(pid)?)?);
    }
    Ok(report)
}
