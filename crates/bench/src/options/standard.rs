//! The command line of `standard`.

use std::path::PathBuf;

use clap::Args;

/// All that the benchmark page shows, one workload after the other, with the page written at the end.
#[derive(Debug, Args)]
pub struct StandardOptions {
    /// The server to measure
    #[arg(long, value_name = "BIN")]
    pub serve: PathBuf,
    /// Where data folders are made; the disk is part of what is measured
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The folder of benchmarks.md; what was measured goes into benchmarks/ below it
    #[arg(long, value_name = "DIR", default_value = "docs")]
    pub out: PathBuf,
    /// Only these rows, named as on the page; the others stay as they were measured before
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    pub only: Vec<String>,
    /// The long rows instead: forty minutes rather than ten
    #[arg(long, conflicts_with = "only")]
    pub long: bool,
    /// A hundredth of the members, and one second each: to try the tool, not to publish
    #[arg(long)]
    pub quick: bool,
}
