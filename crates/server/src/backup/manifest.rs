//! What a backup says of itself, and what vouches for it.

use std::{fs, io, path::Path};

use grandstand_room::clock::Millis;
use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::{
    apps::DEVELOPMENT_APP,
    store::sqlite::{
        backup::{Copied, Facts},
        open::DATABASE,
    },
};

pub(super) const MANIFEST: &str = "manifest.json";

/// The hashes of all other files, as `sha256sum --check` reads them.
pub(super) const SUMS: &str = "SHA256SUMS";

const FORMAT: &str = "grandstand-backup";
const VERSION: u64 = 1;

/// Longer files were not written here.
const LONGEST: u64 = 64 * 1024;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: String,
    version: u64,
    made_by: String,
    /// What was acknowledged before this moment is in it.
    pub(super) mark: String,
    /// Size of the database.
    pub(super) bytes: u64,
    pub(super) holds: Facts,
    /// Whether there is an app's file beside the database.
    pub(super) development_app: bool,
}

/// What every version of the manifest has.
#[derive(Deserialize)]
struct Form {
    format: String,
    version: u64,
}

impl Manifest {
    pub(super) fn of(copied: &Copied, development_app: bool) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            made_by: format!("grandstand {}", env!("CARGO_PKG_VERSION")),
            mark: copied.mark.to_iso(),
            bytes: copied.bytes,
            holds: copied.facts.clone(),
            development_app,
        }
    }

    /// Reads that of a backup, and sees that it is one that this program knows.
    pub(super) fn read(backup: &Path) -> Result<Self, BackupError> {
        let text = match short(&backup.join(MANIFEST)) {
            Err(BackupError::File { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NotABackup(backup.to_owned()));
            }
            other => other?,
        };
        let damaged = |error: serde_json::Error| BackupError::Damaged {
            file: backup.join(MANIFEST),
            what: error.to_string(),
        };
        let form: Form = serde_json::from_str(&text).map_err(damaged)?;
        if form.format != FORMAT {
            return Err(BackupError::NotABackup(backup.to_owned()));
        }
        if form.version != VERSION {
            return Err(BackupError::UnknownForm { path: backup.to_owned(), version: form.version });
        }
        serde_json::from_str(&text).map_err(damaged)
    }

    pub(super) fn text(&self) -> String {
        // A value of ours always becomes JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// All files but the one with the hashes.
    pub(super) fn files(&self) -> Vec<&'static str> {
        let mut files = vec![DATABASE, MANIFEST];
        files.extend(self.development_app.then_some(DEVELOPMENT_APP));
        files
    }

    pub(super) fn mark(&self) -> Option<Millis> {
        Millis::from_iso(&self.mark)
    }
}

/// The text of [`SUMS`].
pub(super) fn sums(hashes: &[(&str, String)]) -> String {
    hashes.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect()
}

/// A file that is never long.
pub(super) fn short(path: &Path) -> Result<String, BackupError> {
    let failed = |cause| BackupError::File { path: path.to_owned(), cause };
    let damaged = |what: &str| BackupError::Damaged { file: path.to_owned(), what: what.to_owned() };
    if fs::metadata(path).map_err(failed)?.len() > LONGEST {
        return Err(damaged("it is too long"));
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| damaged("it is no text"))
}
