//! Commands that are well-formed and meant to hurt: deep, long, or many. Each is answered, and the socket stays.

use grandstand_protocol::{
    Body, Bound, Command, ConversationQuery, Direction, Event, HistoryRequest, Level, Mentions, MessageId,
    PatchRequest, RoomId, StartConversation,
};

use crate::{
    guest::{Guest, message},
    siege::Siege,
};

/// Levels of nesting, and parts of a list, that fit into a frame.
const DEEP: usize = 5000;
const MANY: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn deep_long_and_many_are_answered_and_the_socket_stays() {
    Siege::lay("")
        .await
        // A bomber holds a megabyte of bombs.
        .withstands(0..2, |address, number| async move {
            let (mut guest, _) = Guest::log_in(address, &format!("bomber-{number}")).await;
            let room = guest.create().await;
            guest.join(&room).await;
            for command in bombs(&room, &guest.client) {
                let what = format!("{command:?}").chars().take(60).collect::<String>();
                let answer = guest.ask(command).await;
                assert!(!matches!(answer, Event::Accepted { .. } | Event::Modified { .. }), "{what}");
            }
            guest.say(&room, Level::Normal, "still here").await;
        })
        .await;
}

fn bombs(room: &RoomId, client: &str) -> Vec<Command> {
    let mut out = Vec::new();
    for attributes in documents() {
        let start = StartConversation {
            transient: true,
            attributes: Some(attributes.clone()),
            ..StartConversation::default()
        };
        out.push(Command::Start(Box::new(start)));
        out.push(Command::Update { room: room.clone(), attributes });
    }
    out.extend(filters().into_iter().map(query));
    let many = |text: &str| vec![text.to_owned(); MANY];
    out.push(Command::QueryOnline { clients: many("somebody") });
    out.push(Command::IsMember { rooms: vec![room.clone(); MANY] });
    out.push(Command::Join { room: room.clone(), members: many("somebody"), signature: None });
    out.push(Command::Quit { room: room.clone(), members: many(client), signature: None });
    out.push(Command::Join { room: room.clone(), members: vec![client.to_owned()], signature: None });
    out.push(Command::Send(Box::new(message(room, Level::High, &"x".repeat(60 * 1024)))));
    out.push(Command::Modify { patches: (0..MANY / 4).map(|_| patch(room)).collect() });
    out.extend([i32::MIN, -1, i32::MAX].map(|limit| history(room, limit)));
    out
}

/// JSON objects for attributes.
fn documents() -> Vec<String> {
    let keys = (0..MANY).map(|key| format!("\"k{key}\":{{\"__op\":\"Increment\",\"amount\":1}}"));
    vec![
        format!("{}1{}", r#"{"a":"#.repeat(DEEP), "}".repeat(DEEP)),
        format!(r#"{{"a":{}{}}}"#, "[".repeat(DEEP), "]".repeat(DEEP)),
        format!(r#"{{"{}":1}}"#, "a.".repeat(DEEP)),
        format!(r#"{{"a":"{}"}}"#, "x".repeat(60_000)),
        format!("{{{}}}", keys.take(1000).collect::<Vec<_>>().join(",")),
    ]
}

/// JSON objects for `where`.
fn filters() -> Vec<String> {
    let ids = vec!["\"5f7f2a1b3c4d5e6f70819203\""; MANY].join(",");
    vec![
        format!("{}{{}}{}", r#"{"$or":["#.repeat(DEEP), "]}".repeat(DEEP)),
        format!(r#"{{"$or":[{}]}}"#, vec![r#"{"a":1}"#; MANY].join(",")),
        format!(r#"{{"a":{}{}}}"#, "[".repeat(DEEP), "]".repeat(DEEP)),
        format!(r#"{{"objectId":{{"$in":[{ids}]}}}}"#),
        format!(r#"{{"name":{{"$regex":"{}"}}}}"#, "(a+)+".repeat(MANY)),
        format!(r#"{{"name":{{"$regex":"{}a{}"}}}}"#, "(".repeat(DEEP), ")".repeat(DEEP)),
        r#"{"name":{"$regex":"((a{1,100}){1,100}){1,100}"}}"#.to_owned(),
    ]
}

fn query(filter: String) -> Command {
    Command::Query(Box::new(ConversationQuery {
        filter: Some(filter),
        sort: Some("-updatedAt,".repeat(100)),
        limit: Some(i32::MAX),
        ..ConversationQuery::default()
    }))
}

fn patch(room: &RoomId) -> PatchRequest {
    PatchRequest {
        room: room.clone(),
        message: MessageId::from("none"),
        timestamp: i64::MIN,
        recall: false,
        body: Some(Body::Text("x".into())),
        mentions: Mentions::default(),
    }
}

fn history(room: &RoomId, limit: i32) -> Command {
    let end = |timestamp| Bound { timestamp: Some(timestamp), message: None, included: true };
    Command::History(Box::new(HistoryRequest {
        room: room.clone(),
        limit: Some(limit),
        start: end(i64::MAX),
        end: end(i64::MIN),
        direction: Direction::Old,
        lctype: None,
    }))
}
