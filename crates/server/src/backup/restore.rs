//! A backup becomes the data folder of a server.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use grandstand_room::clock::Millis;

use super::{
    BackupError, Stage, Watch,
    files::{hashed, sync},
    manifest::{MANIFEST, Manifest, SUMS, short, sums},
};
use crate::{
    apps::DEVELOPMENT_APP,
    store::sqlite::{
        backup::{self as database, Facts},
        open::{self, DATABASE, OpenError},
    },
};

/// A data folder that a server can be started with.
#[derive(Debug)]
pub struct Restored {
    pub mark: Millis,
    pub facts: Facts,
    pub has_development_app: bool,
}

/// Writes a backup into the data folder `data`, which is empty or not there yet. Nothing of it is used before all of it
/// was checked; when that fails, the folder is as it was.
pub fn restore(backup: &Path, data: &Path, watch: &mut Watch<'_>) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(backup)?;
    let folder = Folder::take(data)?;
    let draft = folder.draft();
    DirBuilder::new()
        .mode(0o700)
        .create(&draft)
        .map_err(|cause| BackupError::File { path: draft.clone(), cause })?;

    let mut hashes = Vec::new();
    for name in manifest.files() {
        let mut each = |bytes, of| database::told(watch, Stage::Copying { bytes, of });
        hashes.push((name, hashed(&backup.join(name), Some(&draft.join(name)), &mut each)?));
    }
    vouched(backup, &sums(&hashes))?;
    database::told(watch, Stage::Checking)?;
    let facts = database::check(&draft.join(DATABASE))?;
    if facts != manifest.holds {
        let what = format!("it holds {facts:?}, and should hold {:?}", manifest.holds);
        return Err(BackupError::Damaged { file: backup.join(DATABASE), what });
    }
    let mark = manifest.mark().ok_or_else(|| BackupError::Damaged {
        file: backup.join(MANIFEST),
        what: "the mark is no time".to_owned(),
    })?;
    folder.finish(manifest.development_app)?;
    Ok(Restored { mark, facts, has_development_app: manifest.development_app })
}

/// Whether the backup's hashes are these.
fn vouched(backup: &Path, found: &str) -> Result<(), BackupError> {
    let kept = short(&backup.join(SUMS))?;
    if kept == found {
        return Ok(());
    }
    let differs = found.lines().find(|line| !kept.lines().any(|kept| kept == *line));
    let name = differs.and_then(|line| line.split_whitespace().last()).unwrap_or(SUMS);
    Err(BackupError::Damaged { file: backup.join(name), what: format!("its hash is not the one in {SUMS}") })
}

/// Holds the files until they are checked. A server does not look into it.
const DRAFT: &str = ".partial-restore";

/// The name of the lock that servers take, too.
const LOCK: &str = "LOCK";

/// A data folder while it is restored. Unless that is finished, it is left as it was found.
struct Folder {
    path: PathBuf,
    was_there: bool,
    had_lock: bool,
    finished: bool,
    /// No server starts here meanwhile.
    _lock: File,
}

impl Folder {
    fn take(path: &Path) -> Result<Self, BackupError> {
        let was_there = path.exists();
        let had_lock = path.join(LOCK).exists();
        if was_there && !is_free(path)? {
            return Err(BackupError::NotEmpty(path.to_owned()));
        }
        let failed = |cause| BackupError::File { path: path.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock = open::lock(path).map_err(|error| match error {
            OpenError::Folder { source, .. } => failed(source),
            _ => BackupError::Held(path.to_owned()),
        })?;
        // A server may have been there in between.
        if !is_free(path)? {
            return Err(BackupError::NotEmpty(path.to_owned()));
        }
        let folder = Self { path: path.to_owned(), was_there, had_lock, finished: false, _lock: lock };
        folder.clear_leftovers();
        Ok(folder)
    }

    fn draft(&self) -> PathBuf {
        self.path.join(DRAFT)
    }

    /// Puts the files where a server looks for them, the database last.
    fn finish(mut self, has_development_app: bool) -> Result<(), BackupError> {
        let names = has_development_app.then_some(DEVELOPMENT_APP).into_iter().chain([DATABASE]);
        for name in names {
            let to = self.path.join(name);
            fs::rename(self.draft().join(name), &to)
                .map_err(|cause| BackupError::File { path: to, cause })?;
        }
        sync(&self.path)?;
        self.finished = true;
        let _ = fs::remove_dir_all(self.draft());
        Ok(())
    }

    /// Removes what is here of a restore that did not come to its end.
    fn clear_leftovers(&self) {
        if self.draft().exists() {
            let _ = fs::remove_file(self.path.join(DEVELOPMENT_APP));
            let _ = fs::remove_dir_all(self.draft());
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // There was none when this began.
        let _ = fs::remove_file(self.path.join(DATABASE));
        self.clear_leftovers();
        if !self.had_lock {
            let _ = fs::remove_file(self.path.join(LOCK));
        }
        if !self.was_there {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Whether a folder holds nothing but a lock, or what a killed restore left: it has no database before its end.
fn is_free(folder: &Path) -> Result<bool, BackupError> {
    let failed = |cause: io::Error| BackupError::File { path: folder.to_owned(), cause };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    let is_left = names.iter().any(|name| name == DRAFT);
    Ok(names.iter().all(|name| name == LOCK || name == DRAFT || (is_left && name == DEVELOPMENT_APP)))
}
