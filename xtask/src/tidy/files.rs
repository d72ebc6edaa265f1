//! Rules for files as a whole: names, sizes, first lines.

use super::{Finding, Repository};

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["utils", "util", "common", "helpers", "helper", "misc", "manager", "managers", "stuff"];

/// Above this, a file belongs somewhere else: everybody who clones pays for it for ever.
const MAX_BYTES: usize = 1024 * 1024;

/// How the first line of a source file begins; it says what the file is.
const FIRST_LINES: [(&str, &str); 9] = [
    (".rs", "//! "),
    (".ts", "// "),
    (".tsx", "// "),
    (".js", "// "),
    (".java", "// "),
    (".proto", "// "),
    (".css", "/* "),
    (".sql", "-- "),
    (".py", "# "),
];

/// No `mod.rs`, and no file or folder with an empty name.
pub(super) fn names(repository: &Repository) -> Vec<Finding> {
    repository.files.keys().filter_map(|path| Some(Finding::file(path, bad_name(path)?))).collect()
}

fn bad_name(path: &str) -> Option<String> {
    if path.ends_with("/mod.rs") || path == "mod.rs" {
        return Some("foo.rs beside foo/ instead of foo/mod.rs".to_owned());
    }
    let empty = path.split('/').find(|part| {
        let stem = part.split('.').next().unwrap_or(part);
        EMPTY_NAMES.contains(&stem.to_ascii_lowercase().as_str())
    })?;
    Some(format!("\"{empty}\" says nothing: name it for what is inside"))
}

/// No large file.
pub(super) fn sizes(repository: &Repository) -> Vec<Finding> {
    let large = repository.files.iter().filter(|(_, content)| content.len() > MAX_BYTES);
    large
        .map(|(path, content)| Finding::file(path, format!("{} bytes; 1 MiB is the limit", content.len())))
        .collect()
}

/// Every source file begins by saying what it is.
pub(super) fn first_lines(repository: &Repository) -> Vec<Finding> {
    repository.texts().filter_map(|(path, text)| first_line(path, text)).collect()
}

fn first_line(path: &str, text: &str) -> Option<Finding> {
    let (_, start) = FIRST_LINES.iter().find(|(ending, _)| path.ends_with(ending))?;
    let first = text.lines().find(|line| !line.starts_with("#!/")).unwrap_or("");
    let says_something = first.strip_prefix(start).is_some_and(|rest| rest.trim().len() > 3);
    if says_something {
        return None;
    }
    Some(Finding::line(path, 0, format!("the first line says what the file is: `{start}…`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    fn check_name(path: &str, fine: bool) {
        assert_eq!(findings(names, &[(path, "")]).is_empty(), fine, "{path}");
    }

    #[test]
    fn names_say_what_is_inside() {
        check_name("crates/room/src/history.rs", true);
        check_name("crates/room/src/commonwealth.rs", true);
        check_name("crates/room/src/history/mod.rs", false);
        check_name("crates/room/src/utils.rs", false);
        check_name("console/src/Helpers.ts", false);
        check_name("e2e/js/common/line.js", false);
    }

    #[test]
    fn a_large_file_is_refused() {
        let large = "x".repeat(MAX_BYTES + 1);
        let found = findings(sizes, &[("a.bin", &large), ("b.bin", &large[1..])]);
        assert_eq!(found, ["a.bin: 1048577 bytes; 1 MiB is the limit"]);
    }

    fn check_first_line(path: &str, text: &str, fine: bool) {
        assert_eq!(findings(first_lines, &[(path, text)]).is_empty(), fine, "{path}: {text:?}");
    }

    #[test]
    fn the_first_line_says_what_the_file_is() {
        check_first_line("a.rs", "//! A ring of frames.\n", true);
        check_first_line("a.rs", "use std::fmt;\n//! Late.\n", false);
        check_first_line("a.rs", "// Not for rustdoc.\n", false);
        check_first_line("a.rs", "//! .\n", false);
        check_first_line("a.rs", "", false);
        check_first_line("a.ts", "// The stage.\n", true);
        check_first_line("a.js", "#!/usr/bin/env node\n// The stage.\n", true);
        check_first_line("A.java", "package a;\n", false);
        check_first_line("a.sql", "-- Version 1.\n", true);
        check_first_line("a.json", "{}\n", true);
    }
}
