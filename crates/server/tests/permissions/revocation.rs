//! What is taken from a client is gone at once, on all its open sessions; and so is a key that was removed.

use std::time::{Duration, Instant};

use grandstand::{apps::Apps, config::Config};
use grandstand_protocol::{Command, Event, Format, Level, Moderate, Open, Restriction, RoomId};
use serde_json::{Value, json};

use crate::{
    guest::{Guest, message},
    raw::Raw,
    server::{Server, master_of},
};

/// Nothing that was revoked may count for longer (reliability S36).
const AT_ONCE: Duration = Duration::from_secs(1);

/// Sessions of the same client, on sockets of both kinds.
async fn sessions(server: &Server, client: &str, room: &RoomId) -> Vec<Guest> {
    let mut sessions = Vec::new();
    for (subprotocol, format) in [("lc.protobuf2.3", Format::Binary), ("lc.json.1", Format::Json)] {
        let mut guest = Guest::over(Raw::connect(server.address, subprotocol).await, client, format);
        guest.open(Open::default()).await;
        guest.join(room).await;
        sessions.push(guest);
    }
    sessions
}

async fn room_of(server: &Server, creator: &str) -> RoomId {
    let body = json!({ "name": "room", "c": creator }).to_string();
    let made = server.back_end("plain", "POST", "/1.2/rtm/chatrooms", &body).await;
    RoomId::new(made["objectId"].as_str().unwrap())
}

fn code(event: &Event) -> i32 {
    match event {
        Event::Failed { fault } | Event::Refused { fault } => fault.code,
        _ => 0,
    }
}

/// Asks again and again until it is refused with this code, on every session.
async fn until_refused(sessions: &mut [Guest], command: &Command, expected: i32, what: &str) -> Duration {
    let started = Instant::now();
    for session in sessions {
        loop {
            let event = session.ask(command.clone()).await;
            if code(&event) == expected {
                break;
            }
            assert!(started.elapsed() < AT_ONCE, "{what}: {event:?} after {:?}", started.elapsed());
        }
    }
    started.elapsed()
}

#[tokio::test]
async fn what_is_taken_from_a_client_is_gone_on_all_its_sessions() {
    let server = Server::start().await;
    for (what, path, body, expected) in [
        (
            "silence",
            "/1.2/rtm/chatrooms/{room}/permanent-silenceds",
            json!({ "client_ids": ["guest-silence"] }),
            4563,
        ),
        (
            "temporary silence",
            "/1.1/rtm/conversation/blacklist",
            json!({ "client_id": "guest-temporary silence", "conv_id": "{room}", "ttl": 60 }),
            4315,
        ),
        ("block", "/1.2/rtm/chatrooms/{room}/blacklists", json!({ "client_ids": ["guest-block"] }), 4548),
        ("kick", "/1.1/rtm/client/kick", json!({ "client_id": "guest-kick" }), 4105),
        ("ban", "/1.2/rtm/bans", json!({ "client_id": "guest-ban" }), 4105),
    ] {
        let room = room_of(&server, "host").await;
        let mut sessions = sessions(&server, &format!("guest-{what}"), &room).await;
        let said = Command::Send(Box::new(message(&room, Level::Normal, "hello")));
        for session in &mut sessions {
            assert_eq!(code(&session.ask(said.clone()).await), 0, "{what}: not yet");
        }
        let (path, body) =
            (path.replace("{room}", room.as_str()), body.to_string().replace("{room}", room.as_str()));
        server.back_end("plain", "POST", &path, &body).await;
        let after = until_refused(&mut sessions, &said, expected, what).await;
        eprintln!("{what} holds on both sessions after {after:?}");
    }
}

#[tokio::test]
async fn a_role_that_was_taken_counts_no_more_on_any_session() {
    let server = Server::start().await;
    let room = room_of(&server, "host").await;
    let mut sessions = sessions(&server, "deputy", &room).await;
    let infos = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    let given = json!({ "clientId": "deputy", "role": "Manager" }).to_string();
    let row = server.back_end("plain", "POST", &infos, &given).await["objectId"].as_str().unwrap().to_owned();
    let look = Command::Moderate(Box::new(Moderate {
        room: room.clone(),
        restriction: Restriction::Block,
        ask: grandstand_protocol::Ask::List { limit: None, next: None },
    }));
    for session in &mut sessions {
        assert_eq!(code(&session.ask(look.clone()).await), 0, "it may as long as it has the role");
    }
    server.back_end("plain", "DELETE", &format!("{infos}/{row}"), "").await;
    let after = until_refused(&mut sessions, &look, 4320, "a role").await;
    eprintln!("a role is gone on both sessions after {after:?}");
}

#[tokio::test]
async fn a_key_that_was_removed_counts_no_more() {
    let server = Server::start().await;
    let old = "X-LC-Id: plain\r\nX-LC-Key: plain-old,master\r\n";
    let status = async |headers: &str| server.ask(headers, "GET", "/1.2/rtm/stats", "").await.status;
    assert_eq!((status(old).await, status(&master_of("plain")).await), (200, 200));
    let text = "[[apps]]\nid = \"plain\"\nkey = \"plain-key\"\nmaster_key = \"plain-master\"\n";
    server.node.apps.replace(Apps::new(Config::from_toml(text).unwrap().apps));
    server.node.follow_reload();
    assert_eq!((status(old).await, status(&master_of("plain")).await), (401, 200));
    let third: Value = json!(status(&master_of("third")).await);
    assert_eq!(third, 401, "nor an app that was removed");
}
