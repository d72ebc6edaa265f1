//! Where answers go: tables and sentences for people, JSON for scripts.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;
use serde_json::{
    Serializer, Value,
    ser::{CharEscape, Formatter},
};

use super::{
    Trouble,
    text::{is_unshown, shown, width},
};

/// Standard output, in one of two forms.
pub(super) struct Output {
    json: bool,
    writer: BufWriter<Stdout>,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json, writer: BufWriter::new(io::stdout()) }
    }

    /// Whether scripts read it.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// What the server answered, or a row of it, in one line.
    pub(super) fn object(&mut self, value: &Value) -> Result<(), Trouble> {
        self.line(&json(value))
    }

    /// An answer for scripts, or what it means for people.
    pub(super) fn answer(
        &mut self,
        answer: &Value,
        sentence: impl FnOnce() -> String,
    ) -> Result<(), Trouble> {
        if self.json { self.object(answer) } else { self.line(&sentence()) }
    }

    pub(super) fn line(&mut self, line: &str) -> Result<(), Trouble> {
        writeln!(self.writer, "{line}").map_err(Trouble::Output)
    }

    pub(super) fn table(&mut self, table: &Table) -> Result<(), Trouble> {
        self.writer.write_all(table.render().as_bytes()).map_err(Trouble::Output)
    }

    /// Names and values, one a line.
    pub(super) fn pairs(&mut self, pairs: &[(&str, String)]) -> Result<(), Trouble> {
        let widest = pairs.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        for (name, value) in pairs {
            let gap = " ".repeat(widest - width(name) + 2);
            self.line(&format!("{name}{gap}{value}"))?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), Trouble> {
        self.writer.flush().map_err(Trouble::Output)
    }
}

/// Says something beside the answer, which scripts do not read.
pub(super) fn remark(text: &str) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Rows under their titles, aligned; texts are escaped as they come in.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(titles: [&str; N]) -> Self {
        Self { rows: vec![titles.map(str::to_owned).to_vec()] }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| shown(cell)).collect());
    }

    fn render(&self) -> String {
        let columns = self.rows[0].len();
        let widest = |at: usize| self.rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, widest) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(widest - width(cell) + 2));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// In one line, and harmless on a terminal.
pub(in crate::program) fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    // A value of ours always has text keys, and a vector takes everything.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, Harmless));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// JSON in which characters that a terminal would obey stand as escapes: the same values to whoever parses it.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unshown) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let char = rest[at..].chars().next().unwrap_or_default();
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + char.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let text = match escape {
            CharEscape::Quote => "\\\"",
            CharEscape::ReverseSolidus => "\\\\",
            CharEscape::Solidus => "\\/",
            CharEscape::Backspace => "\\b",
            CharEscape::FormFeed => "\\f",
            CharEscape::LineFeed => "\\n",
            CharEscape::CarriageReturn => "\\r",
            CharEscape::Tab => "\\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04x}"),
        };
        writer.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_means_the_same_and_harms_no_terminal() {
        let value = json!({ "a\u{9b}": ["\u{1b}[2J", "\u{202e}x\u{7f}", "房间 👍", "q\"\\\n", "\u{e0041}"], "n": 1.5 });
        let text = super::json(&value);
        assert!(!text.contains(is_unshown), "{text:?}");
        assert!(text.contains("房间 👍") && text.contains("\\u009b") && text.contains("\\u202e"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_stand_under_their_titles() {
        let mut table = Table::new(["ID", "NAME", "N"]);
        table.row(["1".to_owned(), "决赛".to_owned(), "2".to_owned()]);
        table.row(["22\n".to_owned(), String::new(), "3".to_owned()]);
        assert_eq!(table.render(), "ID    NAME  N\n1     决赛  2\n22\\n        3\n");
    }
}
