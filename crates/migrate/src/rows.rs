//! The rows of a file of LeanCloud's storage export: a JSON array, one JSON object a line, or BSON as mongodump writes
//! it, each also gzipped. Memory is bounded by the largest row; a broken one does not end the rest.

mod bson;
mod json;
mod plain;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};

/// Largest row, in bytes: what MongoDB takes.
const MAX_ROW: usize = 16 * 1024 * 1024;

/// Levels of objects and arrays in a row. JSON's parser stops at 128.
const DEPTH: usize = 100;

/// Why a file cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The disk, or the lack of permission, or a gzip file that is cut off.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Neither JSON nor BSON.
    #[error("{} is neither JSON nor BSON, and no archive's folder", .0.display())]
    Foreign(PathBuf),
    /// Another class than was asked for.
    #[error("{} holds rows of {class}, not of _Conversation", path.display())]
    Class {
        /// The file.
        path: PathBuf,
        /// Its class.
        class: String,
    },
    /// From here on rows cannot be told apart.
    #[error("{} cannot be read any further after row {row}: {problem}", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// How many rows there were before.
        row: u64,
        /// What is wrong.
        problem: String,
    },
}

/// One row of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// From 1: the line in a file of lines, else the row.
    pub number: u64,
    /// Its columns, or why it has none.
    pub columns: Result<Map<String, Value>, String>,
    /// The row as it was; empty for a sound one of BSON, whose columns say the same.
    pub raw: Vec<u8>,
}

/// The rows of a file.
pub struct Rows {
    path: PathBuf,
    form: Form,
    done: bool,
    position: Arc<AtomicU64>,
}

type Source = BufReader<Box<dyn Read + Send>>;

enum Form {
    Lines(json::Lines<Source>),
    Array(json::Array<Source>),
    Bson(bson::Documents<Source>),
}

/// What a form finds.
enum Found {
    Row(Row),
    /// A header that names the class of the rows.
    Class(String),
    End,
    Lost {
        row: u64,
        problem: String,
    },
}

impl Rows {
    /// Opens a file and finds out what it is.
    ///
    /// # Errors
    /// When it cannot be read, or is nothing of this kind.
    pub fn open(path: &Path) -> Result<Self, RowsError> {
        let failed = |cause| RowsError::Io { path: path.to_owned(), cause };
        let position = Arc::new(AtomicU64::new(0));
        let file = Counted { file: File::open(path).map_err(failed)?, position: Arc::clone(&position) };
        let mut file = BufReader::with_capacity(64 * 1024, file);
        let is_gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let source: Box<dyn Read + Send> =
            if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut source = BufReader::with_capacity(64 * 1024, source);
        let form = match kind(fill(&mut source).map_err(failed)?) {
            Some(Guess::Lines) => Form::Lines(json::Lines::new(source)),
            Some(Guess::Array) => Form::Array(json::Array::new(source)),
            Some(Guess::Bson) => Form::Bson(bson::Documents::new(source)),
            None => return Err(RowsError::Foreign(path.to_owned())),
        };
        Ok(Self { path: path.to_owned(), form, done: false, position })
    }

    /// How far the file was read, in bytes of the file.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    fn advance(&mut self) -> Result<Option<Row>, RowsError> {
        let failed = |cause| RowsError::Io { path: self.path.clone(), cause };
        loop {
            let found = match &mut self.form {
                Form::Lines(lines) => lines.next(),
                Form::Array(array) => array.next(),
                Form::Bson(documents) => documents.next(),
            };
            match found.map_err(failed)? {
                Found::Row(row) => return Ok(Some(row)),
                Found::Class(class) if class == "_Conversation" => {}
                Found::Class(class) => return Err(RowsError::Class { path: self.path.clone(), class }),
                Found::End => return Ok(None),
                Found::Lost { row, problem } => {
                    return Err(RowsError::Lost { path: self.path.clone(), row, problem });
                }
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, RowsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let found = self.advance();
        self.done = !matches!(found, Ok(Some(_)));
        found.transpose()
    }
}

enum Guess {
    Lines,
    Array,
    Bson,
}

/// A reader may give fewer bytes than the first look needs.
fn fill(source: &mut Source) -> io::Result<&[u8]> {
    // Of a regular file or a gzip member, the first piece is only short when the file is.
    source.fill_buf()
}

/// BSON begins with a length below 2^25, so with a zero byte among the first four; JSON text has none.
fn kind(start: &[u8]) -> Option<Guess> {
    if start.len() >= 5 && start[..4].contains(&0) {
        return Some(Guess::Bson);
    }
    let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    match text.trim_ascii_start().first() {
        Some(b'[') => Some(Guess::Array),
        Some(b'{' | b'#') | None => Some(Guess::Lines),
        Some(_) => None,
    }
}

struct Counted {
    file: File,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The row of a JSON text.
fn of_json(number: u64, raw: Vec<u8>) -> Row {
    let columns = match serde_json::from_slice(&raw) {
        Ok(Value::Object(row)) => plain::row(row),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    };
    Row { number, columns, raw }
}
