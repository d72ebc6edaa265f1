//! A list of words as people write it: UTF-8, one word in a line. Read piece by piece, refused at the first mistake.

use std::collections::HashSet;

/// Words of a list.
pub const MAX_WORDS: usize = 100_000;

/// Characters of a word.
pub const MAX_WORD: usize = 64;

/// Bytes of all words of a list: what an automaton costs depends on them, whatever the words are. So many keep a
/// processor busy for less than a second and take a hundred megabytes while it is built; 100,000 words may have twenty
/// bytes each.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of all that is read, with spaces, empty lines and repeated words.
const MAX_READ: usize = 4 * MAX_BYTES;

/// Bytes of a line that is still read, its spaces and all. Most characters have four bytes at most.
const MAX_LINE: usize = 4 * MAX_WORD + 256;

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("line {0} is not UTF-8")]
    Encoding(usize),
    #[error("line {0} has a word of more than {MAX_WORD} characters")]
    LongWord(usize),
    #[error("line {0} has a control character")]
    Control(usize),
    #[error("the list has more than {MAX_WORDS} words")]
    TooMany,
    #[error("the words have more than {MAX_BYTES} bytes")]
    TooLarge,
}

/// Reads a list as it arrives. Spaces around words, empty lines, a byte order mark and repeated words are passed over.
/// What folding makes the same is kept: it can be switched off.
#[derive(Debug, Default)]
pub struct ListReader {
    words: Vec<String>,
    seen: HashSet<String>,
    bytes: usize,
    read: usize,
    line: Vec<u8>,
    lines: usize,
    repeated: usize,
}

impl ListReader {
    /// The next piece, which may end within a line or a character.
    ///
    /// # Errors
    /// [`ListError`] for what makes no list. The rest need not be read.
    pub fn read(&mut self, piece: &[u8]) -> Result<(), ListError> {
        self.read += piece.len();
        if self.read > MAX_READ {
            return Err(ListError::TooLarge);
        }
        let mut lines = piece.split(|&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        self.extend(first)?;
        for next in lines {
            self.end_line()?;
            self.extend(next)?;
        }
        Ok(())
    }

    /// The words, and how many were there more than once.
    ///
    /// # Errors
    /// [`ListError`] for the last line.
    pub fn finish(mut self) -> Result<(Vec<String>, usize), ListError> {
        self.end_line()?;
        Ok((self.words, self.repeated))
    }

    fn extend(&mut self, part: &[u8]) -> Result<(), ListError> {
        if self.line.len() + part.len() > MAX_LINE {
            return Err(ListError::LongWord(self.lines + 1));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), ListError> {
        self.lines += 1;
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| ListError::Encoding(self.lines))?;
        let text = if self.lines == 1 { text.trim_start_matches('\u{feff}') } else { text };
        let word = text.trim();
        if word.is_empty() {
            return Ok(());
        }
        if word.chars().count() > MAX_WORD {
            return Err(ListError::LongWord(self.lines));
        }
        if word.contains(char::is_control) {
            return Err(ListError::Control(self.lines));
        }
        if !self.seen.insert(word.to_owned()) {
            self.repeated += 1;
            return Ok(());
        }
        self.bytes += word.len();
        match () {
            () if self.words.len() == MAX_WORDS => Err(ListError::TooMany),
            () if self.bytes > MAX_BYTES => Err(ListError::TooLarge),
            () => {
                self.words.push(word.to_owned());
                Ok(())
            }
        }
    }
}
