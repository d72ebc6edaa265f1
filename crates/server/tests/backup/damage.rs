//! Damaged backups are refused, wherever the damage is.

use std::{fs, path::Path};

use grandstand::backup::{BackupError, CopyError};
use rand::RngExt;

use crate::stock;

const FLIPS: usize = 200;

fn backup_of_100(folder: &Path) -> std::path::PathBuf {
    let (data, out) = (folder.join("data"), folder.join("backup"));
    stock::make(&data, 100);
    fs::write(data.join("development-app.toml"), "id = \"i\"\nkey = \"k\"\nmaster_key = \"m\"\n").unwrap();
    stock::back_up(&data, &out).unwrap();
    out
}

#[test]
fn a_flipped_bit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, new) = (backup_of_100(folder.path()), folder.path().join("new"));
    let files = ["grandstand.db", "manifest.json", "SHA256SUMS", "development-app.toml"];
    assert_eq!(
        stock::names(&backup),
        ["SHA256SUMS", "development-app.toml", "grandstand.db", "manifest.json"]
    );
    for flip in 0..FLIPS {
        // Half of them where most bytes are.
        let path = backup.join(if flip % 2 == 0 { files[0] } else { files[flip / 2 % files.len()] });
        let whole = fs::read(&path).unwrap();
        let (at, bit) = (rand::rng().random_range(0..whole.len()), rand::rng().random_range(0..8));
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << bit;
        fs::write(&path, flipped).unwrap();
        let refused = stock::restore(&backup, &new);
        let place = format!("{}, byte {at}, bit {bit}", path.display());
        assert!(refused.is_err(), "{place}: {refused:?}");
        assert!(!new.exists(), "{place}: something is left");
        fs::write(&path, whole).unwrap();
    }
    stock::restore(&backup, &new).unwrap();
}

#[test]
fn cut_and_missing_files_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, new) = (backup_of_100(folder.path()), folder.path().join("new"));
    for name in stock::names(&backup) {
        let path = backup.join(&name);
        let whole = fs::read(&path).unwrap();
        for left in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..left]).unwrap();
            assert!(stock::restore(&backup, &new).is_err(), "{left} bytes of {name}");
        }
        fs::remove_file(&path).unwrap();
        let refused = stock::restore(&backup, &new).unwrap_err();
        assert!(refused.to_string().contains(&name), "it names {name}: {refused}");
        fs::write(&path, whole).unwrap();
    }
    assert!(!new.exists());
}

/// Writes the hashes anew, as somebody might who changed a file.
fn vouch(backup: &Path) {
    let script = "sha256sum grandstand.db manifest.json development-app.toml > SHA256SUMS";
    let status = std::process::Command::new("sh").args(["-c", script]).current_dir(backup).status();
    assert!(status.unwrap().success());
}

#[test]
fn the_database_is_checked_even_if_its_hash_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, new) = (backup_of_100(folder.path()), folder.path().join("new"));
    vouch(&backup);
    stock::restore(&backup, &folder.path().join("first")).unwrap();

    let alter = |sql: &str| {
        rusqlite::Connection::open(backup.join("grandstand.db")).unwrap().execute_batch(sql).unwrap();
        vouch(&backup);
        stock::restore(&backup, &new).unwrap_err()
    };
    let refused = alter("DELETE FROM messages WHERE number = 7");
    assert!(
        matches!(&refused, BackupError::Damaged { what, .. } if what.contains("messages: 99")),
        "{refused}"
    );
    let refused = alter("PRAGMA user_version = 999");
    assert!(matches!(refused, BackupError::Copy(CopyError::Newer { found: 999, .. })), "{refused}");
    let refused = alter("PRAGMA application_id = 1");
    assert!(matches!(refused, BackupError::Copy(CopyError::Foreign(_))), "{refused}");

    let manifest = fs::read_to_string(backup.join("manifest.json")).unwrap();
    fs::write(backup.join("manifest.json"), manifest.replace("\"version\": 1", "\"version\": 2")).unwrap();
    let refused = stock::restore(&backup, &new).unwrap_err();
    assert!(matches!(refused, BackupError::UnknownForm { version: 2, .. }), "{refused}");
    assert!(!new.exists());
}

/// What the operator's own tools can see.
#[test]
fn sums_are_those_of_sha256sum() {
    let folder = tempfile::tempdir().unwrap();
    let backup = backup_of_100(folder.path());
    let mut check = std::process::Command::new("sha256sum");
    assert!(check.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(backup).status().unwrap().success());
}

#[test]
fn a_damaged_database_is_not_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("backup"));
    stock::make(&data, 100);
    let mut bytes = fs::read(data.join("grandstand.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(b'x');
    fs::write(data.join("grandstand.db"), bytes).unwrap();
    let refused = stock::back_up(&data, &out).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("damaged") || text.contains("malformed"), "{text}");
    assert_eq!(stock::names(folder.path()), ["data"]);
}
