//! The command line of `history`.

use std::time::Duration;

use clap::Args;

use super::TargetOptions;

/// A room with a long history, and clients that look into it.
#[derive(Debug, Args)]
pub struct HistoryOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    /// Messages in the room; what is missing is sent first. With --keep they are there for the next run
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: u64,
    /// Bytes of text in each message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5120))]
    pub size: u32,
    /// Connections that send what is missing
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: u32,
    /// Messages of a page
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub page: i32,
    /// Connections that read, each one page after the other
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Not measured, at the start
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Measured
    #[arg(long, default_value = "10s", value_parser = super::positive)]
    pub duration: Duration,
}
