//! `$regex` and `$options` as a pattern of the linear-time engine.

use regex::{Regex, RegexBuilder};

use super::QueryError;

/// Longest pattern, in bytes.
const PATTERN_BYTES: usize = 256;

/// Memory for one compiled pattern, and for the cache of one search: patterns come from anybody.
const COMPILED_BYTES: usize = 256 * 1024;

/// Nesting of groups in a pattern.
const NESTING: u32 = 32;

/// Compiles a pattern. `options` is the text of `$options`: any of `i`, `m`, `s`, `x`.
pub(super) fn compile(pattern: &str, options: &str) -> Result<Regex, QueryError> {
    if pattern.len() > PATTERN_BYTES {
        return Err(QueryError::PatternTooLong(PATTERN_BYTES));
    }
    let mut builder = RegexBuilder::new(&without_quotations(pattern));
    builder.size_limit(COMPILED_BYTES).dfa_size_limit(COMPILED_BYTES).nest_limit(NESTING);
    for option in options.chars() {
        match option {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            // The Java SDK's documentation writes "-i".
            '-' => &mut builder,
            _ => return Err(QueryError::UnknownOption(option)),
        };
    }
    builder.build().map_err(|error| QueryError::Pattern(reason(&error)))
}

/// The engine explains over several lines, with a drawing; the last line says what is wrong.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            r"it is too large when compiled; repeat less, or write [a-z0-9_] for \w and [0-9] for \d"
                .to_owned()
        }
        _ => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

/// Replaces each `\Q…\E`, with which SDKs quote plain text, by escaped characters. A quotation that is not closed
/// goes on to the end.
fn without_quotations(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        if let Some(quoted) = escape.strip_prefix(r"\Q") {
            let (text, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            text.chars().for_each(|character| push_literal(&mut out, character));
            rest = after;
        } else if let Some(after) = escape.strip_prefix(r"\E") {
            rest = after;
        } else {
            let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    out.push_str(rest);
    out
}

/// Spaces as numbers: with option `x` the engine would skip plain ones.
fn push_literal(out: &mut String, character: char) {
    if character.is_whitespace() {
        out.push_str(&format!(r"\x{{{:x}}}", u32::from(character)));
    } else {
        out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }
}
