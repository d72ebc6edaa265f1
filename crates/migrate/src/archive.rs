//! The archive: one folder with everything that an app has in its rooms.
//!
//! ```text
//! manifest.json                   what is in it, with hashes; written last
//! rooms.ndjson.gz
//! messages/0000000001.ndjson.gz   and so on: segments of some ten thousand messages
//! silences.ndjson.gz  blocks.ndjson.gz  roles.ndjson.gz
//! switches.ndjson.gz  bans.ndjson.gz  words.ndjson.gz     where there are any: LeanCloud has none
//! report.json                     what could not be had, and why
//! state/                          what an interrupted export needs to go on; no part of the archive
//! ```
//!
//! Files are gzip of one JSON object a line, so that `zcat` and `jq` read them. What a reader does not know in a line it
//! passes over, lists that it does not know, too; a version it does not know it refuses.

mod error;
mod line;
mod manifest;
mod message;
mod reader;
mod writer;

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path};

pub use error::ArchiveError;
pub use line::{
    BanLine, MuteAllLine, RestrictionLine, RoleLine, RoomLine, SlowModeLine, SwitchesLine, WordLine,
};
pub use manifest::{About, Counts, FileEntry, Manifest, Range, Rooms, Section, Source, SourceKind};
pub use message::MessageLine;
pub use reader::{ArchiveReader, Line, Lines};
pub use writer::ArchiveWriter;

/// Longest line, in bytes, in writing and in reading: bounds what a reader holds. Rows of rooms are far below it.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// Messages in one segment.
pub const SEGMENT: u64 = 50_000;

/// For its owner alone: what people said is in it.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
