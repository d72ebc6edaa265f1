//! The archive: what is written is read again, interruptions lose nothing, and nothing of a damaged one is used.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use grandstand_migrate::archive::{
    About, ArchiveError, ArchiveReader, ArchiveWriter, BanLine, Counts, MessageLine, MuteAllLine,
    RestrictionLine, RoleLine, RoomLine, Rooms, SEGMENT, Section, SlowModeLine, Source, SourceKind,
    SwitchesLine, WordLine,
};
use grandstand_protocol::{Body, Level};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

fn about() -> About {
    About {
        source: Source {
            kind: SourceKind::LeanCloud,
            url: "https://example.com".to_owned(),
            app: "app".to_owned(),
        },
        made_by: "a test".to_owned(),
        started_at: "2026-11-23T00:00:00.000Z".to_owned(),
        range: Default::default(),
        rooms: Rooms::ALL,
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn room(number: u64) -> RoomLine {
    RoomLine {
        id: format!("room{number}"),
        name: Some("决赛 \u{1f3c6}".to_owned()),
        creator: Some("anna".to_owned()),
        created_at: Some(1),
        updated_at: Some(2),
        last_message_at: Some(3),
        attributes: object(json!({ "stage": number })),
        data: object(json!({ "vip": true })),
        row: object(
            json!({ "objectId": format!("room{number}"), "ACL": { "*": { "read": true } }, "m": [] }),
        ),
    }
}

fn message(number: u64) -> MessageLine {
    let body = if number.is_multiple_of(5) {
        Body::Binary(vec![0, 255, 10].into())
    } else {
        Body::Text(format!("第 {number} 条\n\"x\""))
    };
    let mut line =
        MessageLine::new((format!("m{number}"), format!("room{}", number % 3), "bob"), number as i64, body);
    if number.is_multiple_of(7) {
        line.level = Some(Level::Low);
        line.extra = object(json!({ "is-conv": false }));
    }
    line
}

fn restriction(client: &str, until: Option<i64>) -> RestrictionLine {
    RestrictionLine { room: "room0".to_owned(), client: client.to_owned(), until }
}

fn role(client: &str) -> RoleLine {
    RoleLine {
        room: "room0".to_owned(),
        client: client.to_owned(),
        role: "Manager".to_owned(),
        id: Some("5".to_owned()),
    }
}

/// An archive of a few rows.
fn small(folder: &Path) {
    let mut writer = ArchiveWriter::create(folder, about()).unwrap();
    for number in 0..3 {
        writer.room(&room(number)).unwrap();
    }
    for number in 0..500 {
        writer.message(&message(number)).unwrap();
    }
    writer.silence(&restriction("carl", None)).unwrap();
    writer.block(&restriction("dora", Some(7))).unwrap();
    writer.role(&role("emil")).unwrap();
    writer.finish(&json!(null), &json!({ "notes": [] }), None, true).unwrap();
}

fn collect<T>(rows: impl Iterator<Item = Result<T, ArchiveError>>) -> Vec<T> {
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_was_written_is_read() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let reader = ArchiveReader::open(folder.path()).unwrap();
    reader.verify().unwrap();
    let counts = Counts { rooms: 3, messages: 500, silences: 1, blocks: 1, roles: 1, ..Counts::default() };
    assert_eq!(reader.manifest().counts, counts);
    assert_eq!((reader.manifest().about.clone(), reader.manifest().complete), (about(), true));
    assert_eq!(collect(reader.rooms()), (0..3).map(room).collect::<Vec<_>>());
    assert_eq!(collect(reader.messages()), (0..500).map(message).collect::<Vec<_>>());
    assert_eq!(collect(reader.silences()), [restriction("carl", None)]);
    assert_eq!(collect(reader.blocks()), [restriction("dora", Some(7))]);
    assert_eq!(collect(reader.roles()), [role("emil")]);
}

#[test]
fn an_empty_archive_is_one() {
    let folder = TempDir::new().unwrap();
    let writer = ArchiveWriter::create(folder.path().join("new"), about()).unwrap();
    writer.finish(&json!(1), &json!({}), None, true).unwrap();
    let reader = ArchiveReader::open(folder.path().join("new")).unwrap();
    reader.verify().unwrap();
    assert_eq!(reader.manifest().counts, Counts::default());
    assert_eq!(reader.manifest().files.len(), 4);
}

#[test]
fn segments_are_of_a_bounded_size_and_packed() {
    let folder = TempDir::new().unwrap();
    let mut writer = ArchiveWriter::create(folder.path(), about()).unwrap();
    let total = 2 * SEGMENT + 1;
    for number in 0..total {
        writer
            .message(&MessageLine::new(("m", "r", "a"), number as i64, Body::Text("hi".to_owned())))
            .unwrap();
    }
    let manifest = writer.finish(&json!(null), &json!({}), None, true).unwrap();
    let lines: Vec<u64> = manifest
        .files
        .iter()
        .filter(|file| file.path.starts_with("messages/"))
        .map(|file| file.lines)
        .collect();
    assert_eq!(lines, [SEGMENT, SEGMENT, 1]);
    let reader = ArchiveReader::open(folder.path()).unwrap();
    let times = reader.messages().map(|message| message.unwrap().timestamp);
    assert!(times.eq(0..total as i64), "in their order");
    assert!(manifest.files.iter().map(|file| file.bytes).sum::<u64>() < total * 10);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("photo"), "x").unwrap();
    assert!(matches!(ArchiveWriter::create(folder.path(), about()), Err(ArchiveError::Occupied(_))));
    assert!(ArchiveWriter::resume(folder.path()).unwrap().is_none());
}

/// Writes 2,000 messages and 200 rooms and stops at a random point, again and again: what is sealed stays, what is not
/// is thrown away.
#[test]
fn an_interrupted_export_goes_on_without_a_gap_or_a_double() {
    const MESSAGES: u64 = 2000;
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let folder = TempDir::new().unwrap();
        drop(ArchiveWriter::create(folder.path(), about()).unwrap());
        let mut interruptions = 0;
        loop {
            let (mut writer, cursor) = ArchiveWriter::resume(folder.path()).unwrap().unwrap();
            let mut next = cursor.as_u64().unwrap_or(0);
            assert_eq!(writer.sealed().messages, next, "seed {seed}");
            let stop = next + random.random_range(1..400);
            while next < MESSAGES.min(stop) {
                if next.is_multiple_of(10) {
                    writer.room(&room(next)).unwrap();
                }
                writer.message(&message(next)).unwrap();
                next += 1;
                if random.random_ratio(1, 100) {
                    writer.seal(&next).unwrap();
                    assert_eq!(writer.unsealed(), Counts::default());
                }
            }
            if next == MESSAGES {
                writer.finish(&next, &json!({}), None, true).unwrap();
                break;
            }
            // As after a crash: what is in the buffers reaches the disk, or does not.
            if random.random() {
                std::mem::forget(writer);
            }
            interruptions += 1;
        }
        assert!(interruptions > 3, "seed {seed}: {interruptions}");
        let reader = ArchiveReader::open(folder.path()).unwrap();
        reader.verify().unwrap();
        assert!(collect(reader.messages()).into_iter().eq((0..MESSAGES).map(message)), "seed {seed}");
        assert!(collect(reader.rooms()).into_iter().eq((0..MESSAGES).step_by(10).map(room)), "seed {seed}");
    }
}

