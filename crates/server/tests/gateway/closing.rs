//! How the server closes a socket: the peer learns why, whatever it does.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use crate::{
    guest::Guest,
    raw::{BINARY, PATIENCE, Raw, masked},
    server::Server,
};

#[tokio::test]
async fn a_client_that_goes_on_sending_is_not_reset() {
    let server = Server::start("").await;
    let mut raw = Raw::connect(server.address, "lc.protobuf2.3").await;
    raw.send(BINARY, b"no command").await;
    assert_eq!(raw.close_code().await, 4114);
    assert_eq!(raw.next().await, None, "the server has said everything");
    // A reset would fail these, and on many systems it takes away what was not read yet, the close code.
    for _ in 0..100 {
        raw.stream.write_all(&masked(BINARY, b"more of it")).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_neither_closes_nor_stops_is_cut_off() {
    let server = Server::start("").await;
    let mut raw = Raw::connect(server.address, "lc.protobuf2.3").await;
    raw.send(BINARY, b"no command").await;
    assert_eq!(raw.close_code().await, 4114);
    let sending = async {
        while raw.stream.write_all(&masked(BINARY, b"on and on")).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, sending).await.expect("the end of the connection");
}

#[tokio::test]
async fn the_sockets_of_a_removed_app_are_closed_for_good() {
    let server = Server::start("").await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    server.remove_app();
    assert_eq!(guest.raw.close_code().await, 4100);
}
