//! Tokens of sessions that ended for good.

use grandstand_protocol::{ClientId, Code, Command, Event, Open, Token};

use crate::{
    guest::Guest,
    server::{APP, Server},
};

fn reopen(token: &Token) -> Command {
    Command::Open(Box::new(Open { reopen: true, token: Some(token.text.clone()), ..Open::default() }))
}

async fn is_refused(server: &Server, token: &Token) -> bool {
    match Guest::connect(server.address, "guest").await.ask(reopen(token)).await {
        Event::Opened { .. } => false,
        Event::Failed { fault } if fault.is(Code::SessionTokenExpired) => true,
        other => panic!("neither let in nor refused: {other:?}"),
    }
}

async fn close(mut guest: Guest) {
    let closed = guest.ask(Command::Close).await;
    assert!(matches!(closed, Event::Closed { fault: None }), "{closed:?}");
}

#[tokio::test]
async fn that_of_a_closed_session_is_refused_now_and_after_a_restart() {
    let server = Server::start("").await;
    let (guest, closed) = Guest::log_in(server.address, "guest").await;
    close(guest).await;
    assert!(is_refused(&server, &closed).await);
    let (guest, dropped) = Guest::log_in(server.address, "guest").await;
    drop(guest);
    server.until_dropped("guest").await;
    server.stop().await;

    let server = Server::start_on(server.data, "").await;
    assert!(is_refused(&server, &closed).await);
    assert!(!is_refused(&server, &dropped).await, "it never closed");
}

#[tokio::test]
async fn that_of_a_session_that_was_pushed_out_is_refused() {
    let server = Server::start("").await;
    let login =
        |device: &str| Open { tag: Some("Mobile".into()), device_id: Some(device.into()), ..Open::default() };
    let mut first = Guest::connect(server.address, "guest").await;
    let pushed_out = first.open(login("a")).await;
    let mut second = Guest::connect(server.address, "guest").await;
    second.open(login("b")).await;
    drop(second);
    server.until_dropped("guest").await;
    assert!(is_refused(&server, &pushed_out).await);
}

#[tokio::test]
async fn a_reopen_that_meets_a_close_is_refused_or_gets_a_token_that_counts() {
    let server = Server::start("").await;
    let router = server.node.router.app(&APP.into());
    let client = ClientId::new("guest").unwrap();
    for round in 0..20 {
        let (mut guest, token) = Guest::log_in(server.address, "guest").await;
        let mut other = Guest::connect(server.address, "guest").await;
        // Both are in the server before either happens: a whole login is later than they.
        let turn = router.turn(&client).await;
        guest.send(Command::Close).await;
        let reopen = other.send(reopen(&token)).await;
        Guest::log_in(server.address, "somebody else").await;
        drop(turn);
        let answer = other.read().await.unwrap();
        assert_eq!(answer.serial, Some(reopen));
        match answer.event {
            Event::Opened { token } => {
                assert!(!is_refused(&server, &token).await, "in round {round}, the new token is void");
            }
            Event::Failed { fault } => assert!(fault.is(Code::SessionTokenExpired), "{fault}"),
            other => panic!("neither let in nor refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn that_of_a_session_whose_end_could_not_be_written_is_refused() {
    let server = Server::start("").await;
    let (guest, token) = Guest::log_in(server.address, "guest").await;
    let database = rusqlite::Connection::open(server.data.path().join("grandstand.db")).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON revocations BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    close(guest).await;
    let written: i64 = database.query_row("SELECT count(*) FROM revocations", [], |row| row.get(0)).unwrap();
    assert_eq!(written, 0, "the store failed");
    assert!(is_refused(&server, &token).await);
}
