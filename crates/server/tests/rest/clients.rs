//! Clients over REST: who is online, kick, figures, and what this server has not.

use grandstand_protocol::{Code, Command, Event, Open, Send};
use serde_json::json;

use crate::{
    guest::{Guest, message},
    messages::{NOBODY, room_with},
    server::{As, Server},
};

/// The next event but the pushes of rooms.
async fn told(guest: &mut Guest) -> Event {
    loop {
        match guest.read().await.expect("the socket stays").event {
            Event::Message(_) => {}
            event => return event,
        }
    }
}

#[tokio::test]
async fn those_online_are_named() {
    let server = Server::start().await;
    let (_ann, _) = Guest::log_in(server.address, "ann").await;
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    for (path, key) in [("/1.2/rtm/clients/check-online", "client_ids"), ("/1.1/rtm/online", "peers")] {
        let found = server.master("POST", path, json!({ key: ["bob", "nobody", "ann"] })).await.ok();
        assert_eq!(found, json!({ "results": ["bob", "ann"] }));
        assert_eq!(server.master("POST", path, json!({ key: [] })).await.ok(), json!({ "results": [] }));
        let twenty: Vec<String> = (0..20).map(|n| format!("client-{n}")).collect();
        server.master("POST", path, json!({ key: twenty })).await.ok();
        let many: Vec<String> = (0..21).map(|n| format!("client-{n}")).collect();
        assert!(server.master("POST", path, json!({ key: many })).await.refused(400, 400).contains("20"));
        server.master("POST", path, json!({ key: "ann" })).await.refused(400, 400);
        server.master("POST", path, NOBODY).await.refused(400, 400);
        server.ask(As::App, "POST", path, json!({ key: ["ann"] })).await.refused(401, 401);
        let elsewhere = server.ask(As::OtherMaster, "POST", path, json!({ key: ["ann"] })).await.ok();
        assert_eq!(elsewhere, json!({ "results": [] }), "another app's");
    }
}

#[tokio::test]
async fn a_kicked_client_is_logged_out_everywhere() {
    let server = Server::start().await;
    let (mut ann, token, room) = room_with(&server, "ann").await;
    let mut twin = Guest::connect_json(server.address, "ann").await;
    twin.open(Open::default()).await;
    twin.join(&room).await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    assert_eq!(host.count(&room).await, 1);
    let will = Send { will: true, ..message(&room, grandstand_protocol::Level::High, "will") };
    ann.ask(Command::Send(Box::new(will))).await;

    let kick = json!({ "reason": "spam" });
    assert_eq!(server.master("POST", "/1.2/rtm/clients/ann/kick", kick).await.ok(), json!({}));
    for guest in [&mut ann, &mut twin] {
        let Event::Closed { fault: Some(fault) } = told(guest).await else { panic!("closed") };
        assert_eq!((fault.code, fault.reason.as_str()), (4115, "spam"));
        let refused = guest.ask(Command::Count { room: room.clone() }).await;
        assert!(
            matches!(&refused, Event::Failed { fault } if fault.is(Code::SessionRequired)),
            "{refused:?}"
        );
    }
    assert_eq!(host.count(&room).await, 0);
    let online = server.master("POST", "/1.1/rtm/online", json!({ "peers": ["ann"] })).await.ok();
    assert_eq!(online, json!({ "results": [] }));

    // Its token is void.
    let mut back = Guest::connect(server.address, "ann").await;
    let reopen = Open { reopen: true, token: Some(token.text), ..Open::default() };
    let refused = back.ask(Command::Open(Box::new(reopen))).await;
    assert!(
        matches!(&refused, Event::Failed { fault } if fault.is(Code::SessionTokenExpired)),
        "{refused:?}"
    );
    // It may log in anew, into no room; its will was not sent.
    server.clock.jump(60_000);
    let token = back.open(Open::default()).await;
    assert_eq!(host.count(&room).await, 0);
    let items = server.master("GET", &format!("/1.2/rtm/chatrooms/{room}/messages"), NOBODY).await.ok();
    assert_eq!(items, json!([]));
    // A token that was issued after the kick counts.
    server.clock.jump(1000);
    drop(back);
    Guest::reopen(server.address, "ann", &token).await;
}

#[tokio::test]
async fn a_kick_takes_the_way_back_from_those_who_dropped() {
    let server = Server::start().await;
    let (ann, _, room) = room_with(&server, "ann").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    drop(ann);
    server.until_dropped("ann").await;
    let kick = json!({ "client_id": "ann" });
    assert_eq!(server.master("POST", "/1.1/rtm/client/kick", kick).await.ok(), json!({}));
    server.clock.jump(1000);
    let (_ann, _) = Guest::log_in(server.address, "ann").await;
    assert_eq!(host.count(&room).await, 0, "a login by hand would bring the room back");
}

