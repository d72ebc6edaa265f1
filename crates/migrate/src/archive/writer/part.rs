//! A file under way: compressed, counted and hashed as it is written.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::archive::{ArchiveError, reader::hexadecimal};

/// One gzip member of a file.
pub(super) struct Part {
    path: PathBuf,
    lines: u64,
    packer: GzEncoder<Counted>,
}

/// What a part has become.
pub(super) struct Written {
    pub(super) lines: u64,
    /// Of this part, compressed.
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

struct Counted {
    file: BufWriter<File>,
    bytes: u64,
    hash: Sha256,
}

impl Part {
    /// In a file of its own.
    pub(super) fn new(path: &Path) -> Result<Self, ArchiveError> {
        Self::open(path, OpenOptions::new().write(true).create(true).truncate(true))
    }

    /// At the end of a file.
    pub(super) fn append(path: &Path) -> Result<Self, ArchiveError> {
        Self::open(path, OpenOptions::new().append(true).create(true))
    }

    fn open(path: &Path, options: &OpenOptions) -> Result<Self, ArchiveError> {
        let file = BufWriter::new(options.open(path).map_err(ArchiveError::io(path))?);
        let counted = Counted { file, bytes: 0, hash: Sha256::new() };
        let packer = GzEncoder::new(counted, Compression::default());
        Ok(Self { path: path.to_owned(), lines: 0, packer })
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) fn error(&self, cause: io::Error) -> ArchiveError {
        ArchiveError::Io { path: self.path.clone(), cause }
    }

    /// Adds a line, with its end.
    pub(super) fn line(&mut self, text: &[u8]) -> Result<(), ArchiveError> {
        self.packer.write_all(text).map_err(|cause| self.error(cause))?;
        self.lines += 1;
        Ok(())
    }

    /// Writes what is left, down to the disk.
    pub(super) fn finish(self) -> Result<Written, ArchiveError> {
        let Self { path, lines, packer } = self;
        let end = || {
            let mut counted = packer.finish()?;
            counted.file.flush()?;
            counted.file.get_ref().sync_all()?;
            Ok((counted.bytes, hexadecimal(&counted.hash.finalize())))
        };
        let (bytes, sha256) = end().map_err(ArchiveError::io(&path))?;
        Ok(Written { lines, bytes, sha256 })
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
