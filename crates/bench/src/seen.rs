//! Which sequences have come: a bit for each.

#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    words: Vec<u64>,
}

impl Seen {
    /// Whether it had not come before.
    pub(crate) fn insert(&mut self, sequence: u32) -> bool {
        let (word, bit) = (sequence as usize / 64, 1 << (sequence % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let first = self.words[word] & bit == 0;
        self.words[word] |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sequence_is_new_once() {
        let mut seen = Seen::default();
        for sequence in [1, 64, 63, 1000] {
            assert!(seen.insert(sequence) && !seen.insert(sequence), "{sequence}");
        }
        assert!(seen.insert(999));
    }
}
