//! JSON rows: one a line, or the elements of one array.

use std::io::{self, BufRead, Read};

use serde::Deserialize;

use super::{Found, MAX_ROW, Row, of_json};

/// How the first line of LeanCloud's files begins.
const HEADER: &[u8] = b"#filetype:JSON-streaming";

/// What stands behind it.
#[derive(Deserialize)]
struct Header {
    class: String,
}

/// A file with one object a line.
pub(super) struct Lines<R> {
    source: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, number: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Found> {
        loop {
            let mut line = Vec::new();
            let count = (&mut self.source).take(MAX_ROW as u64 + 1).read_until(b'\n', &mut line)?;
            if count == 0 {
                return Ok(Found::End);
            }
            self.number += 1;
            if count > MAX_ROW {
                self.source.skip_until(b'\n')?;
                let columns = Err(format!("it is longer than {MAX_ROW} bytes; its beginning is kept"));
                line.truncate(4096);
                return Ok(Found::Row(Row { number: self.number, columns, raw: line }));
            }
            let text = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line).trim_ascii();
            if let Some(header) = text.strip_prefix(HEADER) {
                if let Ok(header) = serde_json::from_slice::<Header>(header) {
                    return Ok(Found::Class(header.class));
                }
            } else if !text.is_empty() {
                return Ok(Found::Row(of_json(self.number, text.to_vec())));
            }
        }
    }
}

/// A file that is one array.
pub(super) struct Array<R> {
    source: R,
    row: u64,
    place: Place,
}

enum Place {
    Before,
    Within,
    Behind,
}

/// Where the scanner is in an element.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl<R: BufRead> Array<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, row: 0, place: Place::Before }
    }

    pub(super) fn next(&mut self) -> io::Result<Found> {
        match self.place {
            Place::Before => {
                // Up to here there are only spaces, as the first look has found.
                self.source.skip_until(b'[')?;
                self.place = Place::Within;
                self.element()
            }
            Place::Within => self.element(),
            Place::Behind => self.rest(),
        }
    }

    fn element(&mut self) -> io::Result<Found> {
        let mut element = Vec::new();
        let mut nesting = Nesting::default();
        loop {
            let Some(byte) = self.byte()? else { return Ok(self.lost("it ends within the array")) };
            if nesting.is_inside() || !matches!(byte, b',' | b']') {
                nesting.step(byte);
                element.push(byte);
                if element.len() > MAX_ROW {
                    return Ok(self.lost("a row is too long"));
                }
                continue;
            }
            if byte == b']' {
                self.place = Place::Behind;
            }
            let text = element.trim_ascii();
            if !text.is_empty() {
                self.row += 1;
                return Ok(Found::Row(of_json(self.row, text.to_vec())));
            }
            if byte == b']' {
                return self.rest();
            }
        }
    }

    /// Rows behind the array would be lost in silence.
    fn rest(&mut self) -> io::Result<Found> {
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                return Ok(self.lost("there is something behind the array"));
            }
        }
        Ok(Found::End)
    }

    fn lost(&self, problem: &str) -> Found {
        Found::Lost { row: self.row, problem: problem.to_owned() }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.source.fill_buf()?.first().copied();
        self.source.consume(usize::from(byte.is_some()));
        Ok(byte)
    }
}

impl Nesting {
    fn is_inside(&self) -> bool {
        self.depth > 0 || self.in_text
    }

    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_text => self.escaped = true,
            b'"' => self.in_text = !self.in_text,
            _ if self.in_text => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
