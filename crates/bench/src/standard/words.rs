//! What the benchmark page says, in both languages; the figures come from the runs.

mod chinese;
mod english;

pub(super) use chinese::CHINESE;
pub(super) use english::ENGLISH;

/// All the words of a page in one language.
#[derive(Debug)]
pub(super) struct Language {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    /// To the page in the other language.
    pub(super) link: &'static str,
    /// What the page is, and how everything was measured.
    pub(super) introduction: &'static str,
    /// Headings of the machine's table: machine, memory, kernel, data folder on, tool, commit, time.
    pub(super) machine: [&'static str; 7],
    /// Headings of the tables of figures: what, figure, measured, goal, met.
    pub(super) columns: [&'static str; 5],
    pub(super) met: &'static str,
    pub(super) missed: &'static str,
    pub(super) not_measured: &'static str,
    /// Around the name of the row whose figure is the measure.
    pub(super) of: [&'static str; 2],
    pub(super) overview: &'static str,
    pub(super) command: &'static str,
    pub(super) runs: &'static str,
    pub(super) warnings: &'static str,
    pub(super) elsewhere: &'static str,
    /// Row, title, meaning.
    pub(super) rows: &'static [(&'static str, &'static str, &'static str)],
    /// Key of a figure, and its name.
    pub(super) figures: &'static [(&'static str, &'static str)],
}

impl Language {
    /// Title and meaning of a row.
    pub(super) fn row(&self, name: &str) -> (&'static str, &'static str) {
        let found = self.rows.iter().find(|row| row.0 == name);
        found.map_or(("", ""), |&(_, title, meaning)| (title, meaning))
    }

    pub(super) fn figure(&self, key: &str) -> &'static str {
        self.figures.iter().find(|figure| figure.0 == key).map_or("", |figure| figure.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::rows::ROWS;

    #[test]
    fn every_row_and_figure_has_its_words() {
        for language in [&ENGLISH, &CHINESE] {
            for row in ROWS {
                let (title, meaning) = language.row(row.name);
                assert!(!title.is_empty() && !meaning.is_empty(), "{}: {}", language.file, row.name);
                for shown in row.figures {
                    assert!(!language.figure(shown.key).is_empty(), "{}: {}", language.file, shown.key);
                }
            }
            let is_used = |key: &str| ROWS.iter().flat_map(|row| row.figures).any(|shown| shown.key == key);
            for (key, _) in language.figures {
                assert!(is_used(key), "{}: {key} is of no row", language.file);
            }
            for (name, ..) in language.rows {
                assert!(ROWS.iter().any(|row| row.name == *name), "{}: {name} is no row", language.file);
            }
        }
    }
}
