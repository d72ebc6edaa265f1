//! The command line.

mod fan;
mod history;
mod rest;
mod soak;
mod standard;
mod storm;

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand};

pub use fan::{
    FanOptions, FloorMode, FloorOptions, ProcessOptions, ProcessPart, SearchOptions, SlowOptions,
    TempoOptions, TrafficOptions,
};
pub use history::HistoryOptions;
pub use rest::RestOptions;
pub use soak::SoakOptions;
pub use standard::StandardOptions;
pub use storm::StormOptions;

/// Sockets from one address: the server's default limit is 5,000.
pub(crate) const PER_ADDRESS: u32 = 4000;

/// Connections that are being made at one time.
pub(crate) const PARALLEL: u32 = 256;

/// Load tool for Grandstand, over the real protocol.
///
/// Start the server yourself (with --client-limits off) and name it, or let the tool start one:
/// grandstand-bench ack --serve target/release/grandstand
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    #[command(subcommand)]
    pub workload: Workload,
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    pub json: bool,
    /// Also draw what there is to draw, as SVG files in this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub plots: Option<PathBuf>,
}

/// Which server to load.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("server").args(["url", "serve"]).required(true)))]
pub struct TargetOptions {
    /// The server's WebSocket URL, as it prints it: ws://host:port/ or wss://host:port/
    #[arg(long, requires = "app_id")]
    pub url: Option<String>,
    /// An app of that server
    #[arg(long)]
    pub app_id: Option<String>,
    /// Process id of that server, for its memory and CPU
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// URL of that server's operator's port, for its figures: http://host:port/
    #[arg(long, requires = "url")]
    pub admin: Option<String>,
    /// Start this program as the server, on free ports with a new data folder, and kill it at the end
    #[arg(long, value_name = "BIN")]
    pub serve: Option<PathBuf>,
    /// Where that server's data folder is made; its disk is part of what is measured
    #[arg(long, value_name = "DIR", requires = "serve")]
    pub data: Option<PathBuf>,
    /// Use this data folder with what is in it, and leave it there: the next run finds what this one stored
    #[arg(long, value_name = "DIR", requires = "serve", conflicts_with = "data")]
    pub keep: Option<PathBuf>,
    /// Give that server a certificate of the tool's own, and connect through TLS
    #[arg(long, requires = "serve")]
    pub tls: bool,
    /// That server runs on the machine's first core, the load on the others
    #[arg(long, requires = "serve")]
    pub pin: bool,
}

#[derive(Debug, Subcommand)]
pub enum Workload {
    /// Messages that are accepted, committed and acknowledged per second, and how long that takes
    Ack(AckOptions),
    /// Messages that a back end sends over HTTP per second, and how long it waits for each answer
    Rest(RestOptions),
    /// Messages to all members of rooms: how many, how fast, what they cost
    Fan(FanOptions),
    /// The same without a server: the leanest loop that writes to as many sockets
    Floor(FloorOptions),
    /// The highest rate at which latency and losses stay within bounds
    Search(SearchOptions),
    /// What members who stop reading cost the others, and what they get in the end
    Slow(SlowOptions),
    /// Memory for each joined member that does nothing
    Idle(IdleOptions),
    /// All members lose their connections in one moment and come back
    Storm(StormOptions),
    /// Pages of a long history, at random places
    History(HistoryOptions),
    /// Coming and going without end: whether memory, files and rooms stay
    Soak(SoakOptions),
    /// Everything that the benchmark page shows, and the page
    Standard(StandardOptions),
    /// Two runs that were saved with --json, side by side
    #[command(long_flag = "compare")]
    Compare(CompareOptions),
    #[command(hide = true)]
    Process(ProcessOptions),
}

impl Workload {
    /// What loads a server names it.
    #[must_use]
    pub fn target(&self) -> Option<&TargetOptions> {
        match self {
            Self::Ack(ack) => Some(&ack.target),
            Self::Rest(rest) => Some(&rest.target),
            Self::Idle(idle) => Some(&idle.target),
            Self::Storm(storm) => Some(&storm.target),
            Self::History(history) => Some(&history.target),
            Self::Soak(soak) => Some(&soak.target),
            Self::Fan(fan) => Some(&fan.target),
            Self::Search(search) => Some(&search.target),
            Self::Slow(slow) => Some(&slow.target),
            Self::Floor(_) | Self::Compare(_) | Self::Standard(_) | Self::Process(_) => None,
        }
    }
}

/// Two saved runs.
#[derive(Debug, Args)]
pub struct CompareOptions {
    /// The first run, as JSON
    #[arg(value_name = "A.json")]
    pub before: PathBuf,
    /// The second run, as JSON
    #[arg(value_name = "B.json")]
    pub after: PathBuf,
}

/// Senders into one room, which nobody is in: the store is measured, not the fan-out.
#[derive(Debug, Args)]
pub struct AckOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    /// Sending connections
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: u32,
    /// Messages of each sender that wait for their ack, at most. The server answers a connection one by one, so that
    /// more than one wait for each other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub in_flight: u32,
    /// Messages per second of all senders together, at fixed times; latency counts from those. Without it, each ack
    /// is followed by the next message
    #[arg(long, conflicts_with = "in_flight", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Bytes of text in each message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5120))]
    pub size: u32,
    /// Not measured, at the start
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Measured
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
}

/// Members who joined one room and are silent.
#[derive(Debug, Args)]
pub struct IdleOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    /// Members
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Connections that are being made at one time
    #[arg(long, default_value_t = PARALLEL, value_parser = clap::value_parser!(u32).range(1..))]
    pub parallel: u32,
    /// Sockets from each of 127.0.0.2, 127.0.0.3 … when the server is on loopback
    #[arg(long, default_value_t = PER_ADDRESS, value_parser = clap::value_parser!(u32).range(1..=28_000))]
    pub per_address: u32,
    /// Silence between the last join and the measurement
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    pub settle: Duration,
}

/// Messages per second.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate @ 0.001..=1e7) => Ok(rate),
        _ => Err("a number from 0.001 to 10000000 is needed".to_owned()),
    }
}

/// More than nothing, not more than all.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a number over 0 and up to 1 is needed".to_owned()),
    }
}

/// A time that is not nothing.
fn positive(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must not be 0".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