#[test]
fn a_finished_archive_can_grow() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let (mut writer, _) = ArchiveWriter::resume(folder.path()).unwrap().unwrap();
    assert!(matches!(ArchiveReader::open(folder.path()), Err(ArchiveError::NoManifest(_))), "while it grows");
    writer.message(&message(500)).unwrap();
    writer.room(&room(3)).unwrap();
    writer.finish(&json!(null), &json!({}), None, true).unwrap();
    let reader = ArchiveReader::open(folder.path()).unwrap();
    assert_eq!(collect(reader.messages()), (0..501).map(message).collect::<Vec<_>>());
    assert_eq!(collect(reader.rooms()), (0..4).map(room).collect::<Vec<_>>());
}

#[test]
fn notes_that_name_other_files_are_refused() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let state = folder.path().join("state/archive.json");
    let text = fs::read_to_string(&state).unwrap().replace("rooms.ndjson.gz", "messages/../victim");
    fs::write(&state, text).unwrap();
    assert!(matches!(ArchiveWriter::resume(folder.path()), Err(ArchiveError::BadState { .. })));
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let manifest = ArchiveReader::open(folder).unwrap().manifest().clone();
    manifest.files.iter().map(|file| folder.join(&file.path)).collect()
}

fn is_damaged(folder: &Path, words: &str) {
    match ArchiveReader::open(folder).and_then(|reader| reader.verify()) {
        Err(error @ ArchiveError::Damaged { .. }) => {
            assert!(error.to_string().contains(words), "{error} has not {words:?}");
        }
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let mut random = StdRng::seed_from_u64(1);
    for file in files_below(folder.path()) {
        let whole = fs::read(&file).unwrap();
        for _ in 0..20 {
            let mut spoilt = whole.clone();
            spoilt[random.random_range(0..whole.len())] ^= 1 << random.random_range(0..8);
            fs::write(&file, spoilt).unwrap();
            is_damaged(folder.path(), "hash");
        }
        fs::write(&file, whole).unwrap();
    }
    ArchiveReader::open(folder.path()).unwrap().verify().unwrap();
}

#[test]
fn files_that_are_cut_gone_or_linked_are_found() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    for file in files_below(folder.path()) {
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        is_damaged(folder.path(), "bytes instead of");
        fs::remove_file(&file).unwrap();
        is_damaged(folder.path(), "missing");
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, &whole).unwrap();
        symlink(&elsewhere, &file).unwrap();
        is_damaged(folder.path(), "link");
        fs::remove_file(&file).unwrap();
        fs::write(&file, whole).unwrap();
    }
    fs::rename(folder.path().join("messages"), folder.path().join("m")).unwrap();
    symlink("m", folder.path().join("messages")).unwrap();
    is_damaged(folder.path(), "link");
}

