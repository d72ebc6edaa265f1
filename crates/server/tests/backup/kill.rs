//! `kill -9` of the programs at any moment: there is a whole backup or none, and a whole data folder or none.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rand::RngExt;

use crate::{running::run, stock};

const KILLS: usize = 20;
const MESSAGES: usize = 8000;

/// How long it takes when it is left alone.
fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let output = run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    start.elapsed()
}

/// Whether it was killed before its end.
fn kill(command: &mut Command, whole: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::park_timeout(whole.mul_f64(rand::rng().random_range(0.0..1.0)));
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}

fn backup(folder: &Path, out: &str) -> Command {
    let mut command = stock::program("backup");
    command.current_dir(folder).args(["--data", "data", "--out", out]);
    command
}

fn restore(folder: &Path, data: &str) -> Command {
    let mut command = stock::program("restore");
    command.current_dir(folder).args(["whole", "--data", data]);
    command
}

fn drafts(folder: &Path) -> Vec<String> {
    stock::names(folder).into_iter().filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_killed_backup_leaves_no_half_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stock::make(&folder.join("data"), MESSAGES);
    let whole = time(&mut backup(folder, "whole"));
    let (mut killed, mut left) = (0, 0);
    for n in 0..KILLS {
        let out = format!("backup-{n}");
        killed += usize::from(kill(&mut backup(folder, &out), whole));
        for name in drafts(folder).into_iter().chain([out]) {
            let (from, new) = (folder.join(&name), folder.join("new"));
            left += usize::from(name.starts_with('.'));
            // Of a backup that lacked nothing but its name, all is there.
            if let Ok(restored) = stock::restore(&from, &new) {
                assert_eq!(restored.facts.messages, MESSAGES as u64, "{name}");
                fs::remove_dir_all(&new).unwrap();
            }
            assert!(!new.exists(), "{name}");
        }
    }
    assert!(killed > KILLS / 2 && left > 0, "{killed} killed, {left} left something");
    time(&mut backup(folder, "last"));
    assert_eq!(drafts(folder), [""; 0], "the next backup cleans up");
}

#[test]
fn a_killed_restore_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stock::make(&folder.join("data"), MESSAGES);
    let app = "id = \"i\"\nkey = \"k\"\nmaster_key = \"m\"\n";
    fs::write(folder.join("data/development-app.toml"), app).unwrap();
    time(&mut backup(folder, "whole"));
    let whole = time(&mut restore(folder, "first"));
    let mut killed = 0;
    for n in 0..KILLS {
        let new = format!("new-{n}");
        killed += usize::from(kill(&mut restore(folder, &new), whole));
        if !folder.join(&new).join("grandstand.db").exists() {
            time(&mut restore(folder, &new));
        }
        assert_eq!(fs::read_to_string(folder.join(&new).join("development-app.toml")).unwrap(), app);
        let names = stock::names(&folder.join(&new));
        let names = names.iter().filter(|name| *name != ".partial-restore");
        assert!(names.eq(["LOCK", "development-app.toml", "grandstand.db"]));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        assert_eq!(runtime.block_on(stock::messages(&folder.join(&new), stock::ROOM)).len(), MESSAGES);
        fs::remove_dir_all(folder.join(&new)).unwrap();
    }
    assert!(killed > KILLS / 2, "{killed} killed");
}

#[test]
fn who_is_told_to_stop_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    stock::make(&folder.path().join("data"), MESSAGES);
    let mut child = backup(folder.path(), "backup").stderr(Stdio::null()).spawn().unwrap();
    // It has begun when there is a draft.
    while drafts(folder.path()).is_empty() && child.try_wait().unwrap().is_none() {
        thread::park_timeout(Duration::from_millis(1));
    }
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(1), "it was not finished yet");
    assert_eq!(stock::names(folder.path()), ["data"]);
}
