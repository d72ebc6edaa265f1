//! Out of a Grandstand server, into an empty one, and out again: the same.

use std::{collections::BTreeSet, path::Path};

use grandstand_migrate::archive::{ArchiveReader, Section};
use serde_json::{Value, json};

use crate::{
    desk::{Desk, post, run},
    server::APP,
};

/// All lines of a section, each as it stands there.
fn lines(archive: &Path, section: Section) -> BTreeSet<String> {
    let reader = ArchiveReader::open(archive).unwrap();
    let mut lines = BTreeSet::new();
    for file in reader.files(section) {
        for line in reader.lines(file).unwrap() {
            assert!(lines.insert(String::from_utf8(line.unwrap().text).unwrap()));
        }
    }
    lines
}

fn put(desk: &Desk, path: &str, content: &Value) {
    post(desk.server.public, &format!("/1.2/rtm/chatrooms/{path}"), content);
}

#[test]
fn nobody_is_locked_in() {
    let desk = Desk::open();
    let room = post(
        desk.server.public,
        "/1.2/rtm/chatrooms",
        &json!({ "name": "决赛", "attr": { "a": [1, { "b": "\u{2028}" }] }, "custom": { "x": 1.5 } }),
    );
    let room = room["objectId"].as_str().unwrap();
    desk.room("a silent one");
    let messages = format!("{room}/messages");
    let send = |message: Value| post(desk.server.public, &format!("/1.2/rtm/chatrooms/{messages}"), &message);
    send(json!({ "from_client": "host", "message": "high", "priority": "high", "mention_all": true }));
    send(
        json!({ "from_client": "host", "message": "low", "priority": "low", "mention_client_ids": ["ann", "bob"] }),
    );
    for n in 0..50 {
        send(json!({ "from_client": format!("viewer-{n}"), "message": format!("早 {n}\n") }));
    }
    let gone = send(json!({ "from_client": "host", "message": "I did not say that" }));
    desk.ok(&["message", "recall", room, gone["msg-id"].as_str().unwrap()]);
    put(&desk, &format!("{room}/permanent-silenceds"), &json!({ "client_ids": ["loud", "louder"] }));
    put(&desk, &format!("{room}/temporary-silenceds"), &json!({ "client_id": "loud-today", "ttl": 80_000 }));
    put(&desk, &format!("{room}/blacklists"), &json!({ "client_ids": ["out"] }));
    put(&desk, &format!("{room}/blacklists"), &json!({ "client_ids": ["out-today"], "ttl": 80_000 }));
    put(&desk, &format!("{room}/member-infos"), &json!({ "clientId": "boss", "role": "Owner" }));
    put(&desk, &format!("{room}/member-infos"), &json!({ "clientId": "helper", "role": "Manager" }));
    desk.ok(&["rooms", "mute-all", room, "--for", "20h", "--allow", "ann"]);
    desk.ok(&["rooms", "slow-mode", room, "30s"]);
    desk.ok(&["rooms", "freeze", room]);
    desk.ok(&["ban", "troll", "--reason", "刷屏", "--for", "20h", "--yes"]);
    desk.ok(&["ban", "--address", "192.0.2.0/24", "--yes"]);
    std::fs::write(desk.folder.path().join("words.txt"), "刷单\nCasino\n").unwrap();
    desk.ok(&["words", "load", "words.txt"]);
    let first = desk.folder.path().join("first");
    desk.ok(&["export", "--out", "first"]);

    // Into the store of a server that has been stopped before it had anything.
    let other = Desk::open();
    let Desk { server, folder } = other;
    server.signal("TERM");
    assert!(server.wait().success());
    let mut import = crate::desk::operator(&folder);
    import.args(["import", first.to_str().unwrap(), "--config", "grandstand.toml", "--data", "data"]);
    let said = run(import.args(["--app-id", APP]), "");
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    let server = crate::running::Running::start(folder.path());
    let other = Desk { server, folder };
    other.ok(&["export", "--out", "second"]);
    let second = other.folder.path().join("second");

    for section in [
        Section::Rooms,
        Section::Messages,
        Section::Silences,
        Section::Blocks,
        Section::Roles,
        Section::Switches,
        Section::Bans,
        Section::Words,
    ] {
        let (before, after) = (lines(&first, section), lines(&second, section));
        assert!(!before.is_empty(), "{section:?}");
        assert_eq!(after, before, "{section:?}");
    }
}
