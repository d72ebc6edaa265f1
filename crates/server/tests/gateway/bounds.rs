//! What one command may cost: everything that a client can make long has an end.

use grandstand::apps::{App, Apps};
use grandstand_protocol::{
    Body, Code, Command, ConversationQuery, Event, Fault, Level, Mentions, MessageId, PatchRequest, RoomId,
    Send, StartConversation,
};
use grandstand_room::rates::AppRates;
use serde_json::{Value, json};

use crate::{
    guest::{Guest, message},
    server::{APP, MASTER_KEY, Server},
};

async fn room_of(server: &Server) -> (Guest, RoomId) {
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    (host, room)
}

/// A member, the host, and a message of the host's that both have.
async fn with_a_message(server: &Server) -> (Guest, Guest, PatchRequest) {
    let (mut host, room) = room_of(server).await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    let sent = host.ask(Command::Send(Box::new(message(&room, Level::Normal, "first words")))).await;
    let Event::Accepted { message, timestamp } = sent else { panic!("accepted, not {sent:?}") };
    guest.hear_until("first words").await;
    (host, guest, edit(&room, message, timestamp))
}

fn edit(room: &RoomId, message: MessageId, timestamp: i64) -> PatchRequest {
    let (room, mentions) = (room.clone(), Mentions::default());
    PatchRequest { room, message, timestamp, recall: false, body: None, mentions }
}

fn to(patch: &PatchRequest, text: impl Into<String>) -> PatchRequest {
    PatchRequest { body: Some(Body::Text(text.into())), ..patch.clone() }
}

fn refused(event: Event) -> Fault {
    match event {
        Event::Refused { fault } | Event::Failed { fault } => fault,
        other => panic!("a refusal, not {other:?}"),
    }
}

/// The new texts that a member is told of, up to the next message.
async fn edits_until_a_message(guest: &mut Guest) -> Vec<Body> {
    let mut told = Vec::new();
    loop {
        match guest.read().await.unwrap().event {
            Event::Patched(patch) => told.push(patch.body),
            Event::Message(_) => return told,
            _ => {}
        }
    }
}

#[tokio::test]
async fn edits_before_a_refused_one_are_told_to_the_room() {
    let server = Server::start("").await;
    let (mut host, mut guest, patch) = with_a_message(&server).await;
    let patches = vec![to(&patch, "right"), to(&patch, "x".repeat(6000)), to(&patch, "never")];
    assert!(refused(host.ask(Command::Modify { patches }).await).is(Code::FrameTooLong));
    host.say(&patch.room, Level::Normal, "end").await;
    assert_eq!(edits_until_a_message(&mut guest).await, [Body::Text("right".to_owned())]);
}

#[tokio::test]
async fn each_edit_of_a_command_counts() {
    let server = Server::start("[client_limits]\nenabled = true\nother = 5").await;
    let (mut host, mut guest, patch) = with_a_message(&server).await;
    let patches = (0..7).map(|n| to(&patch, n.to_string())).collect();
    assert!(refused(host.ask(Command::Modify { patches }).await).is(Code::MessageSentQuotaExceeded));
    host.say(&patch.room, Level::Normal, "end").await;
    assert_eq!(edits_until_a_message(&mut guest).await.len(), 5);
}

#[tokio::test]
async fn the_size_of_a_message_is_that_of_all_it_brings() {
    let server = Server::start("").await;
    let (mut host, mut guest, patch) = with_a_message(&server).await;
    let limit = 5 * 1024;
    let mentions = Mentions { all: false, clients: vec!["m".repeat(64); 20] };
    let named = 64 * 20;
    let sized = |body: usize| message(&patch.room, Level::Normal, &"x".repeat(body));
    let tries = |body: usize| {
        [
            Send { push_data: Some("p".repeat(1000)), ..sized(body - 1000) },
            Send { dedupe: Some("d".repeat(1000)), ..sized(body - 1000) },
            Send { mentions: mentions.clone(), ..sized(body - named) },
        ]
    };
    for (fits, too_long) in tries(limit).into_iter().zip(tries(limit + 1)) {
        assert!(refused(host.ask(Command::Send(Box::new(too_long))).await).is(Code::FrameTooLong));
        let answer = host.ask(Command::Send(Box::new(fits))).await;
        assert!(matches!(answer, Event::Accepted { .. }), "{answer:?}");
        assert!(guest.hear().await.body.len() < limit);
    }
    let with = |body: usize| PatchRequest { mentions: mentions.clone(), ..to(&patch, "x".repeat(body)) };
    let too_long = host.ask(Command::Modify { patches: vec![with(limit - named + 1)] }).await;
    assert!(refused(too_long).is(Code::FrameTooLong));
    let fits = host.ask(Command::Modify { patches: vec![with(limit - named)] }).await;
    assert!(matches!(fits, Event::Modified { .. }), "{fits:?}");
}

