//! Level rules of an app, as they reach what is stored.

use grandstand::apps::{App, Apps};
use grandstand_protocol::{Body, Command, Event, Level, MessageId, Open, RoomId};
use grandstand_room::levels::LevelRule;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::{
    guest::{Guest, message},
    server::{APP, Server},
};

const GIFT: &str = r#"{"_lctype":7,"gift":"rocket"}"#;
const CHAT: &str = r#"{"_lctype":-1,"_lctext":"hello"}"#;

/// A server whose app makes gifts HIGH where they carry no level, and whatever a robot sends LOW.
async fn server() -> Server {
    let server = Server::start("[limits]\nwill_grace = \"10ms\"").await;
    let rule = |level| LevelRule { lctype: None, sender: None, via: None, level, overrides: false };
    let gifts = LevelRule { lctype: Some(7), ..rule(Level::High) };
    let robots = LevelRule { sender: Some("robot-*".parse().unwrap()), overrides: true, ..rule(Level::Low) };
    server
        .node
        .apps
        .replace(Apps::new(vec![App { levels: vec![gifts, robots], ..App::new(APP, "key", "master") }]));
    server
}

/// Sends a text, perhaps with a level or as a will; returns its id.
async fn send(guest: &mut Guest, room: &RoomId, text: &str, level: Option<Level>, will: bool) -> MessageId {
    let sent = grandstand_protocol::Send { level, will, ..message(room, Level::Normal, text) };
    match guest.ask(Command::Send(Box::new(sent))).await {
        Event::Accepted { message, .. } => message,
        other => panic!("accepted, not {other:?}"),
    }
}

async fn stored_level(server: &Server, room: &RoomId, message: &MessageId) -> Level {
    server.node.store.message(&APP.into(), room, message).await.unwrap().expect("it is stored").level
}

#[tokio::test]
async fn rules_give_levels_to_messages_without_one_and_to_others_where_they_override() {
    // The test and the server share a thread, so this records what the server counts.
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = server().await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    let (mut robot, _) = Guest::log_in(server.address, "robot-1").await;
    let room = guest.create().await;
    for (by_robot, text, carried, expected) in [
        (false, GIFT, None, Level::High),
        (false, GIFT, Some(Level::Low), Level::Low),
        (false, CHAT, None, Level::Normal),
        (false, CHAT, Some(Level::High), Level::High),
        (false, "no JSON", None, Level::Normal),
        (true, GIFT, None, Level::High),
        (true, GIFT, Some(Level::Normal), Level::Low),
        (true, CHAT, None, Level::Low),
        (true, CHAT, Some(Level::High), Level::Low),
    ] {
        let sender = if by_robot { &mut robot } else { &mut guest };
        let id = send(sender, &room, text, carried, false).await;
        assert_eq!(stored_level(&server, &room, &id).await, expected, "{} {text} {carried:?}", sender.client);
    }
    let figures = counted.render();
    for expected in [
        r#"grandstand_level_rules_total{app="test-app",rule="1",level="high"} 2"#,
        r#"grandstand_level_rules_total{app="test-app",rule="2",level="low"} 3"#,
    ] {
        assert!(figures.contains(expected), "{expected} is not in {figures}");
    }
}

#[tokio::test]
async fn a_rule_comes_before_the_level_of_an_old_connection() {
    let server = server().await;
    let mut levels = Vec::new();
    for client in ["old", "robot-old"] {
        let mut old = Guest::connect_json(server.address, client).await;
        let agent = Some("net-unity/1.0".to_owned());
        old.open(Open { user_agent: agent, ..Open::default() }).await;
        let room = old.create().await;
        let id = send(&mut old, &room, CHAT, None, false).await;
        levels.push(stored_level(&server, &room, &id).await);
    }
    assert_eq!(levels, [Level::High, Level::Low]);
}

#[tokio::test]
async fn a_will_has_the_level_that_it_got_when_it_was_left() {
    let server = server().await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    host.join(&room).await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    let id = send(&mut guest, &room, GIFT, None, true).await;
    drop(guest);
    let heard = host.hear().await;
    assert_eq!((heard.message, heard.body), (id.clone(), Body::Text(GIFT.to_owned())));
    assert_eq!(stored_level(&server, &room, &id).await, Level::High);
}
