//! The command line of `storm`.

use std::time::Duration;

use clap::Args;

use super::{PER_ADDRESS, TargetOptions};

/// All members lose their connections in one moment, and come back.
#[derive(Debug, Args)]
pub struct StormOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    /// Members
    #[arg(long, default_value_t = 18_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Connections that are being made at one time before the storm; with --connect-only, all unless this says less
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub parallel: Option<u32>,
    /// Sockets from each of 127.0.0.2, 127.0.0.3 … when the server is on loopback
    #[arg(long, default_value_t = PER_ADDRESS, value_parser = clap::value_parser!(u32).range(1..=28_000))]
    pub per_address: u32,
    /// Everybody comes back in the same moment, rather than a second later and spread as SDKs are
    #[arg(long)]
    pub at_once: bool,
    /// No storm: only how fast members connect, open and join
    #[arg(long, conflicts_with = "at_once")]
    pub connect_only: bool,
    /// Silence before the storm
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// Who is not back after this time is counted as lost
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub patience: Duration,
}
