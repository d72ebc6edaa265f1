//! The word filter: a list of words, found in messages however they are written, each hit replaced by `***`.

mod folding;
mod json;
mod list;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, PatternID};
use grandstand_protocol::Body;

pub use folding::Folding;
pub use list::{ListError, ListReader, MAX_BYTES, MAX_WORD, MAX_WORDS};

/// What stands in place of a word.
pub const MASK: &str = "***";

/// A list of words, ready for use. Building a long one keeps a processor busy for a while, above all when many of its
/// words begin with others, so it belongs on a thread where nobody waits; filtering a message does not.
#[derive(Debug)]
pub struct WordFilter {
    automaton: AhoCorasick,
    folding: Folding,
    words: usize,
}

/// A body with something replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    pub body: Body,
    /// Places in the list of the words that were found, one for each hit, in order.
    pub hits: Vec<usize>,
}

/// Where a word stands in a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The word's place in the list.
    pub word: usize,
    pub start: usize,
    pub end: usize,
}

impl WordFilter {
    /// Takes the words of a list. Of those that fold to the same, the first counts.
    ///
    /// # Errors
    /// [`ListError::TooLarge`] when there are more than an automaton takes.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>, folding: Folding) -> Result<Self, ListError> {
        let folded: Vec<String> = words.into_iter().map(|word| folding.fold(word)).collect();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            // A table of all transitions would be faster still, and of another order of size.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&folded)
            .map_err(|_| ListError::TooLarge)?;
        Ok(Self { automaton, folding, words: folded.len() })
    }

    /// How many words there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// How texts and words are compared.
    #[must_use]
    pub fn folding(&self) -> Folding {
        self.folding
    }

    /// Bytes in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.automaton.memory_usage()
    }

    /// The words in a text, from left to right; where several begin, the longest. None overlaps another.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Hit> {
        let folded = self.folding.fold(text);
        let mut places = Places::new(text, self.folding);
        let found = self.automaton.find_iter(&folded);
        found
            .map(|hit| Hit {
                word: PatternID::as_usize(&hit.pattern()),
                start: places.original(hit.start()),
                end: places.original(hit.end()),
            })
            .collect()
    }

    /// The text with every word replaced, if there was any. It may grow, by words shorter than their mask.
    #[must_use]
    pub fn mask(&self, text: &str) -> Option<(String, Vec<usize>)> {
        let hits = self.search(text);
        let mut masked = String::with_capacity(text.len());
        let mut copied = 0;
        for hit in &hits {
            masked.push_str(&text[copied..hit.start]);
            masked.push_str(MASK);
            copied = hit.end;
        }
        masked.push_str(&text[copied..]);
        (!hits.is_empty()).then(|| (masked, hits.into_iter().map(|hit| hit.word).collect()))
    }

    /// What is shown in place of this body. Of typed messages `_lctext` is filtered, of other JSON every string that is a
    /// value, and all else stays byte for byte; of other texts the whole. Bytes are left alone.
    #[must_use]
    pub fn filter(&self, body: &Body) -> Option<Filtered> {
        let Body::Text(text) = body else { return None };
        let (text, hits) = match json::texts(text) {
            Some(spans) => json::rewrite(text, spans, |text| self.mask(text)),
            None => self.mask(text),
        }?;
        Some(Filtered { body: Body::Text(text), hits })
    }
}

/// Translates places in a folded text to places in the original; asked from left to right.
struct Places<'a> {
    text: &'a str,
    folding: Folding,
    original: usize,
    folded: usize,
}

impl<'a> Places<'a> {
    fn new(text: &'a str, folding: Folding) -> Self {
        Self { text, folding, original: 0, folded: 0 }
    }

    fn original(&mut self, folded: usize) -> usize {
        let rest = &self.text[self.original..];
        for character in rest.chars() {
            if self.folded >= folded {
                break;
            }
            self.original += character.len_utf8();
            self.folded += self.folding.of(character).len_utf8();
        }
        self.original
    }
}
