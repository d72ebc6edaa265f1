//! Options of `rest`.

use std::time::Duration;

use clap::Args;

use super::TargetOptions;

/// An app's back end that sends into one room, which nobody is in.
#[derive(Debug, Args)]
pub struct RestOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    /// The app's master key, for --url
    #[arg(long, env = "GRANDSTAND_MASTER_KEY", hide_env_values = true, default_value = crate::served::MASTER_KEY)]
    pub master_key: String,
    /// Connections, each with one message on its way
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub senders: u32,
    /// Messages per second of all together, at fixed times; latency counts from those. Without it, each answer is
    /// followed by the next message
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Bytes of text in each message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub size: u32,
    /// A hook is asked about each message: an engine of the tool's own, without an opinion
    #[arg(long, requires = "serve")]
    pub hook: bool,
    /// Not measured, at the start
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Measured
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
}