/// Writes the manifest anew, with a change.
fn change_manifest(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn wrong_counts_are_found() {
    for (section, delta) in [("rooms", 1), ("rooms", -1), ("messages", 1), ("messages", -1)] {
        let folder = TempDir::new().unwrap();
        small(folder.path());
        change_manifest(folder.path(), |manifest| {
            let file = manifest["files"].as_array_mut().unwrap().iter_mut();
            let mut files = file.filter(|file| file["path"].as_str().unwrap().starts_with(section));
            let lines = &mut files.next().unwrap()["lines"];
            *lines = json!(lines.as_i64().unwrap() + delta);
            let count = &mut manifest["counts"][section];
            *count = json!(count.as_i64().unwrap() + delta);
        });
        is_damaged(folder.path(), "lines that the manifest says");
        change_manifest(folder.path(), |manifest| manifest["counts"][section] = json!(5));
        assert!(matches!(ArchiveReader::open(folder.path()), Err(ArchiveError::BadManifest(_))));
    }
}

#[test]
fn switches_bans_and_words_are_there_where_there_are_any() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive");
    let mut writer = ArchiveWriter::create(&path, about()).unwrap();
    let switches = SwitchesLine {
        room: "room0".to_owned(),
        mute_all: Some(MuteAllLine { until: Some(9), clients: vec!["ann".to_owned()], roles: Vec::new() }),
        slow_mode: Some(SlowModeLine { seconds: 5, roles: vec!["Owner".to_owned()] }),
        frozen: true,
    };
    let ban = BanLine { address: Some("192.0.2.0/24".to_owned()), created_at: Some(5), ..BanLine::default() };
    let word = WordLine { word: "刷单".to_owned() };
    writer.switches(&switches).unwrap();
    writer.ban(&ban).unwrap();
    writer.seal(&json!(1)).unwrap();
    // What was not sealed goes with the interruption.
    writer.word(&word).unwrap();
    drop(writer);
    let (mut writer, cursor) = ArchiveWriter::resume(&path).unwrap().unwrap();
    assert_eq!(cursor, json!(1));
    writer.word(&word).unwrap();
    writer.finish(&json!(2), &json!({}), None, true).unwrap();

    let reader = ArchiveReader::open(&path).unwrap();
    reader.verify().unwrap();
    let counts = Counts { switches: 1, bans: 1, words: 1, ..Counts::default() };
    assert_eq!((reader.manifest().counts, counts.rules()), (counts, 3));
    assert_eq!(collect(reader.switches()), [switches]);
    assert_eq!(collect(reader.bans()), [ban]);
    assert_eq!(collect(reader.words()), [word]);

    // LeanCloud's archives have no such files, and older ones do not count them.
    let folder = TempDir::new().unwrap();
    small(folder.path());
    assert!(!folder.path().join("switches.ndjson.gz").exists());
    change_manifest(folder.path(), |manifest| {
        manifest["counts"]
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !["switches", "bans", "words"].contains(&key.as_str()));
    });
    let reader = ArchiveReader::open(folder.path()).unwrap();
    assert_eq!(collect(reader.words()), []);
}

