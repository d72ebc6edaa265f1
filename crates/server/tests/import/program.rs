//! The program: killed at any point and run again, beside a running server, with wrong arguments.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use grandstand::store::SqliteStore;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{THEN, archive, everything, finish, restriction, role, room, text, writer};

const KILLS: u64 = 20;

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    command.current_dir(folder).args(["import"]).args(arguments).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, arguments).output().unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Small segments, so that there are many commits to be killed between.
fn many_commits(folder: &Path) {
    let mut writer = writer(&folder.join("archive"));
    for number in 0..3 {
        let id = format!("room{number}");
        writer.room(&room(&id)).unwrap();
        writer.silence(&restriction(&id, "carl", None)).unwrap();
        writer.role(&role(&id, "fred", "Manager", &format!("{number:024x}"))).unwrap();
    }
    for number in 0..6000 {
        writer
            .message(&text(&format!("m{number}"), &format!("room{}", number % 3), THEN + number / 10))
            .unwrap();
        if number % 50 == 0 {
            writer.seal(&number).unwrap();
        }
    }
    finish(writer);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_and_run_again_it_comes_to_the_same() {
    let folder = TempDir::new().unwrap();
    many_commits(folder.path());
    let arguments = |data: &'static str| ["archive", "--app-id", "app", "--data", data];
    let began = Instant::now();
    let whole = run(folder.path(), &arguments("whole"));
    let took = began.elapsed();
    assert!(whole.status.success(), "{}", text_of(&whole.stderr));
    let expected = everything(&folder.path().join("whole")).await;
    assert_eq!(expected.values().map(|held| held.messages.len()).sum::<usize>(), 6000);

    let mut random = StdRng::seed_from_u64(5);
    let mut halfway = 0;
    for kill in 0..KILLS {
        let data = folder.path().join("killed");
        let mut child = program(folder.path(), &arguments("killed")).spawn().unwrap();
        let until = Instant::now() + took.mul_f64(random.random_range(0.0..1.0));
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left.min(Duration::from_millis(5)));
        }
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(status.signal() == Some(9) || status.success(), "{status}");
        if data.exists() {
            let there = everything(&data).await.values().map(|held| held.messages.len()).sum::<usize>();
            halfway += usize::from((1..6000).contains(&there));
        }
        let again = run(folder.path(), &arguments("killed"));
        assert!(again.status.success(), "{}", text_of(&again.stderr));
        assert_eq!(everything(&data).await, expected, "kill {kill}");
        fs::remove_dir_all(&data).unwrap();
    }
    assert!(halfway >= 3, "{halfway} kills fell between commits");
}

#[tokio::test]
async fn a_running_server_keeps_its_folder() {
    let folder = TempDir::new().unwrap();
    archive(folder.path(), 1, 10);
    let data = folder.path().join("data");
    let store = SqliteStore::open(&data).unwrap();
    let output = run(folder.path(), &["archive", "--app-id", "app", "--data", "data"]);
    let words = text_of(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.contains("another process uses the data folder") && words.contains("请先停掉它"),
        "{words}"
    );
    let dry = run(folder.path(), &["archive", "--app-id", "app", "--data", "data", "--dry-run", "--json"]);
    let report: Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!((&report["dryRun"], &report["messages"]["ready"]), (&json!(true), &json!(10)));
    drop(store);
}

#[test]
fn the_report_says_what_was_done() {
    let folder = TempDir::new().unwrap();
    let mut rows = writer(&folder.path().join("archive"));
    rows.room(&room("r")).unwrap();
    rows.message(&text("m", "r", THEN)).unwrap();
    rows.message(&text("lost", "nowhere", THEN)).unwrap();
    finish(rows);
    let arguments = ["archive", "--app-id", "app", "--data", "data"];
    let output = run(folder.path(), &arguments);
    let words = text_of(&output.stdout);
    assert!(output.status.success(), "{}", text_of(&output.stderr));
    for expected in ["messages 消息: 2 read 读取, 1 imported 已导入", "no such chat room", "aside.ndjson"]
    {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let aside = fs::read_to_string(folder.path().join("aside.ndjson")).unwrap();
    assert!(aside.contains("\"lost\""), "{aside}");
    let again = run(folder.path(), &[&arguments[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(report["messages"]["known"], 1);
    assert_eq!(report["aside"], "aside-2.ndjson", "the older file is kept");
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_file_that_is_there_is_kept_whatever_its_name() {
    let folder = TempDir::new().unwrap();
    let mut rows = writer(&folder.path().join("archive"));
    rows.message(&text("lost", "nowhere", THEN)).unwrap();
    finish(rows);
    fs::write(folder.path().join("rows.json"), "mine").unwrap();
    let arguments = ["archive", "--app-id", "app", "--dry-run", "--json", "--aside", "rows.json"];
    let report: Value = serde_json::from_slice(&run(folder.path(), &arguments).stdout).unwrap();
    assert_eq!(report["aside"], "rows-2.ndjson");
    assert_eq!(fs::read_to_string(folder.path().join("rows.json")).unwrap(), "mine");
    let mode = fs::metadata(folder.path().join("rows-2.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_archive_that_lacks_something_is_named() {
    let folder = TempDir::new().unwrap();
    for (name, complete) in [("whole", true), ("part", false)] {
        let rows = writer(&folder.path().join(name));
        rows.finish(&json!(null), &json!({}), None, complete).unwrap();
    }
    let arguments = ["whole", "part", "--app-id", "app", "--data", "data"];
    let words = text_of(&run(folder.path(), &arguments).stdout);
    assert!(words.contains("part is not complete") && words.contains("report.json"), "{words}");
    assert!(!words.contains("whole is not complete"), "{words}");
    let report: Value =
        serde_json::from_slice(&run(folder.path(), &[&arguments[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(report["incomplete"], json!(["part"]));
}

#[test]
fn wrong_use_is_said_in_words() {
    let folder = TempDir::new().unwrap();
    archive(folder.path(), 1, 1);
    let app = "[[apps]]\nid = \"one\"\nkey = \"key-of-one\"\nmaster_key = \"master-key-of-one\"\n";
    fs::write(folder.path().join("grandstand.toml"), app).unwrap();
    fs::write(folder.path().join("page.html"), "<html>").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let output = run(folder.path(), arguments);
        let words = text_of(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
        assert!(words.contains(expected), "{arguments:?}: {words}");
    };
    check(&[], 2, "PATH");
    check(&["archive", "--data", "data"], 2, "--app-id");
    check(&["archive", "--config", "grandstand.toml", "--app-id", "two"], 2, "no app \"two\"");
    check(&["archive", "--config", "none.toml"], 2, "none.toml");
    check(&["empty", "--app-id", "one"], 1, "manifest.json");
    check(&["page.html", "--app-id", "one"], 1, "neither JSON nor BSON");
    check(&["nothing", "--app-id", "one"], 1, "nothing");
    let only = run(folder.path(), &["archive", "--config", "grandstand.toml", "--data", "data", "--json"]);
    let report: Value = serde_json::from_slice(&only.stdout).unwrap();
    assert_eq!(report["app"], "one", "the only one that there is");
}
