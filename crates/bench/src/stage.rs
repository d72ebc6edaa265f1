//! All that a measurement needs: members who listen, publishers, and the process that brings one to the other.

use std::{process, time::Duration};

use anyhow::{Context, Result};
use grandstand_protocol::{Command, Event, RoomId};
use indicatif::ProgressBar;
use tokio::task::spawn_blocking;

use crate::{
    affinity, busy, clock,
    fleet::{Fleet, Status},
    floor::{self, process::FloorProcess},
    load::room_size,
    machine,
    measured::Measured,
    members::make_room,
    options::TrafficOptions,
    order::{Crew, Findings, Host, Reading, Run},
    publisher::{Look, Publisher, client_id},
    publishing::{Program, Published, Tempo, publish},
    report::per_second,
    socket::{Dial, Socket},
    target::Target,
};

/// From the order to the first message.
const GET_READY: Duration = Duration::from_millis(100);

/// What is still on its way at the end is waited for until nothing has come for this time …
const SILENCE: u64 = 1_000_000;

/// … and not longer than this.
const DRAIN: u64 = 30_000_000;

/// How often it is looked.
const LOOK: u64 = 20_000;

/// Who reads again after a long time waits for the next probe of the server's kernel, and each comes later than the one
/// before: nobody is given up within this time …
const STANDSTILL: u64 = 20_000_000;

/// … or after this one.
const CATCH_UP: u64 = 120_000_000;

pub(crate) struct Stage {
    pub(crate) fleet: Fleet,
    pub(crate) publishers: Vec<Publisher>,
    /// Members who are slow, in the same rooms.
    slow: Option<Fleet>,
    /// Where members go.
    host: Host,
    rooms: Vec<String>,
    traffic: TrafficOptions,
    /// For its CPU time.
    pid: Option<u32>,
    /// Whether publishers get answers.
    answered: bool,
    runs: u32,
}

/// A part of the members: some workloads have several fleets in the same rooms.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) members: u32,
    pub(crate) name: String,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) reading: Reading,
}

impl Part {
    /// All members, who read.
    pub(crate) fn all(traffic: &TrafficOptions) -> Self {
        let (members, name) = (traffic.members, "bench-member".to_owned());
        Self { members, name, receive_buffer: None, reading: Reading::All }
    }
}

impl Stage {
    pub(crate) async fn of_server(target: &Target, traffic: &TrafficOptions, part: &Part) -> Result<Self> {
        let rooms = make_rooms(target, traffic.rooms).await?;
        let names: Vec<_> = rooms.iter().map(|room| room.as_str().to_owned()).collect();
        let host = Host::Server(target.endpoint.clone());
        let fleet = join(&host, traffic, part, &names, 0).await?;
        let mut publishers = Vec::new();
        for number in 0..traffic.publishers {
            let socket = Socket::dial(&target.endpoint, Dial::default(), &client_id(number)).await?;
            let room = &rooms[usize::from(number) % rooms.len()];
            publishers.push(Publisher::of_server(socket, number, room, look(traffic))?);
        }
        Ok(Self {
            fleet,
            publishers,
            slow: None,
            host,
            rooms: names,
            traffic: traffic.clone(),
            pid: target.pid,
            answered: true,
            runs: 0,
        })
    }

    pub(crate) async fn of_floor(floor: &FloorProcess, traffic: &TrafficOptions) -> Result<Self> {
        let host = Host::Floor(floor.address);
        let rooms = vec![String::new()];
        let fleet = join(&host, traffic, &Part::all(traffic), &rooms, 0).await?;
        let mut publishers = Vec::new();
        for number in 0..traffic.publishers {
            let transport = floor::process::connect(floor.address, Dial::default()).await?;
            publishers.push(Publisher::of_floor(transport, number, look(traffic))?);
        }
        let pid = Some(floor.pid);
        let traffic = traffic.clone();
        Ok(Self { fleet, publishers, slow: None, host, rooms, traffic, pid, answered: false, runs: 0 })
    }

