//! What the command says: of success, and of each failure what to do.

use std::fs;

use serde_json::Value;

use crate::{
    desk::run,
    everything::Everything,
    keys::{APP, APP_KEY, MASTER_KEY},
    leancloud::{Habits, LeanCloud},
    world::{Size, World},
};

const SIZE: Size = Size { rooms: 20, messages: 2000, at_once: 10 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_says_what_it_came_to_and_keeps_no_key() {
    let world = World::seeded(1, SIZE);
    let expected = Everything::there(&world);
    let server = LeanCloud::start(1, world, Habits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let said = run(&mut crate::export(&folder, &server.url()), "");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let count: usize = expected.messages.values().map(Vec::len).sum();
    assert!(said.out.contains(&format!("{} rooms, {count} messages", expected.rooms.len())), "{}", said.out);
    assert!(said.out.contains("--since "), "{}", said.out);

    let again = run(crate::export(&folder, &server.url()).arg("--json"), "");
    let report: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((again.code, &report["complete"]), (0, &Value::Bool(true)));
    assert_eq!(report["counts"]["messages"], count);
    for name in ["manifest.json", "report.json", "state/archive.json"] {
        let text = fs::read_to_string(folder.path().join("archive").join(name)).unwrap();
        assert!(!text.contains(MASTER_KEY), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_says_what_to_do() {
    let server = LeanCloud::start(1, World::seeded(1, SIZE), Habits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let url = server.url();
    let fails = |command: &mut std::process::Command, code: i32, words: &str| {
        let said = run(command, "");
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{}", said.err);
        assert!(said.err.contains(words) && said.err.contains('。'), "{words}: {}", said.err);
        assert!(!said.err.contains(MASTER_KEY), "{}", said.err);
    };
    fails(crate::export(&folder, &url).env("GRANDSTAND_MASTER_KEY", "wrong"), 1, "is not that app's");
    fails(crate::export(&folder, &url).env("GRANDSTAND_MASTER_KEY", APP_KEY), 1, "not its App Key");
    fails(crate::export(&folder, &url).env("GRANDSTAND_APP_ID", "unknown"), 1, "It has no app unknown");
    assert_eq!(
        fs::read_dir(folder.path().join("archive")).map_or(0, Iterator::count),
        0,
        "nothing is written"
    );
    fails(crate::export(&folder, &url).args(["--room", "nowhere"]), 2, "no chat room nowhere");
    fails(&mut crate::export(&folder, "http://127.0.0.1:1"), 1, "cannot reach");
    fails(&mut crate::export(&folder, "127.0.0.1"), 2, "is no server URL");
    let full = tempfile::tempdir().unwrap();
    fs::create_dir(full.path().join("archive")).unwrap();
    fs::write(full.path().join("archive/mine.txt"), "mine").unwrap();
    fails(&mut crate::export(&full, &url), 2, "--out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_it_and_more_room_lets_it_go_on() {
    let world = World::seeded(2, Size { rooms: 20, messages: 12_000, at_once: 10 });
    let expected = Everything::there(&world);
    let server = LeanCloud::start(1, world, Habits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    // No file may have more than some kilobytes, which fails as a full disk does.
    let program = env!("CARGO_BIN_EXE_grandstand");
    let line =
        format!("trap '' XFSZ; ulimit -f 40; exec {program} export --from {} --out archive", server.url());
    let mut small = std::process::Command::new("sh");
    small.env_clear().current_dir(folder.path()).args(["-c", &line]);
    small.env("GRANDSTAND_APP_ID", APP).env("GRANDSTAND_MASTER_KEY", MASTER_KEY);
    let said = run(&mut small, "");
    assert_eq!(said.code, 1, "{} {}", said.out, said.err);
    assert!(said.err.contains("messages/") && said.err.contains("the same command goes on"), "{}", said.err);
    assert!(said.err.contains("磁盘"), "{}", said.err);

    let said = run(&mut crate::export(&folder, &server.url()), "");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    Everything::in_archive(&folder.path().join("archive")).assert_is(&expected);
}
