//! Files of a backup: written so that they are on the disk, and hashed.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{BackupError, CopyError};

const CHUNK: usize = 1024 * 1024;

/// A new file that only its owner may read, brought to the disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let written = create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|cause| BackupError::File { path: path.to_owned(), cause })
}

/// SHA-256 of a file in hexadecimal; what it reads also goes to a new file, if one is named.
pub(super) fn hashed(
    path: &Path,
    copy: Option<&Path>,
    watch: &mut dyn FnMut(u64, u64) -> Result<(), CopyError>,
) -> Result<String, BackupError> {
    let unread = |cause| BackupError::File { path: path.to_owned(), cause };
    let unwritten = |cause| BackupError::File { path: copy.unwrap_or(path).to_owned(), cause };
    let mut from = File::open(path).map_err(unread)?;
    let of = from.metadata().map_err(unread)?.len();
    let mut to = copy.map(create).transpose().map_err(unwritten)?;
    let (mut hash, mut done, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = from.read(&mut chunk).map_err(unread)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        if let Some(to) = &mut to {
            to.write_all(&chunk[..read]).map_err(unwritten)?;
        }
        done += read as u64;
        watch(done, of)?;
    }
    if let Some(to) = to {
        to.sync_all().map_err(unwritten)?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Brings the names in a folder to the disk.
pub(super) fn sync(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|cause| BackupError::File { path: folder.to_owned(), cause })
}

fn create(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}