    /// More members come into the rooms. They count the same runs, and are not measured with the others.
    pub(crate) async fn join_slow(&mut self, part: &Part) -> Result<()> {
        self.slow = Some(join(&self.host, &self.traffic, part, &self.rooms, self.fleet.members).await?);
        Ok(())
    }

    /// What the slow members have. If so many HIGH deliveries are expected, they first read everything, come back if
    /// they must, and are waited for.
    pub(crate) async fn finish_slow(&mut self, high: Option<u64>) -> Result<Findings> {
        let slow = self.slow.as_mut().context("nobody is slow")?;
        if let Some(high) = high {
            slow.read(Reading::All).await?;
            catch_up(slow, &self.host, high).await?;
        }
        slow.finish().await
    }

    /// Publishes for a while and says what became of it.
    pub(crate) async fn measure(
        &mut self,
        tempo: Tempo,
        warm_up: Duration,
        duration: Duration,
    ) -> Result<Measured> {
        self.runs += 1;
        let start = clock::now() + clock::micros(GET_READY);
        let from = start + clock::micros(warm_up);
        let until = from + clock::micros(duration);
        let run = Run {
            id: process::id() << 12 | (self.runs & 0xfff),
            publishers: self.traffic.publishers,
            size: self.traffic.size,
            from,
            until,
            verify: self.traffic.verify,
            // Others are promised none.
            ordered: !self.traffic.transient,
            tell: matches!(tempo, Tempo::InFlight(_)),
        };
        let arrived = self.fleet.begin(run).await?;
        if let Some(slow) = &mut self.slow {
            slow.begin(Run { tell: false, ..run }).await?;
        }
        let (mix, answered) = (self.traffic.levels, self.answered);
        let program = Program { run: run.id, tempo, mix, start, from, until, answered };
        let mut publishers = std::mem::take(&mut self.publishers);
        let publishing = spawn_blocking(move || {
            let published = publish(&mut publishers, program, &arrived);
            (publishers, published)
        });
        clock::sleep_until(from).await;
        let (before, busy) = (self.cpu()?, busy::now()?);
        self.show_progress(from, until).await?;
        clock::sleep_until(until).await;
        let (after, busy) = (self.cpu()?, busy::now()? - busy);
        let (publishers, published) = publishing.await.context("publishing failed")?;
        self.publishers = publishers;
        let published = published?;
        self.drain(&published).await?;
        let server = after.0.zip(before.0).map(|(after, before)| after - before);
        let load: Vec<_> = after.1.iter().zip(before.1).map(|(after, before)| *after - before).collect();
        let ours = load.iter().sum::<Duration>() + server.unwrap_or_default();
        Ok(Measured {
            found: self.fleet.finish().await?,
            published,
            duration,
            server,
            load,
            cores: affinity::cores()?,
            // Of a server elsewhere nothing is known.
            others: server.map_or(Duration::ZERO, |_| busy.saturating_sub(ours)),
            members: (0..self.traffic.rooms).map(|room| self.room_size(room)).collect(),
        })
    }

    fn room_size(&self, room: u32) -> u32 {
        room_size(self.fleet.members, self.fleet.rooms, room)
    }

    /// CPU time: of who serves, if that is known; of the load's processes, this one first.
    fn cpu(&self) -> Result<(Option<Duration>, Vec<Duration>)> {
        let mut load = vec![machine::cpu(process::id())?];
        load.extend(self.fleet.cpu()?);
        if let Some(slow) = &self.slow {
            load.extend(slow.cpu()?);
        }
        Ok((self.pid.map(machine::cpu).transpose()?, load))
    }

