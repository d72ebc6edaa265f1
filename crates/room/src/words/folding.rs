//! Folding: characters that count as one and the same when words are compared.

use std::{collections::HashMap, sync::LazyLock};

/// Which differences do not count. Each character becomes one other, so that places can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folding {
    /// Large and small letters.
    pub case: bool,
    /// Full and half width: `ＡＢＣ` and `ABC`, `ｱ` and `ア`, the ideographic space and the other.
    pub width: bool,
    /// Traditional and simplified characters: `罵` and `骂`.
    pub script: bool,
}

impl Default for Folding {
    fn default() -> Self {
        Self { case: true, width: true, script: true }
    }
}

impl Folding {
    /// Nothing is folded.
    pub const NONE: Self = Self { case: false, width: false, script: false };

    /// What all characters that count as this one become.
    #[must_use]
    pub fn of(self, character: char) -> char {
        let mut folded = character;
        if self.width {
            folded = narrow(folded);
        }
        if self.case {
            folded = small(folded);
        }
        if self.script && !folded.is_ascii() {
            folded = SIMPLIFIED.get(&folded).copied().unwrap_or(folded);
        }
        folded
    }

    #[must_use]
    pub fn fold(self, text: &str) -> String {
        text.chars().map(|character| self.of(character)).collect()
    }
}

/// The capital's small letter, so that `ς`, `ſ` and `ı` are found like `σ`, `s` and `i`. A letter without another of the
/// same length in characters stays.
fn small(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let capital = one(character.to_uppercase()).unwrap_or(character);
    one(capital.to_lowercase()).unwrap_or(character)
}

fn one(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next();
    first.filter(|_| characters.next().is_none())
}

/// Full-width ASCII, the ideographic space, half-width katakana. Voiced kana are two characters in half width and one in
/// full width: these stay different.
fn narrow(character: char) -> char {
    const HALF_KANA: &str = "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";
    match character {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        '\u{ff61}'..='\u{ff9d}' => {
            HALF_KANA.chars().nth((u32::from(character) - 0xff61) as usize).unwrap_or(character)
        }
        _ => character,
    }
}

/// Traditional characters and their simplified forms; the file says where they are from.
static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let lines = include_str!("simplified.txt").lines().filter(|line| !line.starts_with('#'));
    let characters: Vec<char> = lines.flat_map(str::chars).collect();
    characters.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
});
