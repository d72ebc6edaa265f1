//! Rules for single lines: open ends, paths of somebody's machine, package registries.

use super::{Finding, Repository};

/// In pieces, so that this file passes its own rule; likewise below.
const OPEN_ENDS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

const MACHINE_PATHS: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
    concat!("/tmp/", "target"),
];

/// Settings that would send everybody to one person's mirror, and the only sources they may name.
const REGISTRY_SETTINGS: [(&str, &[&str]); 7] = [
    (concat!("\"resol", "ved\": \"http"), &[]),
    (concat!("regis", "try+http"), &["registry+https://github.com/rust-lang/crates.io-index"]),
    (concat!("spar", "se+http"), &[]),
    (concat!("regis", "try=http"), &[]),
    (concat!("regis", "try = \"http"), &[]),
    (concat!("index-", "url"), &[]),
    (concat!("<reposi", "tory>"), &[]),
];

/// What is left to do has an issue, and the line names it.
pub(super) fn open_ends(repository: &Repository) -> Vec<Finding> {
    each_line(repository, |_, line| {
        let mark = OPEN_ENDS.iter().find(|mark| has_word(line, mark))?;
        (!names_an_issue(line)).then(|| format!("{mark} without an issue number such as #12"))
    })
}

/// No file knows where somebody keeps this repository.
pub(super) fn foreign_paths(repository: &Repository) -> Vec<Finding> {
    each_line(repository, |_, line| {
        let path = MACHINE_PATHS.iter().find(|path| line.contains(*path))?;
        Some(format!("\"{path}\" is a path of one machine"))
    })
}

/// No file sends its reader to a package registry of its own.
pub(super) fn registries(repository: &Repository) -> Vec<Finding> {
    each_line(repository, |_, line| {
        let (setting, _) = REGISTRY_SETTINGS.iter().find(|(setting, allowed)| {
            line.contains(setting) && !allowed.iter().any(|fine| line.contains(fine))
        })?;
        Some(format!("`{setting}…` fixes a package registry; leave the choice to the reader's own settings"))
    })
}

fn each_line(repository: &Repository, rule: impl Fn(&str, &str) -> Option<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in repository.texts() {
        let findings = text.lines().enumerate();
        found
            .extend(findings.filter_map(|(index, line)| Some(Finding::line(path, index, rule(path, line)?))));
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(letter) && !after.is_some_and(letter)
    })
}

fn names_an_issue(line: &str) -> bool {
    line.match_indices('#').any(|(at, _)| line[at + 1..].starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    #[test]
    fn open_ends_name_their_issue() {
        let [todo, fixme] = OPEN_ENDS;
        let text = format!("// {todo}: later\n// {todo} #12: later\n{fixme}\nlet {todo}S = 1;\n");
        assert_eq!(
            findings(open_ends, &[("a.rs", &text)]),
            [
                format!("a.rs:1: {todo} without an issue number such as #12"),
                format!("a.rs:3: {fixme} without an issue number such as #12"),
            ]
        );
    }

    #[test]
    fn paths_of_a_machine_are_refused() {
        for path in MACHINE_PATHS {
            let text = format!("fine\ncd {path}x\n");
            let expected = format!("a.sh:2: \"{path}\" is a path of one machine");
            assert_eq!(findings(foreign_paths, &[("a.sh", &text)]), [expected]);
        }
        assert!(
            findings(foreign_paths, &[("a.rs", "let home = \"home/\"; // http://host/demo/\n")]).is_empty()
        );
    }

    #[test]
    fn only_the_public_crate_index_may_be_named() {
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert!(findings(registries, &[("Cargo.lock", public)]).is_empty());
        for (setting, _) in REGISTRY_SETTINGS {
            let text = format!("  {setting}s://mirror.example/\n");
            assert_eq!(findings(registries, &[("a.lock", &text)]).len(), 1, "{text}");
        }
    }
}
