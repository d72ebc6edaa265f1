//! What ends an export, or keeps it from beginning, and how that is told.

use std::{fs, time::Duration};

use grandstand_migrate::{archive::ArchiveReader, export::ExportError};

use crate::{
    desk::{Desk, Everything},
    faults::Faults,
    leancloud::{Habits, LeanCloud},
    world::{Size, World},
};

const SIZE: Size = Size { rooms: 10, messages: 1500, at_once: 10 };

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    let server = LeanCloud::start(1, World::seeded(1, SIZE), Habits::default()).await;
    let mut desk = Desk::new();
    desk.key = "another-key".to_owned();
    let error = desk.export(&server.url()).await.unwrap_err();
    let ExportError::Refused(refusal) = &error else { panic!("{error:?}") };
    assert_eq!((refusal.status, refusal.words.as_str()), (401, "Unauthorized."));
    assert_eq!(server.asked().requests, 1);
    assert!(!error.to_string().contains("another-key"));
}

#[tokio::test]
async fn a_room_that_is_not_there_is_named() {
    let server = LeanCloud::start(1, World::seeded(1, SIZE), Habits::default()).await;
    let mut desk = Desk::new();
    desk.options.rooms = vec!["0123456789abcdef01234567".to_owned()];
    let error = desk.export(&server.url()).await.unwrap_err();
    assert!(matches!(&error, ExportError::NoRoom(room) if *room == desk.options.rooms[0]), "{error:?}");
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_told_from_one_that_does_not_answer() {
    let nonsense = Habits { faults: Faults { answers: 1000, ..Faults::default() }, ..Habits::default() };
    let server = LeanCloud::start(1, World::seeded(1, SIZE), nonsense).await;
    let mut desk = Desk::new();
    desk.pace.attempts = 4;
    desk.pace.quotas = 2;
    // Everything that it says is wrong in one way or the other; the last way is the one that is told.
    assert!(desk.export(&server.url()).await.is_err());
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let error = desk.export(&url).await.unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_folder_takes_one_export() {
    let world = World::seeded(1, SIZE);
    let server = LeanCloud::start(1, world.clone(), Habits::default()).await;
    let mut desk = Desk::new();
    let url = server.url();
    let (first, second) = tokio::join!(desk.export(&url), desk.export(&url));
    assert!(first.unwrap().manifest.complete);
    assert!(matches!(second.unwrap_err(), ExportError::Busy(_)));

    // The same again is there already; something else is refused, and spoils nothing.
    let asked = server.asked().requests;
    assert!(desk.complete(&server).await.was_done);
    assert_eq!(server.asked().requests, asked);
    desk.options.since = Some(5);
    let error = desk.export(&server.url()).await.unwrap_err();
    assert!(matches!(error, ExportError::Another { .. }), "{error:?}");
    desk.options.since = None;
    desk.options.app = "another-app".to_owned();
    let error = desk.export(&server.url()).await.unwrap_err();
    assert!(error.to_string().contains("the-leancloud-app"), "{error}");
    ArchiveReader::open(desk.archive()).unwrap().verify().unwrap();

    // A folder with something else in it stays as it is.
    let mut desk = Desk::new();
    desk.options.out = desk.beside("full");
    fs::create_dir(desk.archive()).unwrap();
    fs::write(desk.archive().join("mine.txt"), "mine").unwrap();
    assert!(matches!(desk.export(&server.url()).await.unwrap_err(), ExportError::Archive(_)));
    assert_eq!(fs::read_dir(desk.archive()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_could_not_be_had_is_told_and_had_the_next_time() {
    let world = World::seeded(3, SIZE);
    let expected = Everything::there(&world);
    // Nothing of it can be proven.
    let hopeless = Habits { holes: true, ..Habits::default() };
    let server = LeanCloud::start(4, world, hopeless).await;
    let mut desk = Desk::new();
    desk.options.seal_every = Duration::ZERO;
    let first = desk.export(&server.url()).await.unwrap();
    assert!(!first.manifest.complete && first.report.missing_count > 0, "{:#?}", first.report);
    server.behave(Habits::default());
    let second = desk.complete(&server).await;
    assert!(!second.was_done);
    Everything::in_archive(desk.archive()).in_the_order_of(&expected).assert_is(&expected);
}
