//! A copy beside a server whose disk runs out of space, which here is only said to.

use super::{super::open, *};

/// What the data folder's disk can hold of the log.
const DISK: u64 = 16 << 20;

/// A database of 24 MiB, and the connection of its server. Its log is empty.
fn server(folder: &Path) -> Connection {
    let mut server = open::writer(folder).unwrap();
    schema::migrate(&mut server).unwrap();
    server.execute_batch("CREATE TABLE stock (bytes BLOB)").unwrap();
    for _ in 0..24 {
        write(&server, 1 << 20);
    }
    assert!(can_empty_log(&server));
    assert_eq!(size(&log(folder)), 0);
    server
}

fn write(server: &Connection, bytes: u32) {
    server.execute("INSERT INTO stock VALUES (zeroblob(?1))", [bytes]).unwrap();
}

fn can_empty_log(server: &Connection) -> bool {
    let busy: i64 = server.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    busy == 0
}

fn disk(folder: &Path) -> Option<u64> {
    Some(DISK.saturating_sub(size(&log(folder))))
}

#[test]
fn a_log_that_grows_without_end_makes_the_copy_give_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let mut steps = 0;
    let mut watch = |stage| {
        if let Stage::Copying { bytes, of } = stage {
            assert!(bytes < of, "it went on to its end");
            steps += 1;
            // Twice as much as is copied meanwhile.
            write(&server, 2 << 20);
            assert!(size(&log(folder.path())) < DISK, "the server would have been without space");
        }
        ControlFlow::Continue(())
    };
    let error =
        copy_beside(disk, folder.path(), &folder.path().join("copy"), &mut watch).map(drop).unwrap_err();
    let CopyError::LogGrows { grown, free } = &error else { panic!("{error}") };
    assert!(*grown > DISK / 2 && *free < *grown && grown + free <= DISK, "{error}");
    assert!(error.to_string().contains("so that the server does not run out of space"), "{error}");
    assert!(steps >= 4, "{steps}");
    // Nothing holds the log any more.
    assert!(can_empty_log(&server));
    write(&server, 1);
}

#[test]
fn a_log_that_has_space_lets_the_copy_come_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let mut watch = |stage| {
        if matches!(stage, Stage::Copying { .. }) {
            write(&server, 100_000);
        }
        ControlFlow::Continue(())
    };
    let copied = copy_beside(disk, folder.path(), &folder.path().join("copy"), &mut watch).unwrap();
    assert!((24 << 20..DISK * 2).contains(&copied.bytes), "{}", copied.bytes);
    assert!(copied.log_grew > 20 * 100_000 && copied.log_grew < DISK / 2, "{}", copied.log_grew);
}