#[tokio::test]
async fn what_cannot_be_a_client_id_is_not_mentioned() {
    let server = Server::start("").await;
    let (mut host, mut guest, patch) = with_a_message(&server).await;
    let clients = vec!["m".repeat(50_000), "guest".to_owned(), String::new()];
    let mentions = Mentions { all: true, clients };
    let kept = Mentions { all: true, clients: vec!["guest".to_owned()] };
    let sent = Send { mentions: mentions.clone(), ..message(&patch.room, Level::Normal, "hi") };
    let answer = host.ask(Command::Send(Box::new(sent))).await;
    assert!(matches!(answer, Event::Accepted { .. }), "{answer:?}");
    assert_eq!(guest.hear().await.mentions, kept);
    let patches = vec![PatchRequest { mentions, ..to(&patch, "hello") }];
    let answer = host.ask(Command::Modify { patches }).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    match guest.read().await.unwrap().event {
        Event::Patched(patch) => assert_eq!(patch.mentions, kept),
        other => panic!("an edit, not {other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_does_not_repeat_all_that_was_said() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let (room, members) = (RoomId::from("r".repeat(50_000)), vec!["host".to_owned()]);
    let count = Command::Count { room: room.clone() };
    for asked in [count, Command::Join { room, members, signature: None }] {
        let fault = refused(host.ask(asked).await);
        assert!(fault.is(Code::ConversationNotFound), "{}", fault.code);
        let detail = fault.detail.unwrap();
        assert!(detail.contains("rrr") && detail.len() < 200, "{} bytes", detail.len());
    }
}

fn query(filter: &Value, limit: i32) -> Command {
    let filter = Some(filter.to_string());
    Command::Query(Box::new(ConversationQuery { filter, limit: Some(limit), ..ConversationQuery::default() }))
}

fn rows(event: Event) -> Vec<Value> {
    match event {
        Event::Results { rows, .. } => serde_json::from_str(&rows).unwrap(),
        other => panic!("rows, not {other:?}"),
    }
}

#[tokio::test]
async fn a_query_has_no_answer_of_megabytes() {
    let server = Server::start("[limits]\nroom_attributes = \"48KiB\"").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let attributes = json!({ "blob": "b".repeat(45_000) }).to_string();
    for _ in 0..24 {
        let attributes = Some(attributes.clone());
        let start = StartConversation { transient: true, attributes, ..StartConversation::default() };
        let answer = host.ask(Command::Start(Box::new(start))).await;
        assert!(matches!(answer, Event::Started { .. }), "{answer:?}");
    }
    let all = json!({ "tr": true });
    let fault = refused(host.ask(query(&all, 100)).await);
    assert!(fault.is(Code::ConversationQueryFailed), "{fault}");
    assert_eq!(rows(host.ask(query(&all, 20)).await).len(), 20);
}

#[tokio::test]
async fn a_look_up_of_many_shows_the_first_last_messages() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let mut ids = Vec::new();
    for _ in 0..103 {
        let room = host.create().await;
        host.say(&room, Level::Normal, "here").await;
        ids.push(room.to_string());
    }
    let filter = Some(json!({ "objectId": { "$in": ids } }).to_string());
    let asked = ConversationQuery { filter, limit: Some(999), flag: Some(2), ..ConversationQuery::default() };
    let rows = rows(host.ask(Command::Query(Box::new(asked))).await);
    assert_eq!(rows.len(), 103);
    let with_last: Vec<bool> = rows.iter().map(|row| row["msg"] == "here").collect();
    assert_eq!(with_last, [vec![true; 100], vec![false; 3]].concat());
}

/// The rates of the app, as after a reload.
fn limit(server: &Server, limits: AppRates) {
    let mut app = App::new(APP, "key", MASTER_KEY);
    app.limits = limits;
    server.node.apps.replace(Apps::new(vec![app]));
}

/// How many messages are accepted until one is refused, of at most ten.
async fn accepted(guest: &mut Guest, room: &RoomId) -> usize {
    for n in 0..10 {
        match guest.ask(Command::Send(Box::new(message(room, Level::Normal, "text")))).await {
            Event::Accepted { .. } => {}
            answer => {
                let fault = refused(answer);
                assert!(fault.is(Code::MessageSentQuotaExceeded), "{fault}");
                assert!(fault.app_code.is_some_and(|seconds| (1..=60).contains(&seconds)), "{fault:?}");
                assert!(fault.app_message.is_some_and(|time| time.ends_with('Z')));
                return n;
            }
        }
    }
    10
}

#[tokio::test]
async fn an_app_has_rates_of_its_own_and_clients_without() {
    let server = Server::start("[client_limits]\nenabled = true\nsend = 3").await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    let room = guest.create().await;
    assert_eq!(accepted(&mut guest, &room).await, 3, "the server's");
    limit(&server, AppRates { send: Some(5), ..AppRates::default() });
    let (mut other, _) = Guest::log_in(server.address, "other").await;
    assert_eq!(accepted(&mut other, &room).await, 5, "the app's, after a reload");
    let exempt = vec!["bot-*".parse().unwrap(), "guest".parse().unwrap()];
    limit(&server, AppRates { exempt, ..AppRates::default() });
    let (mut bot, _) = Guest::log_in(server.address, "bot-1").await;
    for (client, expected) in [(&mut bot, 10), (&mut guest, 10), (&mut other, 0)] {
        assert_eq!(accepted(client, &room).await, expected, "{}", client.client);
    }
}
