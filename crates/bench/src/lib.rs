//! Load tool: workloads over the real protocol against a running server.
//!
//! Latencies go into HDR histograms. All of the load runs on one thread, so that its CPU share says whether the
//! server or the load was the limit.

mod ack;
mod affinity;
mod compare;
mod endpoint;
mod idle;
mod latency;
mod machine;
mod members;
pub mod options;
mod pace;
mod plot;
pub mod report;
mod served;
mod socket;
mod target;
mod tls;
mod transport;

use anyhow::Result;
use serde_json::Value;

pub use compare::Comparison;
use options::{Options, TargetOptions, Workload};
use report::Report;
use target::Target;

/// What the tool has to say.
#[derive(Debug)]
pub enum Outcome {
    Run(Report),
    Comparison(Comparison),
}

/// Runs what was asked for.
///
/// # Errors
/// When the server cannot be started or reached, or refuses what the workload needs.
pub async fn run(options: Options) -> Result<Outcome> {
    let report = match &options.workload {
        Workload::Compare(runs) => return compare::run(runs).map(Outcome::Comparison),
        Workload::Ack(ack) => load(&ack.target, async |target| ack::run(target, ack).await).await,
        Workload::Idle(idle) => load(&idle.target, async |target| idle::run(target, idle).await).await,
    }?;
    if let Some(folder) = &options.plots {
        plot::write(folder, report.workload(), &report.title(), report.plots())?;
    }
    Ok(Outcome::Run(report))
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
        }
    }

    #[must_use]
    pub fn table(&self) -> String {
        match self {
            Self::Run(report) => report.table(),
            Self::Comparison(comparison) => comparison.table(),
        }
    }
}
