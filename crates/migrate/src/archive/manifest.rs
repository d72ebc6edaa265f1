//! The manifest: what an archive holds, where it came from, and the hashes that prove it whole.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::ArchiveError;

const FORMAT: &str = "grandstand-archive";
const VERSION: u64 = 1;

/// `manifest.json`. There is never a key in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u64,
    /// Where it came from.
    #[serde(flatten)]
    pub about: About,
    /// ISO 8601; `None` when it was interrupted.
    pub finished_at: Option<String>,
    /// Whether everything that was asked for is in it.
    pub complete: bool,
    /// Every file but this one and `report.json`.
    pub files: Vec<FileEntry>,
    /// Lines of all files, by section.
    pub counts: Counts,
}

/// What is known at the start of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Whose data it is.
    pub source: Source,
    /// The program and its version.
    pub made_by: String,
    /// ISO 8601.
    pub started_at: String,
    /// Which messages were asked for.
    #[serde(default)]
    pub range: Range,
    /// Which rooms were asked for.
    pub rooms: Rooms,
}

/// The server and the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What kind of server.
    pub kind: SourceKind,
    /// Its base URL.
    pub url: String,
    /// The app's id.
    pub app: String,
}

/// What kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// LeanCloud, or a server that answers as it does.
    LeanCloud,
    /// Grandstand: what its rows say beyond LeanCloud's is kept.
    Grandstand,
}

/// Times of messages, ISO 8601; `None` is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// From here on.
    pub from: Option<String>,
    /// Up to here.
    pub to: Option<String>,
}

/// Which rooms were asked for: `"all"`, or their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rooms {
    /// All of the app.
    All(Every),
    /// These.
    Only(Vec<String>),
}

/// The word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Every {
    /// The word.
    #[serde(rename = "all")]
    All,
}

impl Rooms {
    /// All of the app.
    pub const ALL: Self = Self::All(Every::All);
}

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Below the archive's folder, with `/`.
    pub path: String,
    /// Rows in it.
    pub lines: u64,
    /// Its length, compressed.
    pub bytes: u64,
    /// Of the compressed file, lower-case hexadecimal.
    pub sha256: String,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub rooms: u64,
    pub messages: u64,
    pub silences: u64,
    pub blocks: u64,
    pub roles: u64,
    // Archives of LeanCloud have none of these.
    #[serde(default)]
    pub switches: u64,
    #[serde(default)]
    pub bans: u64,
    #[serde(default)]
    pub words: u64,
}

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    Rooms,
    Messages,
    Silences,
    Blocks,
    Roles,
    Switches,
    Bans,
    Words,
}

impl Section {
    /// Those that have one file each.
    pub(super) const LISTS: [Self; 7] =
        [Self::Rooms, Self::Silences, Self::Blocks, Self::Roles, Self::Switches, Self::Bans, Self::Words];

    /// Whether an archive need not have its file.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::Switches | Self::Bans | Self::Words)
    }

    /// The section of a file, by its path; `None` for whatever is no file of an archive.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let is_segment = path
            .strip_prefix("messages/")
            .and_then(|name| name.strip_suffix(".ndjson.gz"))
            .is_some_and(|number| number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()));
        if is_segment {
            return Some(Self::Messages);
        }
        Self::LISTS.into_iter().find(|list| list.file() == Some(path))
    }

    /// The file of a section that has one.
    pub(super) fn file(self) -> Option<&'static str> {
        match self {
            Self::Rooms => Some("rooms.ndjson.gz"),
            Self::Messages => None,
            Self::Silences => Some("silences.ndjson.gz"),
            Self::Blocks => Some("blocks.ndjson.gz"),
            Self::Roles => Some("roles.ndjson.gz"),
            Self::Switches => Some("switches.ndjson.gz"),
            Self::Bans => Some("bans.ndjson.gz"),
            Self::Words => Some("words.ndjson.gz"),
        }
    }
}

impl Counts {
    /// All rows that are neither rooms nor messages.
    #[must_use]
    pub fn rules(self) -> u64 {
        let of_rooms = self.silences + self.blocks + self.roles + self.switches;
        of_rooms + self.bans + self.words
    }

    /// Adds the rows of a file.
    pub(super) fn add(&mut self, section: Section, lines: u64) {
        let count = match section {
            Section::Rooms => &mut self.rooms,
            Section::Messages => &mut self.messages,
            Section::Silences => &mut self.silences,
            Section::Blocks => &mut self.blocks,
            Section::Roles => &mut self.roles,
            Section::Switches => &mut self.switches,
            Section::Bans => &mut self.bans,
            Section::Words => &mut self.words,
        };
        *count = count.saturating_add(lines);
    }

    fn of(files: &[FileEntry]) -> Self {
        let mut counts = Self::default();
        for file in files {
            if let Some(section) = Section::of(&file.path) {
                counts.add(section, file.lines);
            }
        }
        counts
    }
}

/// Whether a path can be that of a list which a later program has added: it is checked with the others, and passed over.
fn is_list(path: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    path.strip_suffix(".ndjson.gz").is_some_and(is_name)
}

/// What every version has.
#[derive(Deserialize)]
struct AnyVersion {
    format: String,
    version: u64,
}

impl Manifest {
    pub(super) fn new(
        about: About,
        files: Vec<FileEntry>,
        finished_at: Option<String>,
        complete: bool,
    ) -> Self {
        let counts = Counts::of(&files);
        Self { format: FORMAT.to_owned(), version: VERSION, about, finished_at, complete, files, counts }
    }

    /// Reads it, and refuses what no archive has.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ArchiveError> {
        let bad = |error: serde_json::Error| ArchiveError::BadManifest(error.to_string());
        let any: AnyVersion = serde_json::from_slice(text).map_err(bad)?;
        if any.format != FORMAT {
            return Err(ArchiveError::BadManifest(format!("its format is {:?}", any.format)));
        }
        if any.version != VERSION {
            return Err(ArchiveError::Version(any.version));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(bad)?;
        let mut seen = HashSet::new();
        for file in &manifest.files {
            if Section::of(&file.path).is_none() && !is_list(&file.path) {
                return Err(ArchiveError::Path(file.path.clone()));
            }
            if !seen.insert(file.path.as_str()) {
                return Err(ArchiveError::BadManifest(format!("it names {} twice", file.path)));
            }
        }
        let sum = Counts::of(&manifest.files);
        if sum != manifest.counts {
            return Err(ArchiveError::BadManifest("its counts are not the sum of its files'".to_owned()));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_an_archive_have_a_section() {
        let check = |path: &str, expected: Option<Section>| assert_eq!(Section::of(path), expected, "{path}");
        check("rooms.ndjson.gz", Some(Section::Rooms));
        check("roles.ndjson.gz", Some(Section::Roles));
        check("messages/0000000001.ndjson.gz", Some(Section::Messages));
        for path in [
            "",
            "../rooms.ndjson.gz",
            "./rooms.ndjson.gz",
            "/rooms.ndjson.gz",
            "messages/../rooms.ndjson.gz",
            "messages/1.ndjson.gz",
            "messages/00000000001.ndjson.gz",
            "messages/../../etc/.ndjson.gz",
            "messages/000000000\u{661}.ndjson.gz",
            "messages\\0000000001.ndjson.gz",
            "report.json",
            "rooms.ndjson.gz\0",
        ] {
            check(path, None);
        }
    }
}