#[tokio::test]
async fn a_kick_is_of_the_app_and_says_why_in_a_few_words() {
    let server = Server::start().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let path = "/1.2/rtm/clients/ann/kick";
    assert_eq!(server.ask(As::OtherMaster, "POST", path, NOBODY).await.ok(), json!({}), "nobody there");
    server.master("POST", path, json!({ "reason": "x".repeat(21) })).await.refused(400, 400);
    server.master("POST", path, json!({ "reason": 7 })).await.refused(400, 400);
    server.ask(As::App, "POST", path, NOBODY).await.refused(401, 401);
    let long = format!("/1.2/rtm/clients/{}/kick", "x".repeat(65));
    server.master("POST", &long, NOBODY).await.refused(400, 400);
    server.master("POST", "/1.1/rtm/client/kick", json!({})).await.refused(400, 400);
    server.master("POST", path, json!({ "reason": "二十个字符以内的理由可以是中文的哦没问题" })).await.ok();
    let Event::Closed { fault: Some(fault) } = told(&mut ann).await else { panic!("the first word") };
    assert_eq!(fault.reason, "二十个字符以内的理由可以是中文的哦没问题");
    // Without a reason the code has its name.
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    server.master("POST", "/1.2/rtm/clients/bob/kick", NOBODY).await.ok();
    let Event::Closed { fault: Some(fault) } = told(&mut bob).await else { panic!("the first word") };
    assert_eq!(fault.reason, "KICKED_BY_APP");
}

#[tokio::test]
async fn figures_count_distinct_clients() {
    let server = Server::start().await;
    let stats = async || server.master("GET", "/1.2/rtm/stats", NOBODY).await.ok();
    let figures = |online: u32, today: u32| json!({ "result": { "online_user_count": online, "user_count_today": today } });
    assert_eq!(stats().await, figures(0, 0));
    let (ann, token) = Guest::log_in(server.address, "ann").await;
    let (_twin, _) = Guest::log_in(server.address, "ann").await;
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    assert_eq!(stats().await, figures(2, 2));
    drop(ann);
    Guest::reopen(server.address, "ann", &token).await;
    assert_eq!(stats().await["result"]["user_count_today"], 2);
    let elsewhere = server.ask(As::OtherMaster, "GET", "/1.2/rtm/stats", NOBODY).await.ok();
    assert_eq!(elsewhere, figures(0, 0));
    server.ask(As::App, "GET", "/1.2/rtm/stats", NOBODY).await.refused(401, 401);
    server.clock.jump(24 * 3600 * 1000);
    assert_eq!(stats().await["result"]["user_count_today"], 0, "a new day");
}

#[tokio::test]
async fn nothing_is_unread_in_rooms() {
    let server = Server::start().await;
    for path in ["/1.2/rtm/clients/ann/unread-count", "/1.2/rtm/clients/ann/unread-count?conv_id=some-room"] {
        assert_eq!(server.ask(As::App, "GET", path, NOBODY).await.ok(), json!({ "count": 0 }));
        server.ask(As::Nobody, "GET", path, NOBODY).await.refused(401, 401);
    }
}

#[tokio::test]
async fn what_is_not_about_rooms_is_refused_in_words() {
    let server = Server::start().await;
    for (method, path) in [
        ("POST", "/1.2/rtm/broadcasts"),
        ("GET", "/1.2/rtm/broadcasts?conv_id=x"),
        ("DELETE", "/1.2/rtm/broadcasts/some-id"),
        ("POST", "/1.2/rtm/service-conversations"),
        ("GET", "/1.2/rtm/service-conversations/x/subscribers"),
        ("POST", "/1.2/rtm/service-conversations/x/broadcasts"),
        ("PUT", "/1.2/rtm/service-conversations/x"),
        ("DELETE", "/1.2/rtm/service-conversations/x"),
        ("POST", "/1.1/rtm/broadcast"),
        ("GET", "/1.1/rtm/broadcast"),
        ("DELETE", "/1.1/rtm/broadcast"),
        ("POST", "/1.1/rtm/broadcast/subscriber"),
        ("POST", "/1.1/rtm/conversation/subscription"),
        ("DELETE", "/1.1/rtm/conversation/subscription"),
    ] {
        let words = server.master(method, path, NOBODY).await.refused(404, 404);
        assert!(words.contains("service conversations"), "{method} {path}: {words}");
        server.ask(As::App, method, path, NOBODY).await.refused(401, 401);
    }
}
