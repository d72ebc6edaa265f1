//! What cannot be taken: a file with each row as it was, and the reason.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::Value;

use super::{ImportError, source::Origin};

/// Why a row is set aside: a kind, by which the report counts, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) kind: &'static str,
    pub(super) detail: Cow<'static, str>,
}

pub(super) const NO_ROOM: Reason = Reason::plain("there is no such chat room here or in what is imported");

impl Reason {
    pub(super) const fn plain(kind: &'static str) -> Self {
        Self { kind, detail: Cow::Borrowed("") }
    }

    pub(super) fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, detail: Cow::Owned(detail.into()) }
    }
}

/// The file. There is none until something is set aside.
pub(super) struct Aside {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    line: u64,
    reason: String,
    /// The row, when it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Aside {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Writes a row with the reason, and counts the reason.
    pub(super) fn put(
        &mut self,
        file: &str,
        origin: &Origin,
        reason: &Reason,
        reasons: &mut BTreeMap<String, u64>,
    ) -> Result<(), ImportError> {
        *reasons.entry(reason.kind.to_owned()).or_default() += 1;
        let sentence = match &*reason.detail {
            "" => reason.kind.to_owned(),
            detail => format!("{}: {detail}", reason.kind),
        };
        let row: Option<Value> = serde_json::from_slice(&origin.raw).ok();
        let text = if row.is_none() { std::str::from_utf8(&origin.raw).ok() } else { None };
        let base64 = (row.is_none() && text.is_none()).then(|| STANDARD.encode(&origin.raw));
        let line = Line { file, line: origin.line, reason: sentence, row, text, base64 };
        self.write(&line).map_err(|cause| ImportError::Aside { path: self.path.clone(), cause })
    }

    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                // What people said stands in it.
                let mut owners = OpenOptions::new();
                owners.write(true).create(true).truncate(true).mode(0o600);
                self.file.insert(BufWriter::new(owners.open(&self.path)?))
            }
        };
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")
    }

    /// The file, if there is one, with everything on the disk.
    pub(super) fn finish(&mut self) -> Result<Option<PathBuf>, ImportError> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let finished = file.flush().and_then(|()| file.get_ref().sync_all());
        finished.map_err(|cause| ImportError::Aside { path: self.path.clone(), cause })?;
        Ok(Some(self.path.clone()))
    }
}