    /// On terminals: deliveries of each second.
    async fn show_progress(&mut self, from: u64, until: u64) -> Result<()> {
        let second = clock::micros(Duration::from_secs(1));
        let progress = ProgressBar::new((until - from).div_ceil(second));
        if progress.is_hidden() {
            return Ok(());
        }
        progress.set_style(crate::report::bar("{msg} {wide_bar} {pos}/{len} s"));
        let (mut at, mut last) = (from, self.fleet.status().await?.total());
        while at + second <= until {
            at += second;
            clock::sleep_until(at).await;
            let received = self.fleet.status().await?.total();
            let rate = per_second(received - last, Duration::from_secs(1));
            progress.set_message(format!("{rate:.0} deliveries/s"));
            progress.inc(1);
            last = received;
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Waits for what is on its way.
    async fn drain(&mut self, published: &Published) -> Result<()> {
        let deliveries = (0..).zip(&published.sent).map(|(publisher, sent)| {
            let members = u64::from(self.room_size(publisher % self.fleet.rooms));
            sent.iter().map(|&sent| u64::from(sent)).sum::<u64>() * members
        });
        let expected = deliveries.sum();
        drain(&mut self.fleet, expected).await
    }

    pub(crate) async fn close(self) -> Result<()> {
        if let Some(slow) = self.slow {
            slow.leave().await?;
        }
        self.fleet.leave().await
    }
}

/// Waits until so much has come, or nothing more does.
async fn drain(fleet: &mut Fleet, expected: u64) -> Result<()> {
    let mut watch = Watch::new();
    while watch.look(fleet).await?.total() < expected && watch.quiet() < SILENCE && watch.age() < DRAIN {
        clock::sleep_until(clock::now() + LOOK).await;
    }
    Ok(())
}

/// Waits until all HIGH messages have come and nothing more does. Who has been closed comes back.
async fn catch_up(fleet: &mut Fleet, host: &Host, high: u64) -> Result<()> {
    let mut watch = Watch::new();
    loop {
        let status = watch.look(fleet).await?;
        if watch.quiet() >= SILENCE {
            if status.received[0] >= high || watch.quiet() >= STANDSTILL || watch.age() >= CATCH_UP {
                return Ok(());
            }
            if let (Host::Server(endpoint), true) = (host, status.closed > 0) {
                fleet.call_back(endpoint).await?;
            }
        }
        clock::sleep_until(clock::now() + LOOK).await;
    }
}

/// Sees since when nothing has come.
struct Watch {
    start: u64,
    since: u64,
    last: u64,
    now: u64,
}

impl Watch {
    fn new() -> Self {
        let now = clock::now();
        Self { start: now, since: now, last: 0, now }
    }

    async fn look(&mut self, fleet: &mut Fleet) -> Result<Status> {
        let status = fleet.status().await?;
        self.now = clock::now();
        if status.total() != self.last {
            (self.last, self.since) = (status.total(), self.now);
        }
        Ok(status)
    }

    fn quiet(&self) -> u64 {
        self.now - self.since
    }

    fn age(&self) -> u64 {
        self.now - self.start
    }
}

async fn join(
    host: &Host,
    traffic: &TrafficOptions,
    part: &Part,
    rooms: &[String],
    before: u32,
) -> Result<Fleet> {
    let crew = Crew {
        host: host.clone(),
        members: part.members,
        rooms: rooms.to_vec(),
        sample: traffic.sample,
        name: part.name.clone(),
        per_address: traffic.per_address,
        before,
        parallel: traffic.parallel,
        receive_buffer: part.receive_buffer,
        reading: part.reading,
    };
    Fleet::join(&crew).await
}

/// Makes rooms and leaves them: whoever makes one is in it.
async fn make_rooms(target: &Target, count: u32) -> Result<Vec<RoomId>> {
    let mut rooms = Vec::new();
    for number in 0..count {
        let (mut maker, room) = make_room(&target.endpoint, &format!("bench {number}")).await?;
        let members = vec!["bench-maker".to_owned()];
        match maker.ask(Command::Quit { room: room.clone(), members, signature: None }).await? {
            Event::Removed { .. } => rooms.push(room),
            other => anyhow::bail!("the server answered {other:?}"),
        }
    }
    Ok(rooms)
}

pub(crate) fn look(traffic: &TrafficOptions) -> Look {
    Look { size: traffic.size, transient: traffic.transient }
}
