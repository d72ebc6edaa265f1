//! Every configuration key stands in the documents for operators, and none that is gone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Repository};

const WRITTEN: &str = "crates/server/src/config/written.rs";
/// Large sections have files of their own.
const SECTIONS: &str = "crates/server/src/config/written/";
const DOCUMENTS: [&str; 2] = ["docs/configuration.md", "docs/configuration.zh-CN.md"];
const EXAMPLE: &str = "docs/grandstand.toml";

/// Section and key of each entry of a file, with the index of its line.
type Reader = for<'a> fn(&'a str) -> Vec<(usize, Key<'a>)>;

/// Section and key, such as `limits` and `frame`. A section in another is `apps.levels`.
type Key<'a> = (&'a str, &'a str);

/// Compares the structs of `written.rs` with the tables of the documents and with the example file, both ways.
pub(super) fn every_key_is_documented(repository: &Repository) -> Vec<Finding> {
    let Some(source) = repository.text(WRITTEN) else {
        return vec![Finding::file(WRITTEN, "is missing; xtask/src/tidy/configuration.rs reads it")];
    };
    let sections = repository.texts().filter(|(path, _)| path.starts_with(SECTIONS));
    let source = sections.fold(source.to_owned(), |all, (_, section)| all + section);
    let keys = keys_of_structs(&source);
    if keys.is_empty() {
        return vec![Finding::file(WRITTEN, "no key found; has the form changed?")];
    }
    let files = DOCUMENTS.map(|document| (document, rows_of_tables as Reader)).into_iter();
    let files = files.chain([(EXAMPLE, keys_of_toml as Reader)]);
    files.flat_map(|(file, entries)| compare(repository, file, entries, &keys)).collect()
}

fn compare(
    repository: &Repository,
    document: &str,
    entries: Reader,
    keys: &BTreeSet<(String, &str)>,
) -> Vec<Finding> {
    let Some(text) = repository.text(document) else {
        return vec![Finding::file(document, "is missing")];
    };
    let rows = entries(text);
    let keys: BTreeSet<Key> = keys.iter().map(|(section, key)| (section.as_str(), *key)).collect();
    let documented: BTreeSet<Key> = rows.iter().map(|(_, row)| *row).collect();
    let missing = keys.difference(&documented);
    let missing =
        missing.map(|(section, key)| Finding::file(document, format!("[{section}] {key} is missing")));
    let gone = rows.iter().filter(|(_, row)| !keys.contains(row));
    let gone = gone
        .map(|(line, (section, key))| Finding::line(document, *line, format!("no key [{section}] {key}")));
    missing.chain(gone).collect()
}

/// The keys of `Written`. A field whose type is a struct of the file is a section, and its name the section's.
fn keys_of_structs(source: &str) -> BTreeSet<(String, &str)> {
    let structs = structs(source);
    let mut keys = BTreeSet::new();
    let mut sections = vec![(String::new(), "Written")];
    while let Some((section, of_struct)) = sections.pop() {
        for (key, of_type) in structs.get(of_struct).into_iter().flatten() {
            if structs.contains_key(of_type) {
                let dot = if section.is_empty() { "" } else { "." };
                sections.push((format!("{section}{dot}{key}"), of_type));
            } else {
                keys.insert((section.clone(), *key));
            }
        }
    }
    keys
}

/// The fields of each struct, as they are written in a file, with their types: `App` for `Vec<App>`, too.
fn structs(source: &str) -> BTreeMap<&str, Vec<Key<'_>>> {
    let mut structs: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
    let (mut of_struct, mut renamed) = (None, None);
    for line in source.lines() {
        if let Some(rest) = after_visibility(line).and_then(|rest| rest.strip_prefix("struct ")) {
            of_struct = rest.split([' ', '{']).next();
        } else if line == "}" {
            of_struct = None;
        }
        let line = line.trim_start();
        if let Some((_, rest)) = line.strip_prefix("#[serde(").and_then(|rest| rest.split_once("rename = \""))
        {
            renamed = rest.split('"').next();
        }
        let field = after_visibility(line).and_then(|rest| rest.split_once(": "));
        if let (Some(of_struct), Some((name, of_type))) = (of_struct, field) {
            let of_type = of_type.rsplit('<').next().unwrap_or(of_type).trim_end_matches(['>', ',']);
            structs.entry(of_struct).or_default().push((renamed.take().unwrap_or(name), of_type));
        }
    }
    structs
}

