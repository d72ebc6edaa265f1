//! ARCHITECTURE.md names only what exists: paths in the repository, names in the Rust code.

use std::collections::HashSet;

use super::{Finding, Repository};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// Endings by which a name without a slash is still taken for a file.
const FILE_ENDINGS: [&str; 5] = [".rs", ".md", ".toml", ".proto", ".sql"];

/// Whatever stands in backticks and looks like a path or a Rust name is looked up.
pub(super) fn names_what_exists(repository: &Repository) -> Vec<Finding> {
    let Some(document) = repository.text(DOCUMENT) else {
        return vec![Finding::file(DOCUMENT, "is missing")];
    };
    let words = rust_words(repository);
    let mut found = Vec::new();
    let mut in_block = false;
    for (index, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let absent = quoted(line).filter_map(|name| absent(repository, &words, name));
            found.extend(absent.map(|what| Finding::line(DOCUMENT, index, what)));
        }
    }
    found
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn absent(repository: &Repository, words: &HashSet<&str>, name: &str) -> Option<String> {
    if is_path(name) {
        return (!repository.has(name)).then(|| format!("`{name}` does not exist"));
    }
    let parts = rust_name(name)?;
    let unknown = parts.into_iter().find(|part| !words.contains(part))?;
    Some(format!("`{unknown}` does not occur in the Rust code"))
}

/// `/v1/route` and `wss://…` are addresses, not paths of the repository.
fn is_path(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    plain
        && !name.starts_with('/')
        && (name.contains('/') || FILE_ENDINGS.iter().any(|end| name.ends_with(end)))
}

/// The parts of `Type`, `Type::method`, `function()` or `snake_case`; a single lower-case word is just a word.
fn rust_name(name: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = name.trim_end_matches("()").split("::").collect();
    let identifier =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let single = |part: &str| part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let telling = parts.len() > 1
        || name.ends_with("()")
        || name.contains('_')
        || (name.starts_with(|c: char| c.is_ascii_uppercase()) && !single(name));
    (telling && parts.iter().all(identifier)).then_some(parts)
}

/// Every word of the Rust sources outside comments: what is gone but still talked about does not count.
fn rust_words(repository: &Repository) -> HashSet<&str> {
    let sources = repository.texts().filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("xtask/"));
    let code = sources.flat_map(|(_, text)| text.lines()).filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    const SOURCE: &str =
        "//! The Gone type once.\npub struct Outbox;\nimpl Outbox { fn push_all(&self) {} }\n";

    fn check(document: &str, expected: &[&str]) {
        let files = [(DOCUMENT, document), ("crates/server/src/outbox.rs", SOURCE)];
        assert_eq!(findings(names_what_exists, &files), expected, "{document}");
    }

    #[test]
    fn what_exists_may_be_named() {
        check(
            "`crates/server/src/outbox.rs` in `crates/server/` holds `Outbox`, `Outbox::push_all`, `push_all()`.",
            &[],
        );
    }

    #[test]
    fn words_commands_and_addresses_are_not_looked_up() {
        check(
            "`room`, `HIGH`, `make run`, `/v1/route`, `wss://host/`, `4109`, `a b::c`\n```\n`Gone`\n```\n",
            &[],
        );
    }

    #[test]
    fn what_is_gone_is_found() {
        check(
            "x\n`crates/server/src/gone.rs`",
            &["ARCHITECTURE.md:2: `crates/server/src/gone.rs` does not exist"],
        );
        check("`gone.rs`", &["ARCHITECTURE.md:1: `gone.rs` does not exist"]);
        check("`Gone`", &["ARCHITECTURE.md:1: `Gone` does not occur in the Rust code"]);
        check("`Outbox::gone()`", &["ARCHITECTURE.md:1: `gone` does not occur in the Rust code"]);
        check("`no_such_thing`", &["ARCHITECTURE.md:1: `no_such_thing` does not occur in the Rust code"]);
    }

    #[test]
    fn the_document_itself_must_be_there() {
        assert_eq!(findings(names_what_exists, &[]), ["ARCHITECTURE.md: is missing"]);
    }
}
