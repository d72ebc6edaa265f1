//! The file's text with the environment's variables over it.

use serde::Deserialize;
use toml::{Table, Value};

use super::{ConfigError, Written};

const PREFIX: &str = "GRANDSTAND_";
const SECTIONS: [&str; 7] = ["SERVER", "TLS", "LIMITS", "FANOUT", "CLIENT_LIMITS", "RETENTION", "APPS"];

/// Parses the file, then puts each variable over it, in the order of their names.
///
/// The file is parsed by itself first: only then do its errors have a line. Each variable is tried by itself, so that
/// an error names it; only what a section lacks is asked at the end, because another variable may bring it.
pub(super) fn parse(
    file: &str,
    text: &str,
    environment: &[(String, String)],
) -> Result<Written, ConfigError> {
    let _: Written = toml::from_str(text).map_err(|error| malformed(file, text, &error))?;
    let mut table: Table = toml::from_str(text).map_err(|error| malformed(file, text, &error))?;
    let mut variables: Vec<_> = environment.iter().filter(|(name, _)| is_override(name)).collect();
    variables.sort();
    for (name, value) in variables {
        let refuse = |problem: String| ConfigError::Malformed { place: name.clone(), problem };
        let path = path_of(name).map_err(refuse)?;
        let mut last_problem = String::new();
        let accepted = readings(value).into_iter().find_map(|reading| {
            let mut attempt = table.clone();
            let result = put(&mut attempt, &path, reading).and_then(|()| understood(&attempt));
            result.map(|()| attempt).map_err(|problem| last_problem = problem).ok()
        });
        table = accepted.ok_or_else(|| refuse(last_problem))?;
    }
    let place = "the environment".to_owned();
    Written::deserialize(table).map_err(|error| ConfigError::Malformed { place, problem: plainly(&error) })
}

/// Whether every key is known and every value fits; a section may still lack some.
fn understood(table: &Table) -> Result<(), String> {
    match Written::deserialize(table.clone()) {
        Err(error) if !error.message().starts_with("missing field") => Err(plainly(&error)),
        _ => Ok(()),
    }
}

/// Whether a variable claims to be a setting. `GRANDSTAND_SERVER_BIND`, with one underscore too few, does: better to
/// refuse it than to ignore it. Other names with the prefix belong to someone else.
fn is_override(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.contains("__") || SECTIONS.iter().any(|section| rest.starts_with(&format!("{section}_")))
    })
}

/// `GRANDSTAND_CLIENT_LIMITS__SEND` is `client_limits.send`; `GRANDSTAND_APPS__0__KEY` is the first app's key.
fn path_of(name: &str) -> Result<Vec<String>, String> {
    let rest = name.trim_start_matches(PREFIX);
    let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    if path.len() < 2 || path.iter().any(String::is_empty) {
        return Err("two underscores stand between section and key, as in GRANDSTAND_SERVER__BIND".to_owned());
    }
    Ok(path)
}

/// What a variable's text may mean: a TOML value (`15000`, `true`, `["10.0.0.0/8"]`), or the text itself. The text
/// comes last, so that the problem reported is the one of the plainest reading.
fn readings(text: &str) -> Vec<Value> {
    let value =
        toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    value.into_iter().chain([Value::String(text.to_owned())]).collect()
}

fn put(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let [section, rest @ ..] = path else { return Err("names no key".to_owned()) };
    if rest.is_empty() {
        table.insert(section.clone(), value);
        return Ok(());
    }
    let empty =
        if rest[0].parse::<usize>().is_ok() { Value::Array(Vec::new()) } else { Value::Table(Table::new()) };
    match table.entry(section.clone()).or_insert(empty) {
        Value::Table(inner) => put(inner, rest, value),
        Value::Array(items) => put_item(items, rest, value),
        _ => Err(format!("`{section}` is no section")),
    }
}

fn put_item(items: &mut Vec<Value>, path: &[String], value: Value) -> Result<(), String> {
    let index: usize = path[0].parse().map_err(|_| format!("`{}` is no number of an entry", path[0]))?;
    if index > items.len() {
        return Err(format!("entry {index} comes before entry {}", items.len()));
    }
    if index == items.len() {
        items.push(Value::Table(Table::new()));
    }
    match &mut items[index] {
        Value::Table(inner) => put(inner, &path[1..], value),
        _ => Err(format!("entry {index} is no section")),
    }
}

/// A TOML error as `file:line:column: what`, followed by the line itself: serde names unknown keys, but of a bad
/// value only the line shows the key.
fn malformed(file: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let problem = plainly(error);
    let Some(span) = error.span() else {
        return ConfigError::Malformed { place: file.to_owned(), problem };
    };
    let before = &text[..span.start.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start_of_line..].chars().count() + 1;
    let shown = text[start_of_line..].lines().next().unwrap_or_default().trim();
    ConfigError::Malformed {
        place: format!("{file}:{line}:{column}"),
        problem: format!("{problem}\n    {shown}"),
    }
}

/// serde's words, with ours for what it calls a field or a sequence.
fn plainly(error: &toml::de::Error) -> String {
    let words = error.message().replace("unknown field", "unknown key");
    let words = words.replace("expected a sequence", "expected a list, such as [\"one\", \"two\"]");
    words.replace("invalid socket address syntax", "no address with a port; write \"127.0.0.1:8080\"")
}