/// The rest of a line that `config` can see, from `written.rs` or from a file below it.
fn after_visibility(line: &str) -> Option<&str> {
    line.strip_prefix("pub(super) ").or_else(|| line.strip_prefix("pub(in crate::config) "))
}

/// Rows such as "| `frame` | …" below a heading such as "## `[limits]`", with their line's index.
fn rows_of_tables(text: &str) -> Vec<(usize, Key<'_>)> {
    let mut rows = Vec::new();
    let mut section = None;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            section = line.split('`').nth(1).map(|name| name.trim_matches(['[', ']']));
        } else if let (Some(section), Some(rest)) = (section, line.strip_prefix("| `")) {
            rows.extend(rest.split('`').next().map(|key| (index, (section, key))));
        }
    }
    rows
}

/// Keys of a TOML file, also those that are commented out.
fn keys_of_toml(text: &str) -> Vec<(usize, Key<'_>)> {
    let mut keys = Vec::new();
    let mut section = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if line.starts_with('[') {
            section = Some(line.trim_matches(['[', ']']));
        } else if let (Some(section), Some((key, _))) = (section, line.split_once(" = ")) {
            keys.push((index, (section, key)));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    const SOURCE: &str = "pub(super) struct Written {\n    pub(super) client_limits: ClientLimits,\n    \
        pub(super) apps: Vec<App>,\n}\n\
        pub(super) struct ClientLimits {\n    /// Messages.\n    pub(super) send: u32,\n    pub(super) other: u32,\n}\n\
        pub(super) struct App {\n    pub(super) id: String,\n}\n";
    const COMPLETE: &str =
        "# Keys\n## `[client_limits]`\n| `send` | `60` |\n| `other` | `30` |\n## `[[apps]]`\n| `id` | |\n";

    const EXAMPLE_FILE: &str = "[client_limits]\nsend = 60\n# other = 30\n\n[[apps]]\nid = \"\"\n";

    fn check_files(english: &str, example: &str, expected: &[&str]) {
        let files =
            [(WRITTEN, SOURCE), (DOCUMENTS[0], english), (DOCUMENTS[1], COMPLETE), (EXAMPLE, example)];
        assert_eq!(findings(every_key_is_documented, &files), expected);
    }

    fn check(english: &str, expected: &[&str]) {
        check_files(english, EXAMPLE_FILE, expected);
    }

    #[test]
    fn every_key_has_its_row() {
        check(COMPLETE, &[]);
        check(
            "## `[client_limits]`\n| `send` |\n## `[[apps]]`\n| `id` |\n",
            &["docs/configuration.md: [client_limits] other is missing"],
        );
    }

    #[test]
    fn no_row_is_left_over() {
        let more = format!("{COMPLETE}| `gone` | |\n");
        check(&more, &["docs/configuration.md:7: no key [apps] gone"]);
    }

    #[test]
    fn the_example_holds_every_key() {
        let less = EXAMPLE_FILE.replace("# other = 30\n", "");
        check_files(COMPLETE, &less, &["docs/grandstand.toml: [client_limits] other is missing"]);
        let more = EXAMPLE_FILE.replace("other", "others");
        let expected = [
            "docs/grandstand.toml: [client_limits] other is missing",
            "docs/grandstand.toml:3: no key [client_limits] others",
        ];
        check_files(COMPLETE, &more, &expected);
    }

    #[test]
    fn a_section_may_stand_in_another_and_a_key_may_have_another_name() {
        let source = "pub(super) struct Written {\n    pub(super) apps: Vec<App>,\n}\n\
            pub(super) struct App {\n    pub(super) id: Option<String>,\n    pub(super) levels: Vec<Rule>,\n}\n\
            pub(super) struct Rule {\n    #[serde(default, rename = \"override\")]\n    \
            pub(super) overrides: bool,\n    pub(super) level: Level,\n}\n";
        let keys = keys_of_structs(source).into_iter();
        let keys: Vec<_> = keys.map(|(section, key)| format!("[{section}] {key}")).collect();
        assert_eq!(keys, ["[apps] id", "[apps.levels] level", "[apps.levels] override"]);
    }

    #[test]
    fn a_missing_document_is_told() {
        let files = [(WRITTEN, SOURCE), (DOCUMENTS[0], COMPLETE), (EXAMPLE, EXAMPLE_FILE)];
        assert_eq!(findings(every_key_is_documented, &files), ["docs/configuration.zh-CN.md: is missing"]);
    }
}
