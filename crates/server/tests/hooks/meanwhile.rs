//! While a hook is asked, time goes on: what has changed when it answers counts.

use grandstand_protocol::{
    Answer, Ask, Body, ClientId, Command, Event, Fault, Level, Mentions, Moderate, PatchRequest, Restriction,
    RoomId, StartConversation,
};
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Reply},
    guest::{Guest, message},
    server::{APP, Server},
};

/// Holds what it is asked in `hook`, and has no opinion about the rest.
async fn holding(hook: &'static str) -> (Engine, Server) {
    let engine = Engine::start(move |call| match call.hook == hook {
        true => Reply::Held,
        false => Reply::Result(Value::Null),
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    (engine, server)
}

/// What a back end does about a client while a hook has not answered.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Silence,
    Block,
    Kick,
    Ban,
}

impl Meanwhile {
    const ALL: [Self; 4] = [Self::Silence, Self::Block, Self::Kick, Self::Ban];

    async fn happens(self, server: &Server, room: &RoomId, client: &str) {
        let of_room = |what: &str| format!("/1.2/rtm/chatrooms/{room}/{what}");
        let (path, body) = match self {
            Self::Silence => (of_room("permanent-silenceds"), json!({ "client_ids": [client] })),
            Self::Block => (of_room("blacklists"), json!({ "client_ids": [client] })),
            Self::Kick => (format!("/1.2/rtm/clients/{client}/kick"), json!({})),
            Self::Ban => ("/1.2/rtm/bans".to_owned(), json!({ "client_id": client })),
        };
        server.master("POST", &path, body).await.ok();
    }

    /// What whoever waited hears: 4105 where its session is no more.
    fn code(self) -> i32 {
        match self {
            Self::Silence => 4563,
            Self::Block => 4548,
            Self::Kick | Self::Ban => 4105,
        }
    }
}

/// The code that refuses what was sent with this serial.
async fn refused(guest: &mut Guest, serial: i32) -> i32 {
    let told = loop {
        let told = guest.read().await.expect("an answer before the end");
        if told.serial == Some(serial) {
            break told;
        }
    };
    let (Event::Refused { fault: Fault { code, .. } } | Event::Failed { fault: Fault { code, .. } }) =
        told.event
    else {
        panic!("a refusal, not {:?}", told.event)
    };
    code
}

async fn history(server: &Server, room: &RoomId) -> Vec<Value> {
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    server.master("GET", &path, Value::Null).await.ok().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_message_does_not_go_out_any_more() {
    for (meanwhile, transient) in Meanwhile::ALL.into_iter().flat_map(|one| [(one, false), (one, true)]) {
        let (engine, server) = holding("_messageReceived").await;
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        let (mut ann, _) = Guest::log_in(server.address, "ann").await;
        ann.join(&room).await;
        let mut late = message(&room, Level::High, "late");
        late.transient = transient;
        let serial = ann.send(Command::Send(Box::new(late))).await;
        engine.called("_messageReceived", |_| true).await;
        meanwhile.happens(&server, &room, "ann").await;
        engine.release();
        assert_eq!(refused(&mut ann, serial).await, meanwhile.code(), "{meanwhile:?}");
        host.say(&room, Level::High, "end").await;
        assert_eq!(history(&server, &room).await.len(), 1, "{meanwhile:?}: only the host's");
    }
}

#[tokio::test]
async fn a_will_is_not_held_any_more() {
    for meanwhile in Meanwhile::ALL {
        let (engine, server) = holding("_messageReceived").await;
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        let (mut ann, _) = Guest::log_in(server.address, "ann").await;
        let mut will = message(&room, Level::High, "from beyond");
        will.will = true;
        let serial = ann.send(Command::Send(Box::new(will))).await;
        engine.called("_messageReceived", |_| true).await;
        meanwhile.happens(&server, &room, "ann").await;
        engine.release();
        assert_eq!(refused(&mut ann, serial).await, meanwhile.code(), "{meanwhile:?}");
        let held = server.node.store.sessions(&APP.into(), &ClientId::new("ann").unwrap()).await.unwrap();
        assert!(held.is_empty(), "{meanwhile:?}: {held:?}");
    }
}

#[tokio::test]
async fn an_edit_or_a_recall_is_not_made_any_more() {
    for (meanwhile, recall) in Meanwhile::ALL.into_iter().flat_map(|one| [(one, false), (one, true)]) {
        if recall && matches!(meanwhile, Meanwhile::Silence | Meanwhile::Block) {
            // Who may say nothing new may still take back what was said.
            continue;
        }
        let (engine, server) = holding("_messageUpdate").await;
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        let (mut ann, _) = Guest::log_in(server.address, "ann").await;
        let sent = ann.ask(Command::Send(Box::new(message(&room, Level::High, "as sent")))).await;
        let Event::Accepted { message, timestamp } = sent else { panic!("accepted, not {sent:?}") };
        let body = (!recall).then(|| Body::Text("as edited".to_owned()));
        let mentions = Mentions::default();
        let patch = PatchRequest { room: room.clone(), message, timestamp, recall, body, mentions };
        let serial = ann.send(Command::Modify { patches: vec![patch] }).await;
        engine.called("_messageUpdate", |_| true).await;
        meanwhile.happens(&server, &room, "ann").await;
        engine.release();
        assert_eq!(refused(&mut ann, serial).await, meanwhile.code(), "{meanwhile:?}");
        assert_eq!(history(&server, &room).await[0]["data"], "as sent", "{meanwhile:?}");
    }
}

#[tokio::test]
async fn a_room_is_not_changed_any_more() {
    for meanwhile in Meanwhile::ALL {
        let (engine, server) = holding("_conversationUpdate").await;
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        let (mut ann, _) = Guest::log_in(server.address, "ann").await;
        ann.join(&room).await;
        let attributes = json!({ "name": "late" }).to_string();
        let serial = ann.send(Command::Update { room: room.clone(), attributes }).await;
        engine.called("_conversationUpdate", |_| true).await;
        meanwhile.happens(&server, &room, "ann").await;
        engine.release();
        assert_eq!(refused(&mut ann, serial).await, meanwhile.code(), "{meanwhile:?}");
        let shown = server.master("GET", &format!("/1.2/rtm/chatrooms/{room}"), Value::Null).await.ok();
        assert_eq!(shown["name"], Value::Null, "{meanwhile:?}: {shown}");
    }
}

#[tokio::test]
async fn a_room_is_not_made_any_more() {
    let (engine, server) = holding("_conversationStart").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let start = StartConversation { transient: true, ..StartConversation::default() };
    let serial = ann.send(Command::Start(Box::new(start))).await;
    engine.called("_conversationStart", |_| true).await;
    server.master("POST", "/1.2/rtm/clients/ann/kick", json!({})).await.ok();
    engine.release();
    assert_eq!(refused(&mut ann, serial).await, 4105);
    let rooms = server.master("GET", "/1.2/rtm/chatrooms", Value::Null).await.ok();
    assert_eq!(rooms["results"], json!([]));
}

fn block(room: &RoomId, clients: &[&str]) -> Command {
    let clients = clients.iter().map(ToString::to_string).collect();
    let ask = Ask::Impose { clients, signature: None };
    Command::Moderate(Box::new(Moderate { room: room.clone(), restriction: Restriction::Block, ask }))
}

#[tokio::test]
async fn who_is_no_manager_any_more_blocks_nobody() {
    let (engine, server) = holding("_conversationRemove").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;
    let roles = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    server.master("POST", &roles, json!({ "clientId": "bob", "role": "Manager" })).await.ok();
    let serial = bob.send(block(&room, &["ann"])).await;
    engine.called("_conversationRemove", |_| true).await;
    server.master("POST", &roles, json!({ "clientId": "bob", "role": "Member" })).await.ok();
    engine.release();
    assert_eq!(refused(&mut bob, serial).await, 4320);
    assert_eq!(host.count(&room).await, 2, "ann is still there");
}

#[tokio::test]
async fn who_has_become_a_manager_is_not_blocked_by_one() {
    let (engine, server) = holding("_conversationRemove").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    let mut members = Vec::new();
    for name in ["ann", "cid"] {
        let (mut guest, _) = Guest::log_in(server.address, name).await;
        guest.join(&room).await;
        members.push(guest);
    }
    let roles = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    server.master("POST", &roles, json!({ "clientId": "bob", "role": "Manager" })).await.ok();
    let serial = bob.send(block(&room, &["ann", "cid"])).await;
    engine.called("_conversationRemove", |_| true).await;
    server.master("POST", &roles, json!({ "clientId": "ann", "role": "Manager" })).await.ok();
    engine.release();
    let answer = loop {
        let told = bob.read().await.expect("an answer");
        if told.serial == Some(serial) {
            break told.event;
        }
    };
    let Event::Moderated(moderated) = answer else { panic!("an outcome, not {answer:?}") };
    let Answer::Imposed(outcome) = moderated.answer else { panic!("imposed, not {moderated:?}") };
    assert_eq!(outcome.allowed, ["cid"]);
    let failed: Vec<_> =
        outcome.failed.iter().map(|failure| (&failure.clients[..], failure.fault.code)).collect();
    assert_eq!(failed, [(&["ann".to_owned()][..], 4320)]);
}
