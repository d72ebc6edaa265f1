//! Why an archive cannot be written or read, in words that say what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk, or the lack of permission.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// There is something in the folder already.
    #[error("{} is not empty: choose another folder, or go on with the export that is in it", .0.display())]
    Occupied(PathBuf),
    /// There is no manifest: nothing was exported there, or the export has not ended.
    #[error("{} holds no manifest.json: is it an archive's folder, and has its export come to the end?", .0.display())]
    NoManifest(PathBuf),
    /// Not what a manifest looks like.
    #[error("manifest.json is not an archive's: {0}")]
    BadManifest(String),
    /// Made by a later program.
    #[error("the archive has version {0}, and this program reads version 1: use a newer one")]
    Version(u64),
    /// A manifest that names what no archive holds, such as a file elsewhere.
    #[error("manifest.json names {0:?}, which is no file of an archive")]
    Path(String),
    /// A file is not what the manifest says.
    #[error("{path} is damaged: {problem}; fetch it again, or export again")]
    Damaged {
        /// The file, below the archive's folder.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A line that is no row.
    #[error("{path}, line {line}: {problem}")]
    Line {
        /// The file, below the archive's folder.
        path: String,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The notes of an interrupted export cannot be used.
    #[error("{}: {problem}; remove the folder and export again", path.display())]
    BadState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl ArchiveError {
    /// For `map_err`.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }

    pub(super) fn damaged(path: &str, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }
}
