//! `fan`: messages to all members of rooms. `floor`: the same without a server.

mod figures;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    affinity::Split,
    floor::process::FloorProcess,
    ledger::Ledger,
    machine,
    measured::{Measured, median},
    options::{FanOptions, FloorMode, FloorOptions, TempoOptions, TrafficOptions},
    publisher::floor_frame,
    publishing::Tempo,
    report::Report,
    stage::{self, Part, Stage},
    target::Target,
};

use figures::{FLOOR, describe_tempo};
pub(crate) use figures::{SERVER, describe, tell, warn};

/// Rounds when two are compared.
const ROUNDS: u32 = 3;

pub(crate) async fn run(target: &Target, options: &FanOptions) -> Result<Report> {
    let FanOptions { traffic, against_floor, .. } = options;
    let tempo = tempo(&options.tempo);
    let rounds = options.rounds.unwrap_or(if against_floor.is_some() { ROUNDS } else { 1 });
    let mut server = Stage::of_server(target, traffic, &Part::all(traffic)).await?;
    let mut floor = match against_floor {
        Some(mode) => Some(floor(*mode, traffic, options.target.pin).await?),
        None => None,
    };
    let before = Ledger::read(target).await?;
    let (mut of_server, mut of_floor) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_server.push(server.measure(tempo, traffic.warm_up, traffic.duration).await?);
        if let Some((stage, _)) = &mut floor {
            of_floor.push(stage.measure(tempo, traffic.warm_up, traffic.duration).await?);
        }
    }
    let memory = target.pid.map(machine::resident).transpose()?;
    let after = Ledger::read(target).await?;
    server.close().await?;
    if let Some((stage, process)) = floor {
        stage.close().await?;
        process.stop().await?;
    }

    let mut report = Report::new("fan");
    target.describe(&mut report)?;
    describe(&mut report, traffic, rounds);
    describe_tempo(&mut report, tempo);
    tell(&mut report, &SERVER, traffic, &of_server);
    after.tell(&before, &mut report);
    if let Some(memory) = memory {
        report.bytes("server_bytes", "memory of the server", i64::try_from(memory)?);
    }
    warn(&mut report, &of_server);
    if let Some(mode) = against_floor {
        report.text("floor", "floor", mode.name());
        tell(&mut report, &FLOOR, traffic, &of_floor);
        warn(&mut report, &of_floor);
        compare(&mut report, &of_server, &of_floor);
    }
    Ok(report)
}

/// The workload `floor`.
pub(crate) async fn run_floor(options: &FloorOptions) -> Result<Report> {
    let tempo = tempo(&options.tempo);
    let (mut stage, process) = floor(options.mode, &options.traffic, options.pin).await?;
    let mut measured = Vec::new();
    for _ in 0..options.rounds {
        measured.push(stage.measure(tempo, options.traffic.warm_up, options.traffic.duration).await?);
    }
    stage.close().await?;
    process.stop().await?;
    let mut report = Report::new("floor");
    report.text("mode", "in one write", options.mode.name());
    describe(&mut report, &options.traffic, options.rounds);
    describe_tempo(&mut report, tempo);
    tell(&mut report, &SERVER, &options.traffic, &measured);
    warn(&mut report, &measured);
    Ok(report)
}

async fn floor(mode: FloorMode, traffic: &TrafficOptions, pin: bool) -> Result<(Stage, FloorProcess)> {
    ensure!(traffic.rooms == 1, "the floor knows no rooms: use --rooms 1");
    let start = FloorProcess::start(mode, floor_frame(0, stage::look(traffic)).len());
    let process = if pin { Split::new()?.apart(start).await } else { start.await }?;
    Ok((Stage::of_floor(&process, traffic).await?, process))
}

pub(crate) fn tempo(options: &TempoOptions) -> Tempo {
    options.rate.map_or(Tempo::InFlight(options.in_flight), Tempo::Rate)
}

/// How many times the floor's cost the server's is: round by round, since both change with the machine's mood.
fn compare(report: &mut Report, server: &[Measured], floor: &[Measured]) {
    let ratio = |of: &dyn Fn(&Measured) -> Option<f64>| {
        let pairs = server.iter().zip(floor);
        median(pairs.filter_map(|(server, floor)| Some(of(server)? / of(floor)?)).collect())
    };
    let milliseconds = |time: Duration| Some(time.as_secs_f64()).filter(|time| *time > 0.0);
    if let Some(cpu) = ratio(&Measured::cpu_per_delivery) {
        report.ratio("cpu_ratio", "CPU per delivery, of the floor's", cpu);
    }
    if let Some(p99) = ratio(&|measured| milliseconds(measured.latencies().summary().p99)) {
        report.ratio("p99_ratio", "p99, of the floor's", p99);
    }
    if let Some(p99) = ratio(&|measured| milliseconds(measured.to_the_last().p99)) {
        report.ratio("last_p99_ratio", "p99 to the last member, of the floor's", p99);
    }
}
