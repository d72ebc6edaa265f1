//! `soak`: clients come, talk and go, rooms are made and emptied; what grows that should not?

mod growth;
mod visit;

use std::{
    collections::BTreeMap,
    process,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use grandstand_protocol::RoomId;
use indicatif::ProgressBar;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    admin, machine, members,
    options::SoakOptions,
    report::{Report, per_second},
    target::Target,
};
use growth::Growth;
use visit::Visitor;

/// How often visits begin: those that are due since the last time.
const BEAT: Duration = Duration::from_millis(10);

/// Visits at one time. More are not begun, and told as missed.
const AT_ONCE: usize = 8000;

/// Visits before the first look: what a server makes once, it has made then.
const FIRST: u32 = 200;

/// How long figures may take to come back after the last visit.
const SETTLE: Duration = Duration::from_secs(60);

/// A figure is back if it is higher by no more than this share, or by one.
const TOLERANCE: f64 = 0.01;

/// What the visitors found, together.
#[derive(Default)]
struct Tally {
    done: u64,
    rooms_made: u64,
    returned: u64,
    /// By cause.
    failures: BTreeMap<String, u64>,
}

/// What must be the same at the end: gauges, and open files.
type Stock = BTreeMap<String, f64>;

struct Soak<'a> {
    target: &'a Target,
    options: &'a SoakOptions,
    pid: u32,
    admin: &'a str,
    visitor: Arc<Visitor>,
    tally: Arc<Mutex<Tally>>,
    visits: JoinSet<()>,
    begun: u32,
    missed: u64,
}

pub(crate) async fn run(target: &Target, options: &SoakOptions) -> Result<Report> {
    if options.warm_up >= options.duration {
        bail!("the warm-up must end before the run does");
    }
    members::allow_files(u32::try_from(AT_ONCE)?)?;
    let pid = target.pid.context("whose memory? name the server with --server-pid")?;
    let admin = target.admin.as_deref().context("where are its figures? name its port with --admin")?;
    let (_maker, rooms) = standing_rooms(target, options.rooms).await?;
    let visitor = Arc::new(Visitor { endpoint: target.endpoint.clone(), rooms, stay: options.stay });
    let (tally, visits) = (Arc::default(), JoinSet::new());
    let mut soak = Soak { target, options, pid, admin, visitor, tally, visits, begun: 0, missed: 0 };

    for _ in 0..FIRST {
        soak.begin();
        sleep(BEAT).await;
    }
    soak.end().await?;
    let before = soak.settled(None).await?;
    let load = machine::cpu(process::id())?;
    let growth = soak.churn().await?;
    let load = machine::cpu(process::id())? - load;
    soak.end().await?;
    let after = soak.settled(Some(&before)).await?;
    soak.tell(&before, &after, &growth, load)
}

/// Rooms that stay, with their maker.
async fn standing_rooms(target: &Target, count: u32) -> Result<(crate::socket::Socket, Vec<RoomId>)> {
    let (mut maker, first) = members::make_room(&target.endpoint, "bench soak 0").await?;
    let mut rooms = vec![first];
    for number in 1..count {
        rooms.push(members::make_another(&mut maker, &format!("bench soak {number}")).await?);
    }
    Ok((maker, rooms))
}

