//! The rules of this repository that no compiler and no linter knows: `cargo xtask tidy`.

mod architecture;
mod arrows;
mod configuration;
mod files;
mod lines;

use std::{collections::BTreeMap, error::Error, fmt, fs, path::Path, process::Command};

/// Every rule; each reads the repository and says what it does not like.
const RULES: [fn(&Repository) -> Vec<Finding>; 9] = [
    files::names,
    files::sizes,
    files::first_lines,
    lines::open_ends,
    lines::foreign_paths,
    lines::registries,
    arrows::crates,
    architecture::names_what_exists,
    configuration::every_key_is_documented,
];

/// Runs all rules over the files that git knows or would add.
pub(crate) fn check() -> Result<String, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let repository = Repository::read(&root)?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&repository)).collect();
    if findings.is_empty() {
        return Ok(format!("{} files are tidy", repository.files.len()));
    }
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(format!("{}\n{} to tidy up", list.join("\n"), list.len()).into())
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; `None` for the file as a whole.
    line: Option<usize>,
    what: String,
}

impl Finding {
    fn file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }

    fn line(path: &str, index: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(index + 1), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.path, self.what),
            None => write!(out, "{}: {}", self.path, self.what),
        }
    }
}

/// The files of the repository, by path from its root with `/` between folders.
struct Repository {
    files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    fn read(root: &Path) -> Result<Self, Box<dyn Error>> {
        // Files not yet added count too: a rule that speaks up only after `git add` speaks late.
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        // In containers the files often belong to another user, which git takes amiss.
        let git = ["-c", "safe.directory=*", "-C"];
        let listing = Command::new("git").args(git).arg(root).args(args).output()?;
        if !listing.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr)).into());
        }
        let names = String::from_utf8(listing.stdout)?;
        let mut files = BTreeMap::new();
        for name in names.split_terminator('\0') {
            match fs::read(root.join(name)) {
                Ok(content) => files.insert(name.to_owned(), content),
                // Deleted, and the deletion not yet staged.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(format!("cannot read {name}: {error}").into()),
            };
        }
        Ok(Self { files })
    }

    /// The files that are text.
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, bytes)| Some((path.as_str(), str::from_utf8(bytes).ok()?)))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).and_then(|bytes| str::from_utf8(bytes).ok())
    }

    /// Whether a file or a folder of this name is there.
    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.contains_key(path) || self.files.keys().any(|file| is_inside(file, path))
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
        }
    }
}

fn is_inside(file: &str, folder: &str) -> bool {
    file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// What a rule says of a repository of these files, as lines.
#[cfg(test)]
fn findings(rule: fn(&Repository) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Repository::of(files)).iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_exists_when_a_file_lies_in_it() {
        let repository = Repository::of(&[("crates/room/src/lib.rs", "")]);
        for there in ["crates", "crates/room/", "crates/room/src/lib.rs"] {
            assert!(repository.has(there), "{there}");
        }
        for absent in ["crates/roo", "room", "crates/room/src/lib"] {
            assert!(!repository.has(absent), "{absent}");
        }
    }

    #[test]
    fn a_finding_says_where() {
        assert_eq!(Finding::line("a.rs", 0, "odd").to_string(), "a.rs:1: odd");
        assert_eq!(Finding::file("a.rs", "odd").to_string(), "a.rs: odd");
    }
}
