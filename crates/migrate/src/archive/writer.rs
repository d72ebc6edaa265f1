//! Writes an archive, so that an interrupted export goes on where it last sealed what it had.

mod part;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    About, ArchiveError, ArchiveReader, BanLine, Counts, MAX_LINE, Manifest, MessageLine, RestrictionLine,
    RoleLine, RoomLine, SEGMENT, SwitchesLine, WordLine,
    manifest::{FileEntry, Section},
    reader::sha256,
};
use part::Part;

/// Where a resumed export reads what is sealed. One file, replaced as a whole: the cursor and the files that it speaks
/// of can never disagree.
const STATE: &str = "state/archive.json";

/// An archive to be written.
///
/// What was written is part of the archive once it is sealed, together with the caller's cursor; what was not is thrown
/// away by [`ArchiveWriter::resume`], and the caller writes it again.
pub struct ArchiveWriter {
    folder: PathBuf,
    sealed: Sealed,
    /// Full segments since the last seal.
    full: Vec<SealedFile>,
    segment: Option<Part>,
    lists: Vec<(Section, Part)>,
    segments: u64,
    unsealed: Counts,
}

/// `state/archive.json`.
#[derive(Serialize, Deserialize)]
struct Sealed {
    about: About,
    files: Vec<SealedFile>,
    cursor: Value,
}

#[derive(Clone, Serialize, Deserialize)]
struct SealedFile {
    path: String,
    lines: u64,
    bytes: u64,
    /// Lists grow; theirs is taken at the end.
    sha256: Option<String>,
}

impl ArchiveWriter {
    /// Begins an archive in an empty or absent folder.
    ///
    /// # Errors
    /// When there is something in the folder, or the disk refuses.
    pub fn create(folder: impl Into<PathBuf>, about: About) -> Result<Self, ArchiveError> {
        let folder = folder.into();
        super::make_folder(&folder).map_err(ArchiveError::io(&folder))?;
        if fs::read_dir(&folder).map_err(ArchiveError::io(&folder))?.next().is_some() {
            return Err(ArchiveError::Occupied(folder));
        }
        for below in ["messages", "state"] {
            let below = folder.join(below);
            fs::create_dir(&below).map_err(ArchiveError::io(&below))?;
        }
        let sealed = Sealed { about, files: Vec::new(), cursor: Value::Null };
        let writer = Self::of(folder, sealed);
        writer.note()?;
        Ok(writer)
    }

