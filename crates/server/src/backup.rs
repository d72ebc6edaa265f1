//! Backups: a folder with the database, the development app's keys, a manifest, and the hashes of these.
//!
//! A backup is made under another name and renamed when all of it is on the disk, so that there is no half one.

mod files;
mod manifest;
mod restore;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use grandstand_room::clock::Millis;

use crate::{apps::DEVELOPMENT_APP, clock::Clock};

use self::{
    files::{hashed, sync, write},
    manifest::{MANIFEST, Manifest, SUMS, sums},
};
pub use crate::store::sqlite::backup::{CopyError, Facts, Stage, Watch};
use crate::store::sqlite::{backup as database, open::DATABASE};
pub use restore::{Restored, restore};

/// Why there is no backup, or nothing restored. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("{0} exists already, and a backup overwrites nothing")]
    Exists(PathBuf),
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: io::Error },
    #[error("{0} is no backup: it holds no manifest.json")]
    NotABackup(PathBuf),
    #[error(
        "{path} is a backup of form {version}, which this program does not know; install a later version"
    )]
    UnknownForm { path: PathBuf, version: u64 },
    #[error("the backup is damaged: {file}: {what}; take another one")]
    Damaged { file: PathBuf, what: String },
    #[error("{0} is not empty: restore into a new folder, or move away what is in it")]
    NotEmpty(PathBuf),
    #[error("another process uses the data folder {0}; stop it, or name another folder")]
    Held(PathBuf),
}

/// A finished backup.
#[derive(Debug)]
pub struct Made {
    pub path: PathBuf,
    /// What was acknowledged before this moment is in it.
    pub mark: Millis,
    pub facts: Facts,
    /// Size of the database.
    pub bytes: u64,
    /// By how much the server's log grew meanwhile.
    pub log_grew: u64,
    pub has_development_app: bool,
}

/// Backs up the data folder `data`, whose server may run. `out` is the backup's own folder, which is made, or a folder
/// that is there already, which gets one with the time in its name.
pub fn make(data: &Path, out: &Path, watch: &mut Watch<'_>) -> Result<Made, BackupError> {
    let place = Place::of(out)?;
    place.clear_leftovers();
    let draft = Draft::begin(&place)?;
    let database = draft.path.join(DATABASE);
    let copied = database::copy(data, &database, watch)?;
    let has_development_app = keep_development_app(data, &draft.path)?;
    let manifest = Manifest::of(&copied, has_development_app);
    write(&draft.path.join(MANIFEST), manifest.text().as_bytes())?;

    let mut hashes = Vec::new();
    for name in manifest.files() {
        let mut each = |bytes, of| database::told(watch, Stage::Hashing { bytes, of });
        hashes.push((name, hashed(&draft.path.join(name), None, &mut each)?));
    }
    write(&draft.path.join(SUMS), sums(&hashes).as_bytes())?;
    draft.finish(&place.path)?;
    Ok(Made {
        path: place.path,
        mark: copied.mark,
        facts: copied.facts,
        bytes: copied.bytes,
        log_grew: copied.log_grew,
        has_development_app,
    })
}

/// Where a backup comes to stand.
struct Place {
    parent: PathBuf,
    path: PathBuf,
}

impl Place {
    fn of(out: &Path) -> Result<Self, BackupError> {
        if out.is_dir() && !out.join(MANIFEST).exists() {
            let time = Clock::system().wall().to_iso().replace(['-', ':'], "");
            let seconds = time.split('.').next().unwrap_or_default();
            return Ok(Self { parent: out.to_owned(), path: out.join(format!("grandstand-{seconds}Z")) });
        }
        if out.file_name().is_none() || fs::symlink_metadata(out).is_ok() {
            return Err(BackupError::Exists(out.to_owned()));
        }
        Ok(Self { parent: parent(out).to_owned(), path: out.to_owned() })
    }

    /// What a backup left whose process was killed; one that is under way is locked.
    fn clear_leftovers(&self) {
        for entry in fs::read_dir(&self.parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_draft =
                name.to_str().is_some_and(|name| name.starts_with(DRAFT) && name.ends_with(DRAFT_END));
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_draft && is_folder && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok())
            {
                // What cannot be removed is no reason to have no backup.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

const DRAFT: &str = ".grandstand-";
const DRAFT_END: &str = ".partial";

fn draft_name() -> String {
    format!("{DRAFT}{}{DRAFT_END}", std::process::id())
}

/// A backup that is not finished; it goes with this value.
struct Draft {
    path: PathBuf,
    /// Locked as long as the process is alive.
    folder: File,
}

impl Draft {
    fn begin(place: &Place) -> Result<Self, BackupError> {
        let path = place.parent.join(draft_name());
        let failed = |cause| BackupError::File { path: place.parent.clone(), cause };
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        let folder = File::open(&path).map_err(failed)?;
        folder.lock().map_err(failed)?;
        Ok(Self { path, folder })
    }

    /// Gives it its name, under which there is nothing.
    fn finish(self, to: &Path) -> Result<(), BackupError> {
        let failed = |cause| BackupError::File { path: to.to_owned(), cause };
        self.folder.sync_all().map_err(failed)?;
        // It would replace an empty folder, at most.
        fs::rename(&self.path, to).map_err(|cause| match cause.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => {
                BackupError::Exists(to.to_owned())
            }
            _ => failed(cause),
        })?;
        sync(parent(to))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the end there is nothing under this name.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The keys of the development app, if the folder has such an app.
fn keep_development_app(data: &Path, draft: &Path) -> Result<bool, BackupError> {
    let path = data.join(DEVELOPMENT_APP);
    match fs::read(&path) {
        Ok(text) => write(&draft.join(DEVELOPMENT_APP), &text).map(|()| true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(BackupError::File { path, cause }),
    }
}
