//! The command line of `soak`.

use std::time::Duration;

use clap::Args;

use super::TargetOptions;

/// Clients come, talk and go; rooms are made and emptied. At the end the server must be what it was.
#[derive(Debug, Args)]
pub struct SoakOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    /// Visits begun in each second: a connection, a login, a room
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Rooms that stay, beside those that are made and emptied
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Longest stay in a room
    #[arg(long, default_value = "1s", value_parser = super::positive)]
    pub stay: Duration,
    /// Memory may grow in this first part, until what is bounded is full: the store's caches, which fill as the store
    /// grows (128 MiB), the places of 50,000 rooms, and what became of the messages of ten minutes
    #[arg(long, default_value = "20m", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// The whole run, with the warm-up
    #[arg(long, default_value = "40m", value_parser = super::positive)]
    pub duration: Duration,
}
