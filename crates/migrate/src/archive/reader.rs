//! Reads an archive, and nothing of a file whose hash and count are not the manifest's.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    ArchiveError, BanLine, MAX_LINE, Manifest, MessageLine, RestrictionLine, RoleLine, RoomLine,
    SwitchesLine, WordLine,
    manifest::{FileEntry, Section},
};

/// Longest manifest, in bytes: some hundred thousand segments.
const MAX_MANIFEST: u64 = 64 * 1024 * 1024;

/// An archive to be read.
#[derive(Debug)]
pub struct ArchiveReader {
    folder: PathBuf,
    manifest: Manifest,
}

impl ArchiveReader {
    /// Reads the manifest. The files are looked at when they are read.
    ///
    /// # Errors
    /// When there is no manifest, or one that this program does not read.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, ArchiveError> {
        let folder = folder.into();
        let path = folder.join("manifest.json");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ArchiveError::NoManifest(folder));
            }
            Err(error) => return Err(ArchiveError::io(&path)(error)),
        };
        let mut text = Vec::new();
        file.take(MAX_MANIFEST).read_to_end(&mut text).map_err(ArchiveError::io(&path))?;
        let manifest = Manifest::parse(&text)?;
        Ok(Self { folder, manifest })
    }

    pub(super) fn of(folder: PathBuf, manifest: Manifest) -> Self {
        Self { folder, manifest }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is in it.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files of a section, in the order in which they were written.
    pub fn files(&self, section: Section) -> impl Iterator<Item = &FileEntry> {
        self.manifest.files.iter().filter(move |file| Section::of(&file.path) == Some(section))
    }

    /// The lines of a file, after its hash and its count were found to be right.
    ///
    /// # Errors
    /// When it cannot be read or is not what the manifest says.
    pub fn lines(&self, entry: &FileEntry) -> Result<Lines, ArchiveError> {
        let path = self.folder.join(&entry.path);
        let mut file = plain_file(&path, entry)?;
        check_hash(&mut file, &path, entry)?;
        file.rewind().map_err(ArchiveError::io(&path))?;
        let file = check_lines(file, &path, entry)?;
        Ok(Lines::new(file, entry.path.clone()))
    }

    /// Looks at every file.
    ///
    /// # Errors
    /// For the first that is not what the manifest says.
    pub fn verify(&self) -> Result<(), ArchiveError> {
        self.manifest.files.iter().try_for_each(|entry| self.lines(entry).map(drop))
    }

    /// All rooms.
    pub fn rooms(&self) -> Rows<'_, RoomLine> {
        self.rows(Section::Rooms)
    }

    /// All messages, in the order in which they were written.
    pub fn messages(&self) -> Rows<'_, MessageLine> {
        self.rows(Section::Messages)
    }

    /// All silences.
    pub fn silences(&self) -> Rows<'_, RestrictionLine> {
        self.rows(Section::Silences)
    }

    /// All blocks.
    pub fn blocks(&self) -> Rows<'_, RestrictionLine> {
        self.rows(Section::Blocks)
    }

    /// All roles.
    pub fn roles(&self) -> Rows<'_, RoleLine> {
        self.rows(Section::Roles)
    }

    /// What holds for everybody in the rooms where something does.
    pub fn switches(&self) -> Rows<'_, SwitchesLine> {
        self.rows(Section::Switches)
    }

    /// All bans from the app.
    pub fn bans(&self) -> Rows<'_, BanLine> {
        self.rows(Section::Bans)
    }

    /// The app's list of words.
    pub fn words(&self) -> Rows<'_, WordLine> {
        self.rows(Section::Words)
    }

    fn rows<T>(&self, section: Section) -> Rows<'_, T> {
        Rows { reader: self, files: self.files(section).collect(), next: 0, lines: None, row: PhantomData }
    }
}