    /// Goes on with an archive that was begun, finished or not, and gives the cursor of the last seal (null before the
    /// first); `None` when none was begun in this folder. The manifest goes until the archive is finished again.
    ///
    /// # Errors
    /// When the notes of what is sealed are spoilt, or do not fit the files.
    pub fn resume(folder: impl Into<PathBuf>) -> Result<Option<(Self, Value)>, ArchiveError> {
        let folder = folder.into();
        let path = folder.join(STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArchiveError::io(&path)(error)),
        };
        let bad = |problem: String| ArchiveError::BadState { path: path.clone(), problem };
        let sealed: Sealed = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        if let Some(file) = sealed.files.iter().find(|file| Section::of(&file.path).is_none()) {
            return Err(bad(format!("it names {:?}, which is no file of an archive", file.path)));
        }
        remove(&folder.join("manifest.json"))?;
        remove(&folder.join("report.json"))?;
        cut_back(&folder, &sealed)?;
        let cursor = sealed.cursor.clone();
        Ok(Some((Self::of(folder, sealed), cursor)))
    }

    fn of(folder: PathBuf, sealed: Sealed) -> Self {
        let segments =
            sealed.files.iter().filter(|file| Section::of(&file.path) == Some(Section::Messages)).count();
        let segments = segments as u64;
        let (full, lists, unsealed) = (Vec::new(), Vec::new(), Counts::default());
        Self { folder, sealed, full, segment: None, lists, segments, unsealed }
    }

    /// What was said at the start, by this run or an earlier one.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.sealed.about
    }

    /// Rows that are sealed.
    #[must_use]
    pub fn sealed(&self) -> Counts {
        let mut counts = Counts::default();
        for file in &self.sealed.files {
            if let Some(section) = Section::of(&file.path) {
                counts.add(section, file.lines);
            }
        }
        counts
    }

    /// What is sealed, to be read back.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn reader(&self) -> Result<ArchiveReader, ArchiveError> {
        let files: Result<Vec<FileEntry>, ArchiveError> =
            self.sealed.files.iter().map(|file| self.entry(file)).collect();
        let manifest = Manifest::new(self.sealed.about.clone(), files?, None, false);
        Ok(ArchiveReader::of(self.folder.clone(), manifest))
    }

    /// Rows written since the last seal.
    #[must_use]
    pub fn unsealed(&self) -> Counts {
        self.unsealed
    }

    /// Adds a room.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn room(&mut self, line: &RoomLine) -> Result<(), ArchiveError> {
        self.write(Section::Rooms, line)
    }

    /// Adds a message.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn message(&mut self, line: &MessageLine) -> Result<(), ArchiveError> {
        self.write(Section::Messages, line)
    }

    /// Adds a silence.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn silence(&mut self, line: &RestrictionLine) -> Result<(), ArchiveError> {
        self.write(Section::Silences, line)
    }

    /// Adds a block.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn block(&mut self, line: &RestrictionLine) -> Result<(), ArchiveError> {
        self.write(Section::Blocks, line)
    }

    /// Adds a role.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn role(&mut self, line: &RoleLine) -> Result<(), ArchiveError> {
        self.write(Section::Roles, line)
    }

    /// Adds a room's switches.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn switches(&mut self, line: &SwitchesLine) -> Result<(), ArchiveError> {
        self.write(Section::Switches, line)
    }

    /// Adds a ban.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn ban(&mut self, line: &BanLine) -> Result<(), ArchiveError> {
        self.write(Section::Bans, line)
    }

    /// Adds a word.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn word(&mut self, line: &WordLine) -> Result<(), ArchiveError> {
        self.write(Section::Words, line)
    }

    /// Makes what was written part of the archive, and notes from where the caller goes on after an interruption. Costs
    /// an fsync for each file that was written to, and a segment: once for some ten thousand messages, or some seconds.
    ///
    /// # Errors
    /// When the disk refuses; then what was sealed before still is.
    pub fn seal(&mut self, cursor: &impl Serialize) -> Result<(), ArchiveError> {
        self.end_segment()?;
        for (section, part) in std::mem::take(&mut self.lists) {
            let Some(path) = section.file() else { continue };
            let written = part.finish()?;
            match self.sealed.files.iter_mut().find(|file| file.path == path) {
                Some(file) => {
                    file.lines += written.lines;
                    file.bytes += written.bytes;
                }
                None => self.sealed.files.push(SealedFile {
                    path: path.to_owned(),
                    lines: written.lines,
                    bytes: written.bytes,
                    sha256: None,
                }),
            }
        }
        self.sealed.files.append(&mut self.full);
        self.sealed.cursor = serde_json::to_value(cursor).map_err(|error| ArchiveError::BadState {
            path: self.folder.join(STATE),
            problem: error.to_string(),
        })?;
        self.unsealed = Counts::default();
        self.note()
    }

    /// Seals, and writes report and manifest: the folder is an archive from then on. With `complete` false, it is one that
    /// lacks something, as its report says.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(
        mut self,
        cursor: &impl Serialize,
        report: &Value,
        finished_at: Option<String>,
        complete: bool,
    ) -> Result<Manifest, ArchiveError> {
        for section in Section::LISTS.into_iter().filter(|section| !section.is_optional()) {
            // Empty ones are there, too.
            self.list(section)?;
        }
        self.seal(cursor)?;
        let files: Result<Vec<FileEntry>, ArchiveError> =
            self.sealed.files.iter().map(|file| self.entry(file)).collect();
        let manifest = Manifest::new(self.sealed.about.clone(), files?, finished_at, complete);
        self.replace("report.json", report)?;
        self.replace("manifest.json", &manifest)?;
        Ok(manifest)
    }

    fn write(&mut self, section: Section, line: &impl Serialize) -> Result<(), ArchiveError> {
        let part = match section {
            Section::Messages => self.segment()?,
            list => self.list(list)?,
        };
        let mut text = serde_json::to_vec(line).map_err(|error| part.error(error.into()))?;
        text.push(b'\n');
        if text.len() > MAX_LINE {
            return Err(part.error(io::Error::other(format!("a line of {} bytes is too long", text.len()))));
        }
        part.line(&text)?;
        self.unsealed.add(section, 1);
        Ok(())
    }

    fn segment(&mut self) -> Result<&mut Part, ArchiveError> {
        if self.segment.as_ref().is_some_and(|part| part.lines() >= SEGMENT) {
            self.end_segment()?;
        }
        if self.segment.is_none() {
            let path = segment_path(self.segments + 1);
            self.segment = Some(Part::new(&self.folder.join(path))?);
            self.segments += 1;
        }
        Ok(self.segment.as_mut().expect("it was just made"))
    }

    fn end_segment(&mut self) -> Result<(), ArchiveError> {
        let Some(part) = self.segment.take() else { return Ok(()) };
        let written = part.finish()?;
        self.full.push(SealedFile {
            path: segment_path(self.segments),
            lines: written.lines,
            bytes: written.bytes,
            sha256: Some(written.sha256),
        });
        Ok(())
    }

    /// A list takes what it gets as one more gzip member: together they are a gzip file, too.
    fn list(&mut self, section: Section) -> Result<&mut Part, ArchiveError> {
        let at = match self.lists.iter().position(|(list, _)| *list == section) {
            Some(at) => at,
            None => {
                let path = self.folder.join(section.file().unwrap_or_default());
                self.lists.push((section, Part::append(&path)?));
                self.lists.len() - 1
            }
        };
        Ok(&mut self.lists[at].1)
    }

    fn entry(&self, file: &SealedFile) -> Result<FileEntry, ArchiveError> {
        let path = self.folder.join(&file.path);
        let sha256 = match &file.sha256 {
            Some(known) => known.clone(),
            None => {
                File::open(&path).and_then(|mut file| sha256(&mut file)).map_err(ArchiveError::io(&path))?
            }
        };
        Ok(FileEntry { path: file.path.clone(), lines: file.lines, bytes: file.bytes, sha256 })
    }

    fn note(&self) -> Result<(), ArchiveError> {
        for below in ["messages", "."] {
            sync_folder(&self.folder.join(below))?;
        }
        self.replace(STATE, &self.sealed)
    }

    /// Writes beside it first, so that a crash leaves the old file or the new one.
    fn replace(&self, name: &str, content: &impl Serialize) -> Result<(), ArchiveError> {
        let path = self.folder.join(name);
        let draft = self.folder.join(format!("{name}.new"));
        let write = || {
            let mut text = serde_json::to_vec_pretty(content)?;
            text.push(b'\n');
            let mut file = File::create(&draft)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(ArchiveError::io(&path))?;
        sync_folder(path.parent().unwrap_or(&self.folder))
    }
}

