//! Whose a push is: it names the client, unless the client has shown that it does without.

use grandstand_protocol::{Command, Downlink, Event, Format, Level, Open, Request, RoomId};

use crate::{
    guest::Guest,
    raw::BINARY,
    server::{APP, Server},
};

/// Bit 7: `peerId` may be left out.
const OMITS_PEER: i64 = 0x80;

/// Asks as SDKs do while they know of one client only.
async fn ask_unnamed(guest: &mut Guest, command: Command) {
    let request = Request { app: None, peer: None, serial: Some(1000), command };
    guest.raw.send(BINARY, &request.encode(Format::Binary).payload).await;
    while guest.read().await.unwrap().serial != Some(1000) {}
}

/// The next push of the room, and who it is for.
async fn addressee(guest: &mut Guest, host: &mut Guest, room: &RoomId) -> Option<String> {
    host.say(room, Level::Normal, "who hears me").await;
    loop {
        if let Downlink { peer, event: Event::Message(_), .. } = guest.read().await.unwrap() {
            return peer;
        }
    }
}

#[tokio::test]
async fn a_push_is_unnamed_for_a_client_that_is_unnamed_itself_and_alone() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let mut guest = Guest::connect(server.address, "guest").await;
    guest.open(Open { config: Some(OMITS_PEER), ..Open::default() }).await;
    guest.join(&room).await;
    // JavaScript 5 after a log-out, and Java with two clients, announce the same and lose what is unnamed.
    assert_eq!(
        addressee(&mut guest, &mut host, &room).await.as_deref(),
        Some("guest"),
        "it has named itself"
    );

    ask_unnamed(&mut guest, Command::Count { room: room.clone() }).await;
    assert_eq!(addressee(&mut guest, &mut host, &room).await, None);

    let open = Command::Open(Box::new(Open { config: Some(OMITS_PEER), ..Open::default() }));
    let second = Request {
        app: Some(APP.to_owned()),
        peer: Some("second".to_owned()),
        serial: Some(1001),
        command: open,
    };
    guest.raw.send(BINARY, &second.encode(Format::Binary).payload).await;
    while guest.read().await.unwrap().serial != Some(1001) {}
    assert_eq!(addressee(&mut guest, &mut host, &room).await.as_deref(), Some("guest"), "there are two now");
}

#[tokio::test]
async fn a_push_names_a_client_that_never_said_it_does_without() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    ask_unnamed(&mut guest, Command::Count { room: room.clone() }).await;
    assert_eq!(addressee(&mut guest, &mut host, &room).await.as_deref(), Some("guest"));
}
