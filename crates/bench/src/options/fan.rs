//! The command lines of the workloads in which members receive: `fan`, `floor`, `search`, `slow`.

use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::{PARALLEL, PER_ADDRESS, TargetOptions};
use crate::{level_mix::LevelMix, marker};

/// Who receives what.
#[derive(Debug, Clone, Args)]
pub struct TrafficOptions {
    /// Members, of all rooms together
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// Rooms; members and publishers are spread over them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub rooms: u32,
    /// Connections that publish, of all rooms together; none of them is a member
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub publishers: u16,
    /// Bytes of text in each message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(marker::LENGTH as i64..=5120))]
    pub size: u32,
    /// Shares of the levels, HIGH:NORMAL:LOW
    #[arg(long, default_value = "0:1:0", value_name = "MIX")]
    pub levels: LevelMix,
    /// Messages are not stored
    #[arg(long)]
    pub transient: bool,
    /// Decode every frame and compare it with what was sent, not only one in a thousand; the load costs more. Losses,
    /// repeats and order are exact without it
    #[arg(long)]
    pub verify: bool,
    /// Members who are asked whether a message has arrived, for --in-flight
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,
    /// Sockets from each of 127.0.0.2, 127.0.0.3 … when the server is on loopback
    #[arg(long, default_value_t = PER_ADDRESS, value_parser = clap::value_parser!(u32).range(1..=28_000))]
    pub per_address: u32,
    /// Connections that are being made at one time, by each load process
    #[arg(long, default_value_t = PARALLEL, value_parser = clap::value_parser!(u32).range(1..))]
    pub parallel: u32,
    /// Not measured, at the start
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Measured
    #[arg(long, default_value = "10s", value_parser = super::positive)]
    pub duration: Duration,
}

/// When messages are sent.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("tempo").args(["rate", "in_flight"])))]
pub struct TempoOptions {
    /// Messages per second of all publishers together, at fixed times; latency counts from those
    #[arg(long, value_parser = super::rate)]
    pub rate: Option<f64>,
    /// Messages on their way at any time: sent, and not yet received by the last of the sampled members
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub in_flight: u32,
}

/// Messages to all members of rooms.
#[derive(Debug, Args)]
pub struct FanOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    #[command(flatten)]
    pub traffic: TrafficOptions,
    #[command(flatten)]
    pub tempo: TempoOptions,
    /// Also measure the floor, in turns with the server, and say how many times its cost the server's is
    #[arg(long, value_name = "MODE")]
    pub against_floor: Option<FloorMode>,
    /// How often it is measured; figures are medians. 3 with --against-floor, else 1
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
}

/// The leanest loop that brings the same bytes to the same number of sockets.
#[derive(Debug, Args)]
pub struct FloorOptions {
    /// What goes in one write
    #[arg(long, default_value = "batch")]
    pub mode: FloorMode,
    #[command(flatten)]
    pub traffic: TrafficOptions,
    #[command(flatten)]
    pub tempo: TempoOptions,
    /// The floor runs on the machine's first core, the load on the others
    #[arg(long)]
    pub pin: bool,
    /// How often it is measured; figures are medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
}

/// The highest rate within bounds, found in short runs and confirmed in one of --duration.
#[derive(Debug, Args)]
pub struct SearchOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    #[command(flatten)]
    pub traffic: TrafficOptions,
    /// The p99 of all deliveries must not be longer
    #[arg(long, default_value = "200ms", value_parser = super::positive)]
    pub p99: Duration,
    /// This share must be delivered at least
    #[arg(long, default_value_t = 0.999, value_parser = super::share)]
    pub delivered: f64,
    /// Messages per second to begin with
    #[arg(long, default_value_t = 50.0, value_parser = super::rate)]
    pub start: f64,
    /// How long each rate is tried
    #[arg(long, default_value = "5s", value_parser = super::positive)]
    pub trial: Duration,
    /// The search ends when a rate that is so much higher is too high
    #[arg(long, default_value_t = 0.05, value_parser = super::share)]
    pub precision: f64,
}

/// Members who do not read among members who do.
#[derive(Debug, Args)]
pub struct SlowOptions {
    #[command(flatten)]
    pub target: TargetOptions,
    #[command(flatten)]
    pub traffic: TrafficOptions,
    /// Messages per second of all publishers together
    #[arg(long, default_value_t = 20.0, value_parser = super::rate)]
    pub rate: f64,
    /// The share of the members who stop reading
    #[arg(long, default_value_t = 0.5, value_parser = super::share)]
    pub stalled: f64,
    /// They do read, but only this share of what comes
    #[arg(long, value_parser = super::share)]
    pub drain_share: Option<f64>,
    /// In the end they read everything that is left for them, and come back if they lost their connection
    #[arg(long)]
    pub recover: bool,
    /// How long the others are measured without them
    #[arg(long, default_value = "10s", value_parser = super::positive)]
    pub without: Duration,
}

/// What the floor writes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FloorMode {
    /// One message in each write
    Each,
    /// All that has come since the socket's last write
    Batch,
}

impl FloorMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Batch => "batch",
        }
    }
}

/// A part of the tool in a process of its own, started by the tool.
#[derive(Debug, Args)]
pub struct ProcessOptions {
    #[command(subcommand)]
    pub part: ProcessPart,
}

#[derive(Debug, clap::Subcommand)]
pub enum ProcessPart {
    /// Members
    Load,
    /// The floor
    Floor {
        #[arg(long)]
        mode: FloorMode,
        #[arg(long)]
        frame: usize,
    },
}