#[test]
fn a_list_that_a_later_program_added_is_checked_and_passed_over() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    fs::copy(folder.path().join("roles.ndjson.gz"), folder.path().join("wishes.ndjson.gz")).unwrap();
    change_manifest(folder.path(), |manifest| {
        let files = manifest["files"].as_array_mut().unwrap();
        let mut wishes = files.iter().find(|file| file["path"] == "roles.ndjson.gz").unwrap().clone();
        wishes["path"] = json!("wishes.ndjson.gz");
        files.push(wishes);
        manifest["counts"]["wishes"] = json!(1);
    });
    let reader = ArchiveReader::open(folder.path()).unwrap();
    reader.verify().unwrap();
    assert_eq!(collect(reader.roles()), [role("emil")]);
    fs::write(folder.path().join("wishes.ndjson.gz"), "spoilt").unwrap();
    is_damaged(folder.path(), "wishes");
}

#[test]
fn a_manifest_is_not_believed() {
    let check = |change: fn(&mut Value), expected: &str| {
        let folder = TempDir::new().unwrap();
        small(folder.path());
        change_manifest(folder.path(), change);
        let error = ArchiveReader::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(|manifest| manifest["version"] = json!(2), "version 2");
    check(|manifest| manifest["format"] = json!("tar"), "format");
    check(|manifest| manifest["files"][0]["path"] = json!("../rooms.ndjson.gz"), "no file of an archive");
    check(|manifest| manifest["files"][0]["path"] = json!("/etc/passwd"), "no file of an archive");
    check(
        |manifest| manifest["files"][0]["path"] = json!("messages/../../x.ndjson.gz"),
        "no file of an archive",
    );
    check(
        |manifest| {
            let again = manifest["files"][0].clone();
            manifest["files"].as_array_mut().unwrap().push(again);
        },
        "twice",
    );
    check(|manifest| manifest["files"] = json!(7), "manifest.json");
    check(|manifest| *manifest = json!([]), "manifest.json");
    // A later program's version may look different in all else.
    check(|manifest| *manifest = json!({ "format": "grandstand-archive", "version": 2 }), "version 2");
    // What a later program of this version adds is passed over.
    let folder = TempDir::new().unwrap();
    small(folder.path());
    change_manifest(folder.path(), |manifest| manifest["new"] = json!(true));
    ArchiveReader::open(folder.path()).unwrap().verify().unwrap();
}

#[test]
fn there_is_an_archive_only_when_it_is_finished() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(ArchiveReader::open(folder.path()), Err(ArchiveError::NoManifest(_))));
    let mut writer = ArchiveWriter::create(folder.path(), about()).unwrap();
    writer.message(&message(1)).unwrap();
    writer.seal(&json!(1)).unwrap();
    assert!(matches!(ArchiveReader::open(folder.path()), Err(ArchiveError::NoManifest(_))));
}

#[test]
fn a_line_that_is_no_row_is_named() {
    let folder = TempDir::new().unwrap();
    let mut writer = ArchiveWriter::create(folder.path(), about()).unwrap();
    writer.role(&role("a")).unwrap();
    writer.silence(&restriction("b", None)).unwrap();
    let manifest = writer.finish(&json!(null), &json!({}), None, true).unwrap();
    let roles = manifest.files.iter().find(|file| Section::of(&file.path) == Some(Section::Roles)).unwrap();
    fs::copy(folder.path().join("silences.ndjson.gz"), folder.path().join("roles.ndjson.gz")).unwrap();
    let silences = manifest.files.iter().find(|file| file.path.starts_with("silences")).unwrap();
    let entry = json!({ "path": roles.path, "lines": 1, "bytes": silences.bytes, "sha256": silences.sha256 });
    change_manifest(folder.path(), |manifest| {
        let files = manifest["files"].as_array_mut().unwrap();
        let at = files.iter().position(|file| file["path"] == "roles.ndjson.gz").unwrap();
        files[at] = entry;
    });
    let reader = ArchiveReader::open(folder.path()).unwrap();
    let error = reader.roles().next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("roles.ndjson.gz, line 1: "), "{error}");
    let raw: BTreeSet<Vec<u8>> = reader
        .files(Section::Roles)
        .flat_map(|file| reader.lines(file).unwrap())
        .map(|line| line.unwrap().text)
        .collect();
    assert_eq!(raw.len(), 1, "and can still be had as it is");
}

#[test]
fn a_new_archive_is_for_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/archive");
    ArchiveWriter::create(&path, about()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}
