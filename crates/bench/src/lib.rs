//! Load tool: workloads over the real protocol against a running server.
//!
//! Latencies go into HDR histograms. All of the load runs on one thread, so that its CPU share says whether the
//! server or the load was the limit.

mod ack;
mod affinity;
mod endpoint;
mod idle;
mod latency;
mod machine;
pub mod options;
mod pace;
pub mod report;
mod served;
mod socket;
mod target;
mod tls;
mod transport;

use options::{Options, Workload};
use report::Report;

/// Runs what was asked for.
///
/// # Errors
/// When the server cannot be started or reached, or refuses what the workload needs.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let target = target::Target::open(options.workload.target()).await?;
    let report = match &options.workload {
        Workload::Ack(ack) => ack::run(&target, ack).await,
        Workload::Idle(idle) => idle::run(&target, idle).await,
    };
    target.close().await?;
    report
}
