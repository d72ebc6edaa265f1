//! The arrows between crates, as in ARCHITECTURE.md; dev-dependencies are free.

use toml::{Table, Value};

use super::{Finding, Repository};

/// Folder under crates/, its package, and the packages of this workspace that it may build on.
const CRATES: [(&str, &str, &[&str]); 8] = [
    ("protocol", "grandstand-protocol", &[]),
    ("room", "grandstand-room", &["grandstand-protocol"]),
    ("migrate", "grandstand-migrate", &["grandstand-room", "grandstand-protocol"]),
    ("rehearse", "grandstand-rehearse", &["grandstand-protocol"]),
    ("doctor", "grandstand-doctor", &["grandstand-protocol"]),
    (
        "server",
        "grandstand",
        &[
            "grandstand-doctor",
            "grandstand-migrate",
            "grandstand-rehearse",
            "grandstand-room",
            "grandstand-protocol",
        ],
    ),
    ("client", "grandstand-client", &["grandstand-protocol"]),
    ("bench", "grandstand-bench", &["grandstand-client", "grandstand-protocol"]),
];

/// Folders whose crates have no I/O and no async; time and randomness are arguments there.
const PURE: [&str; 2] = ["protocol", "room"];
const IMPURE: [&str; 9] =
    ["async-trait", "futures-util", "hyper", "rand", "reqwest", "rusqlite", "socket2", "tokio", "tokio-util"];

/// Every crate is in the table, and builds only on what stands beside it.
pub(super) fn crates(repository: &Repository) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in repository.texts() {
        let Some(folder) = path.strip_prefix("crates/").and_then(|path| path.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        match CRATES.iter().find(|(known, ..)| *known == folder) {
            Some((_, name, allowed)) => found.extend(manifest(path, text, folder, name, allowed)),
            None => found.push(Finding::file(path, "a new crate: give it a row in xtask/src/tidy/arrows.rs")),
        }
    }
    found
}

fn manifest(path: &str, text: &str, folder: &str, name: &str, allowed: &[&str]) -> Vec<Finding> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![Finding::file(path, format!("is no TOML: {error}"))],
    };
    let mut found = Vec::new();
    let package = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    if package != Some(name) {
        found.push(Finding::line(
            path,
            line_of(text, "name"),
            format!("the package of this folder is {name}"),
        ));
    }
    for dependency in dependencies(&table) {
        let line = line_of(text, dependency);
        if is_ours(dependency) && !allowed.contains(&dependency) {
            found.push(Finding::line(path, line, format!("{name} must not depend on {dependency}")));
        }
        if PURE.contains(&folder) && IMPURE.contains(&dependency) {
            found.push(Finding::line(
                path,
                line,
                format!("{name} has no I/O, no async and no chance: no {dependency}"),
            ));
        }
    }
    found
}

/// The names of ordinary and build dependencies, also of single targets.
fn dependencies(table: &Table) -> Vec<&str> {
    let targets = table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let holders = targets.filter_map(Value::as_table).chain([table]);
    let sections =
        holders.flat_map(|holder| ["dependencies", "build-dependencies"].map(|name| holder.get(name)));
    let entries = sections.flatten().filter_map(Value::as_table).flatten();
    entries.map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key)).collect()
}

fn is_ours(dependency: &str) -> bool {
    CRATES.iter().any(|(_, name, _)| *name == dependency) || dependency.starts_with("grandstand")
}

fn line_of(text: &str, key: &str) -> usize {
    text.lines().position(|line| line.trim_start().starts_with(key)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    fn check(folder: &str, name: &str, rest: &str, expected: &[&str]) {
        let path = format!("crates/{folder}/Cargo.toml");
        let text = format!("[package]\nname = \"{name}\"\n{rest}");
        assert_eq!(findings(crates, &[(&path, &text)]), expected, "{folder}: {rest}");
    }

    #[test]
    fn arrows_follow_the_table() {
        check("room", "grandstand-room", "[dependencies]\ngrandstand-protocol.workspace = true\n", &[]);
        check(
            "room",
            "grandstand-room",
            "[dependencies]\ngrandstand.workspace = true\n",
            &["crates/room/Cargo.toml:4: grandstand-room must not depend on grandstand"],
        );
        check(
            "client",
            "grandstand-client",
            "[target.'cfg(unix)'.dependencies]\nrules = { package = \"grandstand-room\", path = \"../room\" }\n",
            &["crates/client/Cargo.toml:1: grandstand-client must not depend on grandstand-room"],
        );
        check("client", "grandstand-client", "[dev-dependencies]\ngrandstand.workspace = true\n", &[]);
    }

    #[test]
    fn rules_and_protocol_stay_pure() {
        check(
            "protocol",
            "grandstand-protocol",
            "[dependencies]\ntokio.workspace = true\n",
            &[
                "crates/protocol/Cargo.toml:4: grandstand-protocol has no I/O, no async and no chance: no tokio",
            ],
        );
        check("server", "grandstand", "[dependencies]\ntokio.workspace = true\n", &[]);
    }

    #[test]
    fn a_crate_is_named_for_its_folder_and_stands_in_the_table() {
        check(
            "room",
            "rules",
            "",
            &["crates/room/Cargo.toml:2: the package of this folder is grandstand-room"],
        );
        let unknown = ["crates/extra/Cargo.toml: a new crate: give it a row in xtask/src/tidy/arrows.rs"];
        check("extra", "grandstand-extra", "", &unknown);
    }
}
