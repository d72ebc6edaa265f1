//! Load tool: workloads over the real protocol against a running server.
//!
//! Latencies go into HDR histograms. Where members receive, they live in load processes of one thread each; every
//! other load runs on one thread. So its CPU share says whether the server or the load was the limit.

mod ack;
mod admin;
mod affinity;
mod busy;
mod clock;
mod compare;
mod endpoint;
mod fan;
mod fleet;
mod floor;
mod frame;
mod history;
mod idle;
mod latency;
mod ledger;
mod level_mix;
mod link;
mod load;
mod machine;
mod marker;
mod measured;
mod members;
pub mod options;
mod order;
mod pace;
mod plot;
mod publisher;
mod publishing;
mod receiver;
pub mod report;
mod rest;
mod search;
mod send_queue;
mod sequence;
mod served;
mod slow;
mod soak;
mod socket;
mod stage;
mod standard;
mod storm;
mod tally;
mod target;
mod tls;
mod transport;

use anyhow::Result;
use serde_json::Value;

pub use compare::Comparison;
use machine::Machine;
use options::{Options, ProcessPart, TargetOptions, Workload};
use report::Report;
pub use standard::Standard;
use target::Target;

/// What the tool has to say.
#[derive(Debug)]
pub enum Outcome {
    Run(Report),
    Comparison(Comparison),
    Standard(Standard),
    /// It was a part of the tool, and spoke to another one.
    Nothing,
}

/// Runs what was asked for.
///
/// # Errors
/// When the server cannot be started or reached, or refuses what the workload needs.
pub async fn run(options: Options) -> Result<Outcome> {
    // Before the server gets a core of its own, which is then none of this process any more.
    Machine::this();
    let report = match &options.workload {
        Workload::Standard(standard) => return standard::run(standard).await.map(Outcome::Standard),
        Workload::Compare(runs) => return compare::run(runs).map(Outcome::Comparison),
        Workload::Ack(ack) => load(&ack.target, async |target| ack::run(target, ack).await).await,
        Workload::Rest(options) => rest::measure(options).await,
        Workload::Fan(fan) => load(&fan.target, async |target| fan::run(target, fan).await).await,
        Workload::Search(search) => {
            load(&search.target, async |target| search::run(target, search).await).await
        }
        Workload::Slow(slow) => load(&slow.target, async |target| slow::run(target, slow).await).await,
        Workload::Floor(floor) => fan::run_floor(floor).await,
        Workload::Process(process) => return part(&process.part).await.map(|()| Outcome::Nothing),
        Workload::History(history) => {
            load(&history.target, async |target| history::run(target, history).await).await
        }
        Workload::Soak(soak) => load(&soak.target, async |target| soak::run(target, soak).await).await,
        Workload::Storm(storm) => load(&storm.target, async |target| storm::run(target, storm).await).await,
        Workload::Idle(idle) => load(&idle.target, async |target| idle::run(target, idle).await).await,
    }?;
    if let Some(folder) = &options.plots {
        plot::write(folder, report.workload(), &report.title(), report.plots())?;
    }
    Ok(Outcome::Run(report))
}

/// A part of the tool in a process of its own.
async fn part(part: &ProcessPart) -> Result<()> {
    match part {
        ProcessPart::Load => load::run().await,
        ProcessPart::Floor { mode, frame } => floor::process::serve(*mode, *frame),
    }
}

/// A workload against a server, which ends before its figures are told.
async fn load(
    options: &TargetOptions,
    workload: impl AsyncFnOnce(&Target) -> Result<Report>,
) -> Result<Report> {
    let target = Target::open(options).await?;
    let report = workload(&target).await;
    target.close().await?;
    report
}

impl Outcome {
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Run(report) => report.json(),
            Self::Comparison(comparison) => comparison.json(),
            Self::Standard(standard) => standard.json(),
            Self::Nothing => Value::Null,
        }
    }

    #[must_use]
    pub fn table(&self) -> String {
        match self {
            Self::Run(report) => report.table(),
            Self::Comparison(comparison) => comparison.table(),
            Self::Standard(standard) => standard.table(),
            Self::Nothing => String::new(),
        }
    }
}
