//! What an answer of the engine changes.

use grandstand_protocol::{
    Ask, Body, Command, Event, Fault, Level, Mentions, MessageId, Moderate, Open, PatchRequest, Restriction,
    RoomId, StartConversation,
};
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Reply},
    guest::{Guest, message},
    server::Server,
};

/// Judges what is called `hook`, and has no opinion about the rest.
async fn judge(hook: &'static str, result: Value) -> (Engine, Server) {
    let engine = Engine::start(move |call| {
        Reply::Result(if call.hook == hook { result.clone() } else { Value::Null })
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    (engine, server)
}

#[track_caller]
fn is_refusal(fault: &Fault, code: i32) {
    assert_eq!((fault.code, fault.app_code), (code, Some(123)), "{fault:?}");
    assert_eq!(fault.app_message.as_deref(), Some("not here"), "{fault:?}");
}

#[track_caller]
fn fault_of(answer: Event) -> Fault {
    match answer {
        Event::Refused { fault } | Event::Failed { fault } => fault,
        other => panic!("a refusal, not {other:?}"),
    }
}

#[tokio::test]
async fn messages_and_edits_are_refused() {
    let no = json!({ "drop": true, "code": 123, "detail": "not here" });
    let (_engine, server) = judge("_messageReceived", no.clone()).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    for (transient, will) in [(false, false), (true, false), (false, true)] {
        let mut send = message(&room, Level::High, "hello");
        (send.transient, send.will) = (transient, will);
        is_refusal(&fault_of(ann.ask(Command::Send(Box::new(send))).await), 4402);
    }

    let (_engine, server) = judge("_messageUpdate", no).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    for recall in [false, true] {
        let patches = vec![patch(&mut ann, &room, recall).await];
        is_refusal(&fault_of(ann.ask(Command::Modify { patches }).await), 4405);
    }
}

/// An edit or a recall of a message that it sends.
async fn patch(guest: &mut Guest, room: &RoomId, recall: bool) -> PatchRequest {
    let (message, timestamp) = send(guest, room, "as sent").await;
    let body = (!recall).then(|| Body::Text("as edited".to_owned()));
    PatchRequest { room: room.clone(), message, timestamp, recall, body, mentions: Mentions::default() }
}

async fn send(guest: &mut Guest, room: &RoomId, text: &str) -> (MessageId, i64) {
    match guest.ask(Command::Send(Box::new(message(room, Level::High, text)))).await {
        Event::Accepted { message, timestamp } => (message, timestamp),
        other => panic!("accepted, not {other:?}"),
    }
}

#[tokio::test]
async fn rooms_are_not_made_joined_or_changed() {
    let no = json!({ "reject": true, "code": 123, "detail": "not here" });
    let (_engine, server) = judge("_conversationStart", no.clone()).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let start = StartConversation { transient: true, ..StartConversation::default() };
    is_refusal(&fault_of(ann.ask(Command::Start(Box::new(start))).await), 4305);

    let (engine, server) = judge("_conversationAdd", no.clone()).await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let join = Command::Join { room: room.clone(), members: vec!["ann".to_owned()], signature: None };
    is_refusal(&fault_of(ann.ask(join).await), 4305);
    assert_eq!(host.count(&room).await, 1);
    assert!(engine.calls("_conversationAdded").is_empty());

    let (engine, server) = judge("_conversationRemove", no.clone()).await;
    let (mut host, _ann, room) = two_in_a_room(&server).await;
    let ask = Ask::Impose { clients: vec!["ann".to_owned()], signature: None };
    let block = Moderate { room: room.clone(), restriction: Restriction::Block, ask };
    is_refusal(&fault_of(host.ask(Command::Moderate(Box::new(block))).await), 4305);
    assert_eq!(host.count(&room).await, 2, "she is still there");
    let asked = &engine.calls("_conversationRemove")[0].body;
    assert_eq!(*asked, json!({ "initBy": "host", "convId": room.as_str(), "members": ["ann"] }));
    for body in [json!({ "client_ids": ["ann"] }), json!({ "client_ids": ["ann"], "block_seconds": 60 })] {
        let path = format!("/1.2/rtm/chatrooms/{room}/members");
        server.master("DELETE", &path, body).await.refused(400, 4305);
    }
    assert_eq!(host.count(&room).await, 2, "and still");
    let asked = &engine.calls("_conversationRemove")[1].body;
    assert_eq!(*asked, json!({ "initBy": "", "convId": room.as_str(), "members": ["ann"] }));

    let (_engine, server) = judge("_conversationUpdate", no).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let attributes = json!({ "name": "news" }).to_string();
    is_refusal(&fault_of(ann.ask(Command::Update { room, attributes }).await), 4305);
}

#[tokio::test]
async fn of_a_block_it_is_asked_about_those_who_are_there() {
    let no = json!({ "reject": true, "code": 123, "detail": "not here" });
    let (engine, server) = judge("_conversationRemove", no).await;
    let (mut host, _ann, room) = two_in_a_room(&server).await;
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    let block = |clients: &[&str]| {
        let ask = Ask::Impose { clients: clients.iter().map(ToString::to_string).collect(), signature: None };
        Command::Moderate(Box::new(Moderate { room: room.clone(), restriction: Restriction::Block, ask }))
    };
    let answer = host.ask(block(&["bob", "nobody"])).await;
    assert!(matches!(answer, Event::Moderated(_)), "nobody is taken out of the room: {answer:?}");
    assert!(engine.calls("_conversationRemove").is_empty());
    is_refusal(&fault_of(host.ask(block(&["bob", "ann"])).await), 4305);
    assert_eq!(engine.calls("_conversationRemove")[0].body["members"], json!(["ann"]));
}

#[tokio::test]
async fn contents_and_attributes_are_replaced() {
    let (_engine, server) = judge("_messageReceived", json!({ "content": "***" })).await;
    let (mut host, mut ann, room) = two_in_a_room(&server).await;
    ann.say(&room, Level::High, "a bad word").await;
    assert_eq!(host.hear().await.body, Body::Text("***".to_owned()));

    let (_engine, server) = judge("_messageReceived", json!({ "content": "AAH/", "bin": true })).await;
    let (mut host, mut ann, room) = two_in_a_room(&server).await;
    ann.say(&room, Level::High, "text").await;
    assert_eq!(host.hear().await.body, Body::Binary(vec![0, 1, 255].into()));

    let (_engine, server) = judge("_messageUpdate", json!({ "content": "***" })).await;
    let (mut host, mut ann, room) = two_in_a_room(&server).await;
    let patches = vec![patch(&mut ann, &room, false).await];
    let answer = ann.ask(Command::Modify { patches }).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    let edited = loop {
        if let Event::Patched(patch) = host.read().await.unwrap().event {
            break patch;
        }
    };
    assert_eq!(edited.body, Body::Text("***".to_owned()));

    let (_engine, server) = judge("_conversationUpdate", json!({ "attr": { "name": "ours" } })).await;
    let (_host, mut ann, room) = two_in_a_room(&server).await;
    let attributes = json!({ "name": "theirs" }).to_string();
    match ann.ask(Command::Update { room, attributes }).await {
        Event::Updated { change: Some(change), .. } => assert_eq!(change.set, r#"{"name":"ours"}"#),
        other => panic!("updated, not {other:?}"),
    }
}

#[tokio::test]
async fn a_replaced_content_has_to_fit() {
    let (_engine, server) = judge("_messageReceived", json!({ "content": "x".repeat(6000) })).await;
    let (_host, mut ann, room) = two_in_a_room(&server).await;
    let answer = ann.ask(Command::Send(Box::new(message(&room, Level::High, "short")))).await;
    assert_eq!(fault_of(answer).code, 4109);
}

#[tokio::test]
async fn a_message_for_some_reaches_only_them() {
    let engine = Engine::start(|call| {
        let secret = call.hook == "_messageReceived" && call.body["content"] == "for bob and ann";
        Reply::Result(if secret { json!({ "toPeers": ["bob", "ann"] }) } else { json!({ "toPeers": [] }) })
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut host, mut ann, room) = two_in_a_room(&server).await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    ann.say(&room, Level::High, "for bob and ann").await;
    ann.say(&room, Level::High, "for all").await;
    assert_eq!(bob.hear_until("for all").await, ["for bob and ann", "for all"]);
    assert_eq!(host.hear_until("for all").await, ["for all"]);
    bob.say(&room, Level::High, "to ann").await;
    assert_eq!(ann.hear_until("to ann").await, ["to ann"], "her own never comes back to her");
}

/// An engine that keeps texts that begin with "secret" for bob.
async fn keeper() -> (Engine, Server) {
    let engine = Engine::start(|call| {
        let content = call.body["content"].as_str().unwrap_or_default();
        let secret = call.hook == "_messageReceived" && content.starts_with("secret");
        Reply::Result(if secret { json!({ "toPeers": ["bob"] }) } else { Value::Null })
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    (engine, server)
}

/// The texts and states of messages that a member was told of, up to a text for all.
async fn told(guest: &mut Guest, last: &str) -> Vec<String> {
    let told = |event: &Event| matches!(event, Event::Message(_) | Event::Patched(_));
    let mut heard = Vec::new();
    while heard.last().is_none_or(|text| text != last) {
        heard.push(match guest.hear_event(told).await {
            Event::Patched(patch) if patch.recall => "recalled".to_owned(),
            Event::Patched(patch) => format!("{:?}", patch.body),
            Event::Message(push) => format!("{:?}", push.body),
            other => panic!("told of {other:?}"),
        });
    }
    heard
}

fn shown(text: &str) -> String {
    format!("{:?}", Body::Text(text.to_owned()))
}

#[tokio::test]
async fn what_becomes_of_a_message_for_some_only_they_hear() {
    let (_engine, server) = keeper().await;
    let (mut host, mut ann, room) = two_in_a_room(&server).await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    let (message, timestamp) = send(&mut ann, &room, "secret").await;
    for (client, standing) in [("ann", "own"), ("host", "others")] {
        let path = format!("/1.2/rtm/chatrooms/{room}/messages/{message}/trace?client_id={client}");
        let found = server.master("GET", &path, Value::Null).await.ok();
        assert_eq!(found["client"]["sessions"][0]["standing"], standing, "{found}");
    }
    let patch = |recall: bool, text: &str| {
        let body = (!recall).then(|| Body::Text(text.to_owned()));
        let (room, message) = (room.clone(), message.clone());
        let patches =
            vec![PatchRequest { room, message, timestamp, recall, body, mentions: Mentions::default() }];
        Command::Modify { patches }
    };
    let answer = ann.ask(patch(false, "hers")).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    let path = format!("/1.2/rtm/chatrooms/{room}/messages/{message}");
    let change = json!({ "from_client": "ann", "message": "the back end's", "timestamp": timestamp });
    server.master("PUT", &path, change).await.ok();
    let answer = ann.ask(patch(true, "")).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    bob.say(&room, Level::High, "for all").await;
    host.say(&room, Level::High, "for all, too").await;

    let [hers, the_back_ends, last] = ["hers", "the back end's", "for all, too"].map(shown);
    let expected = [shown("secret"), hers, the_back_ends.clone(), "recalled".to_owned(), last.clone()];
    assert_eq!(told(&mut bob, &last).await, expected);
    assert_eq!(told(&mut host, &shown("for all")).await, [shown("for all")]);
    assert_eq!(told(&mut ann, &last).await, [the_back_ends, shown("for all"), last], "the author hears, too");
}

#[tokio::test]
async fn who_returns_gets_no_message_for_others_and_nothing_of_its_edit() {
    let (_engine, server) = keeper().await;
    let (host, mut ann, room) = two_in_a_room(&server).await;
    drop(host);
    let mut away = Vec::new();
    for name in ["bob", "tom"] {
        let (mut guest, token) = Guest::log_in(server.address, name).await;
        guest.join(&room).await;
        away.push((name, token));
    }
    server.until_dropped("bob").await;
    server.until_dropped("tom").await;
    let mut secret = patch(&mut ann, &room, false).await;
    (secret.message, secret.timestamp) = send(&mut ann, &room, "secret").await;
    let answer = ann.ask(Command::Modify { patches: vec![secret] }).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    send(&mut ann, &room, "for all").await;

    let [sent, edited, last] = ["as sent", "as edited", "for all"].map(shown);
    for ((name, token), expected) in away
        .into_iter()
        .zip([vec![edited.clone(), sent.clone(), edited, last.clone()], vec![sent, last.clone()]])
    {
        let mut guest = Guest::connect(server.address, name).await;
        let open = Open { reopen: true, token: Some(token.text), last_patch: Some(0), ..Open::default() };
        guest.open(open).await;
        assert_eq!(told(&mut guest, &last).await, expected, "{name}");
    }
}

async fn two_in_a_room(server: &Server) -> (Guest, Guest, RoomId) {
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;
    (host, ann, room)
}