/// A link could lead elsewhere, so neither the file nor its folder may be one.
fn plain_file(path: &Path, entry: &FileEntry) -> Result<File, ArchiveError> {
    let damaged = |problem: &str| ArchiveError::damaged(&entry.path, problem);
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    if is_link(path) || (entry.path.contains('/') && path.parent().is_some_and(is_link)) {
        return Err(damaged("it is a link"));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("it is missing")),
        Err(error) => return Err(ArchiveError::io(path)(error)),
    };
    let metadata = file.metadata().map_err(ArchiveError::io(path))?;
    match metadata.len() {
        _ if !metadata.is_file() => Err(damaged("it is no file")),
        bytes if bytes == entry.bytes => Ok(file),
        bytes => Err(damaged(&format!("it has {bytes} bytes instead of {}", entry.bytes))),
    }
}

fn check_hash(file: &mut File, path: &Path, entry: &FileEntry) -> Result<(), ArchiveError> {
    if sha256(file).map_err(ArchiveError::io(path))? == entry.sha256 {
        return Ok(());
    }
    Err(ArchiveError::damaged(&entry.path, "its hash is not the manifest's"))
}

pub(super) fn sha256(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Unpacks it once to count, so that a wrong file is known before its first row is used.
fn check_lines(file: File, path: &Path, entry: &FileEntry) -> Result<File, ArchiveError> {
    let damaged = |problem: String| ArchiveError::damaged(&entry.path, problem);
    let mut unpacked = MultiGzDecoder::new(BufReader::new(file));
    let mut buffer = vec![0; 128 * 1024];
    let (mut lines, mut length) = (0, 0);
    loop {
        let count = match unpacked.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => return Err(damaged(format!("it does not unpack: {error}"))),
        };
        for part in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            length += part.len();
            if length > MAX_LINE {
                return Err(damaged(format!("line {} is longer than {MAX_LINE} bytes", lines + 1)));
            }
            if part.ends_with(b"\n") {
                (lines, length) = (lines + 1, 0);
            }
        }
        if lines > entry.lines {
            break;
        }
    }
    if length > 0 {
        return Err(damaged("its last line is cut off".to_owned()));
    }
    if lines != entry.lines {
        return Err(damaged(format!("it has not the {} lines that the manifest says", entry.lines)));
    }
    let mut file = unpacked.into_inner().into_inner();
    file.rewind().map_err(ArchiveError::io(path))?;
    Ok(file)
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// Without its end.
    pub text: Vec<u8>,
}

/// The lines of one file.
pub struct Lines {
    path: String,
    unpacked: BufReader<MultiGzDecoder<BufReader<File>>>,
    number: u64,
}

impl Lines {
    fn new(file: File, path: String) -> Self {
        let unpacked = BufReader::with_capacity(128 * 1024, MultiGzDecoder::new(BufReader::new(file)));
        Self { path, unpacked, number: 0 }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = Vec::new();
        match self.unpacked.read_until(b'\n', &mut text) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(ArchiveError::damaged(&self.path, error.to_string()))),
        }
        text.pop_if(|byte| *byte == b'\n');
        self.number += 1;
        Some(Ok(Line { number: self.number, text }))
    }
}

/// The rows of a section, each file checked before its first row.
pub struct Rows<'a, T> {
    reader: &'a ArchiveReader,
    files: Vec<&'a FileEntry>,
    next: usize,
    lines: Option<Lines>,
    row: PhantomData<T>,
}

impl<T: DeserializeOwned> Rows<'_, T> {
    fn advance(&mut self) -> Result<Option<T>, ArchiveError> {
        loop {
            let Some(lines) = &mut self.lines else {
                let Some(entry) = self.files.get(self.next) else { return Ok(None) };
                self.lines = Some(self.reader.lines(entry)?);
                self.next += 1;
                continue;
            };
            let Some(line) = lines.next().transpose()? else {
                self.lines = None;
                continue;
            };
            return serde_json::from_slice(&line.text).map(Some).map_err(|error| ArchiveError::Line {
                path: lines.path.clone(),
                line: line.number,
                problem: error.to_string(),
            });
        }
    }
}

impl<T: DeserializeOwned> Iterator for Rows<'_, T> {
    type Item = Result<T, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
