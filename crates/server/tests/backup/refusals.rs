//! What the programs refuse, in words, with an exit code, and without leaving anything.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::{
    running::{Running, run},
    stock::{self, names, program, refusal},
};

fn backup(folder: &Path, out: &str) -> Command {
    let mut command = program("backup");
    command.current_dir(folder).args(["--data", "data", "--out", out]);
    command
}

fn restore(folder: &Path, from: &str, data: &str) -> Command {
    let mut command = program("restore");
    command.current_dir(folder).args([from, "--data", data]);
    command
}

#[test]
fn nothing_is_overwritten_and_a_folder_gets_backups_with_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stock::make(&folder.join("data"), 10);
    let output = run(&mut backup(folder, "one"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("10 messages") && said.contains("configuration file is not"), "{said}");
    assert_eq!(names(&folder.join("one")), ["SHA256SUMS", "grandstand.db", "manifest.json"]);
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("one"), 0o700);
    for name in names(&folder.join("one")) {
        assert_eq!(mode(&format!("one/{name}")), 0o600, "{name}");
    }

    fs::write(folder.join("file"), "mine").unwrap();
    for taken in ["one", "file"] {
        let (code, said) = refusal(&mut backup(folder, taken));
        assert!(code == 2 && said.contains("exists already"), "{code} {said}");
    }
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "mine");
    let (code, said) = refusal(&mut backup(folder, "not/there"));
    assert!(code == 1 && said.contains("not"), "{code} {said}");

    fs::create_dir(folder.join("all")).unwrap();
    assert!(run(&mut backup(folder, "all")).status.success());
    let made = names(&folder.join("all"));
    assert!(made.len() == 1 && made[0].starts_with("grandstand-20") && made[0].ends_with('Z'), "{made:?}");
    assert!(run(&mut restore(folder, &format!("all/{}", made[0]), "new")).status.success());
    assert_eq!(names(folder), ["all", "data", "file", "new", "one"]);
}

#[test]
fn only_an_empty_folder_is_restored_into() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stock::make(&folder.join("data"), 10);
    assert!(run(&mut backup(folder, "backup")).status.success());
    let before = fs::read(folder.join("data/grandstand.db")).unwrap();
    let (code, said) = refusal(&mut restore(folder, "backup", "data"));
    assert!(code == 2 && said.contains("data is not empty"), "{code} {said}");
    assert_eq!(fs::read(folder.join("data/grandstand.db")).unwrap(), before);

    fs::create_dir(folder.join("used")).unwrap();
    fs::write(folder.join("used/notes"), "mine").unwrap();
    let (code, said) = refusal(&mut restore(folder, "backup", "used"));
    assert!(code == 2 && said.contains("not empty"), "{code} {said}");
    assert_eq!(names(&folder.join("used")), ["notes"]);

    fs::create_dir(folder.join("empty")).unwrap();
    assert!(run(&mut restore(folder, "backup", "empty")).status.success());
    let (code, said) = refusal(&mut restore(folder, "data", "new"));
    assert!(code == 2 && said.contains("is no backup"), "{code} {said}");
    assert!(!folder.join("new").exists());
}

#[test]
fn what_is_no_data_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = refusal(&mut backup(folder.path(), "backup"));
    assert!(code == 2 && said.contains("no database in data"), "{code} {said}");
    fs::create_dir(folder.path().join("data")).unwrap();
    rusqlite::Connection::open(folder.path().join("data/grandstand.db"))
        .unwrap()
        .execute_batch("CREATE TABLE theirs (a)")
        .unwrap();
    let (code, said) = refusal(&mut backup(folder.path(), "backup"));
    assert!(code == 2 && said.contains("belongs to another program"), "{code} {said}");
    assert_eq!(names(folder.path()), ["data"]);
}

/// The command where no file may become longer than this: as on a full disk, writes fail.
fn with_short_files(command: &Command, folder: &Path) -> Command {
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1024 && exec \"$0\" \"$@\""]).arg(command.get_program());
    limited.args(command.get_args()).current_dir(folder).env_clear();
    limited
}

#[test]
fn where_nothing_can_be_written_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stock::make(&folder.join("data"), 4000);
    let (code, said) = refusal(&mut with_short_files(&backup(folder, "backup"), folder));
    assert!(code == 1 && said.contains("grandstand.db: ") && said.contains("磁盘空间"), "{code} {said}");
    assert_eq!(names(folder), ["data"]);

    assert!(run(&mut backup(folder, "backup")).status.success());
    let (code, said) = refusal(&mut with_short_files(&restore(folder, "backup", "new"), folder));
    assert!(code == 1 && said.contains("grandstand.db: File too large"), "{code} {said}");
    assert_eq!(names(folder), ["backup", "data"]);
}

/// A server without configuration has its keys in the data folder: they come along.
#[test]
fn the_development_app_is_the_same_after_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path());
    let keys = |server: &Running| {
        let lines =
            server.announcement.lines().filter(|line| line.contains("key") || line.contains("App id"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = keys(&server);
    assert!(run(&mut backup(folder.path(), "backup")).status.success(), "beside the server");
    drop(server);
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    assert!(run(&mut restore(folder.path(), "backup", "data")).status.success());
    let server = Running::start(folder.path());
    assert_eq!(keys(&server), before);
    assert_eq!(before.len(), 3, "{before:?}");
}