fn segment_path(number: u64) -> String {
    format!("messages/{number:010}.ndjson.gz")
}

/// Takes away what was written after the last seal.
fn cut_back(folder: &Path, sealed: &Sealed) -> Result<(), ArchiveError> {
    let length = |path: &str| sealed.files.iter().find(|file| file.path == path).map(|file| file.bytes);
    let messages = folder.join("messages");
    for entry in fs::read_dir(&messages).map_err(ArchiveError::io(&messages))? {
        let entry = entry.map_err(ArchiveError::io(&messages))?;
        let name = format!("messages/{}", entry.file_name().to_string_lossy());
        if length(&name).is_none() {
            remove(&entry.path())?;
        }
    }
    for section in Section::LISTS {
        let Some(name) = section.file() else { continue };
        if length(name).is_none() {
            remove(&folder.join(name))?;
        }
    }
    for file in &sealed.files {
        cut(&folder.join(&file.path), file.bytes)?;
    }
    Ok(())
}

fn cut(path: &Path, bytes: u64) -> Result<(), ArchiveError> {
    let file = fs::OpenOptions::new().write(true).open(path).map_err(ArchiveError::io(path))?;
    let found = file.metadata().map_err(ArchiveError::io(path))?.len();
    if found < bytes {
        let problem = format!("it has {found} bytes, and {bytes} were sealed");
        return Err(ArchiveError::BadState { path: path.to_owned(), problem });
    }
    if found > bytes {
        file.set_len(bytes).and_then(|()| file.sync_all()).map_err(ArchiveError::io(path))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), ArchiveError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ArchiveError::io(path)(error)),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> Result<(), ArchiveError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(ArchiveError::io(folder))
}