impl Soak<'_> {
    fn begin(&mut self) {
        let (visitor, tally, number) = (Arc::clone(&self.visitor), Arc::clone(&self.tally), self.begun);
        self.begun += 1;
        self.visits.spawn(async move {
            let kind = visit::Kind::of(number);
            let ended = visitor.visit(number, kind).await;
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            match ended {
                Ok(()) => tally.done += 1,
                Err(error) => *tally.failures.entry(error.root_cause().to_string()).or_default() += 1,
            }
            tally.rooms_made += u64::from(kind == visit::Kind::MakesRoom);
            tally.returned += u64::from(kind == visit::Kind::ComesBack);
        });
    }

    async fn end(&mut self) -> Result<()> {
        while let Some(ended) = self.visits.join_next().await {
            ended.context("a visit failed")?;
        }
        Ok(())
    }

    /// Visits at the asked rate, and the server's memory in each second.
    async fn churn(&mut self) -> Result<Growth> {
        let progress = ProgressBar::new(self.options.duration.as_secs());
        progress.set_style(crate::report::bar("{msg} {wide_bar} {pos}/{len} s"));
        let (start, first) = (Instant::now(), self.begun);
        let mut growth = Growth::default();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = Duration::ZERO;
        while start.elapsed() < self.options.duration {
            beat.tick().await;
            while self.visits.try_join_next().is_some() {}
            let elapsed = start.elapsed();
            let due = (elapsed.as_secs_f64() * f64::from(self.options.rate)) as u64;
            for _ in u64::from(self.begun - first) + self.missed..due {
                if self.visits.len() < AT_ONCE { self.begin() } else { self.missed += 1 }
            }
            if elapsed >= looked + Duration::from_secs(1) {
                looked = elapsed;
                let resident = machine::resident(self.pid)?;
                if elapsed >= self.options.warm_up {
                    growth.add(elapsed, resident);
                }
                progress.set_position(elapsed.as_secs());
                progress.set_message(format!("{} visits, {} MiB", self.begun - first, resident >> 20));
            }
        }
        progress.finish_and_clear();
        Ok(growth)
    }

    /// Figures once they are what they were, or when they have had their time.
    async fn settled(&self, before: Option<&Stock>) -> Result<Stock> {
        let until = Instant::now() + SETTLE;
        loop {
            let mut stock = admin::gauges(self.admin).await?;
            stock.retain(|name, _| is_stock(name));
            stock.insert("open files".to_owned(), machine::files(self.pid)? as f64);
            let connections = stock.get("grandstand_connections").copied().unwrap_or_default();
            // At first, only the maker is connected.
            let is_back = before.map_or(connections <= 1.0, |before| higher(before, &stock).is_empty());
            if is_back || Instant::now() >= until {
                return Ok(stock);
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn tell(self, before: &Stock, after: &Stock, growth: &Growth, load: Duration) -> Result<Report> {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = Report::new("soak");
        self.target.describe(&mut report)?;
        report.setting("visits_asked_per_s", "visits asked for, per second", self.options.rate.into());
        report.setting("duration_s", "seconds", self.options.duration.as_secs());
        report.setting("warm_up_s", "of them warm-up", self.options.warm_up.as_secs());
        report.setting("rooms", "rooms that stay", self.options.rooms.into());
        report.count("visits", "visits", tally.done);
        report.count("rooms_made", "rooms made and emptied", tally.rooms_made);
        report.count("returned", "returns after a lost connection", tally.returned);
        report.faults("visits_failed", "visits that failed", tally.failures.values().sum());
        report.bytes("server_bytes", "server, mean after the warm-up", growth.mean() as i64);
        report.growth("growth_per_10_min", "its growth per 10 minutes", growth.per_ten_minutes());
        if let Some(folder) = self.target.folder() {
            let bytes = i64::try_from(machine::folder_size(folder)?)?;
            report.bytes("store_bytes", "data folder, at the end", bytes);
        }
        let files = |stock: &Stock| stock.get("open files").copied().unwrap_or_default() as u64;
        report.count("files_before", "open files of the server, before", files(before));
        report.count("files_after", "open files of the server, after", files(after));
        let higher = higher(before, after);
        report.count("stock_figures", "figures that must come back", u64::try_from(before.len())?);
        report.faults("not_back", "figures that did not", u64::try_from(higher.len())?);
        report.load_cpu(load, self.options.duration);
        for (name, [before, after]) in higher {
            report.warn(format!("{name}: {before} before, {after} after"));
        }
        for (cause, count) in &tally.failures {
            report.warn(format!("{count} visits failed: {cause}"));
        }
        let asked = self.missed + u64::from(self.begun);
        if self.missed > 0 {
            report.warn(format!("{} of {asked} visits did not begin: too many at one time", self.missed));
        }
        if per_second(tally.done, self.options.duration) < 0.95 * f64::from(self.options.rate) {
            report.warn("fewer visits than asked for: the load or the server was too slow");
        }
        Ok(report)
    }
}

/// Times and rates are no stock.
fn is_stock(name: &str) -> bool {
    !["uptime", "seconds", "kept", "bytes", "_lag"].iter().any(|part| name.contains(part))
}

/// What is higher than it was.
fn higher(before: &Stock, after: &Stock) -> Vec<(String, [f64; 2])> {
    let pairs =
        after.iter().map(|(name, &after)| (name, before.get(name).copied().unwrap_or_default(), after));
    let higher = pairs.filter(|(_, before, after)| *after > before * (1.0 + TOLERANCE) + 1.0);
    higher.map(|(name, before, after)| (name.clone(), [before, after])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(figures: &[(&str, f64)]) -> Stock {
        figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn what_grew_is_named() {
        let before = stock(&[("sessions", 1.0), ("open files", 40.0), ("rooms", 1000.0)]);
        let after = stock(&[("sessions", 2.0), ("open files", 43.0), ("rooms", 1010.0), ("tasks", 2.5)]);
        let expected = [("open files".to_owned(), [40.0, 43.0]), ("tasks".to_owned(), [0.0, 2.5])];
        assert_eq!(higher(&before, &after), expected);
    }

    #[test]
    fn times_are_no_stock() {
        assert!(is_stock("grandstand_sessions") && is_stock("grandstand_deliveries_pending{level=\"high\"}"));
        assert!(
            !is_stock("grandstand_uptime_seconds") && !is_stock("grandstand_thinning_kept{level=\"low\"}")
        );
    }
}
