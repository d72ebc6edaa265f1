//! What an app's back end hears when it asks what became of a message.

use grandstand::apps::{App, Apps};
use grandstand_protocol::{Command, Event, Format, Level, MessageId, Open, RoomId};
use grandstand_room::{budget::RoomLimits, switches::Switches};
use serde_json::{Value, json};

use crate::{
    guest::{Guest, message},
    raw::Raw,
    server::{APP, MASTER_KEY, Server},
};

async fn send(guest: &mut Guest, room: &RoomId, level: Level, text: &str) -> MessageId {
    match guest.ask(Command::Send(Box::new(message(room, level, text)))).await {
        Event::Accepted { message, .. } => message,
        other => panic!("accepted, not {other:?}"),
    }
}

fn by_master() -> String {
    format!("{MASTER_KEY},master")
}

fn path(room: &RoomId, message: &MessageId) -> String {
    format!("/1.2/rtm/chatrooms/{room}/messages/{message}/account")
}

/// The account of a message that is remembered, without its age.
async fn account(server: &Server, room: &RoomId, message: &MessageId) -> Value {
    let (status, mut account) = server.get(&path(room, message), &by_master()).await;
    assert_eq!(status, 200, "{account}");
    let age = account.as_object_mut().unwrap().remove("age_seconds").unwrap();
    assert!((0.0..60.0).contains(&age.as_f64().unwrap()), "{age}");
    account
}

/// What becomes of a message for a member in one way or another.
fn sum(of: &Value) -> i64 {
    let outcomes = ["/written", "/recalled", "/thinned", "/left", "/pending"];
    let dropped = ["/dropped/behind", "/dropped/late", "/dropped/overrun"];
    let withheld = ["/withheld/room_limit", "/withheld/app_limit"];
    outcomes
        .iter()
        .chain(&dropped)
        .chain(&withheld)
        .map(|path| of.pointer(path).unwrap().as_i64().unwrap())
        .sum()
}

/// An account with these fields, and 0 in all others.
fn expected(level: &str, fields: Value) -> Value {
    let mut account = json!({
        "level": level, "eligible": 0, "written": 0, "recalled": 0, "thinned": 0,
        "dropped": { "behind": 0, "late": 0, "overrun": 0 }, "left": 0, "pending": 0,
        "withheld": { "room_limit": 0, "app_limit": 0 }, "replayed": 0,
    });
    account.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    account
}

#[tokio::test]
async fn it_says_who_got_a_message_who_did_not_and_who_got_it_later() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    host.join(&room).await;
    let (mut prompt, _) = Guest::log_in(server.address, "prompt").await;
    prompt.join(&room).await;
    let mut slow =
        Guest::over(Raw::connect_narrow(server.address, "lc.protobuf2.3").await, "slow", Format::Binary);
    let token = slow.open(Open::default()).await;
    slow.join(&room).await;

    let first = send(&mut host, &room, Level::Normal, "first").await;
    prompt.hear_until("first").await;
    slow.hear_until("first").await;
    let both = expected("normal", json!({ "eligible": 2, "written": 2 }));
    assert_eq!(account(&server, &room, &first).await, both, "the sender is not counted");

    for _ in 0..300 {
        host.say(&room, Level::Normal, &"x".repeat(1000)).await;
        prompt.hear().await;
    }
    let high = send(&mut host, &room, Level::High, "high").await;
    prompt.hear_until("high").await;
    let half = expected("high", json!({ "eligible": 2, "written": 1, "pending": 1 }));
    assert_eq!(account(&server, &room, &high).await, half, "one does not read");
    let (_, whole) = server.get(&format!("/1.2/rtm/chatrooms/{room}/account"), &by_master()).await;
    assert_eq!(
        (&whole["members"], &whole["behind"], &whole["high"]["pending"]),
        (&json!(3), &json!(1), &json!(1))
    );

    drop(slow);
    server.until_dropped("slow").await;
    let gone = expected("high", json!({ "eligible": 2, "written": 1, "left": 1 }));
    assert_eq!(account(&server, &room, &high).await, gone);
    let mut back = Guest::reopen(server.address, "slow", &token).await;
    back.hear_until("high").await;
    let again = expected("high", json!({ "eligible": 2, "written": 1, "left": 1, "replayed": 1 }));
    assert_eq!(account(&server, &room, &high).await, again);
    let (_, whole) = server.get(&format!("/1.2/rtm/chatrooms/{room}/account"), &by_master()).await;
    for (level, frames, replayed) in [("high", 1, 1), ("normal", 301, 0), ("low", 0, 0)] {
        let of = &whole[level];
        assert_eq!((&of["frames"], &of["replayed"]), (&json!(frames), &json!(replayed)), "{whole}");
        assert_eq!((&of["eligible"], sum(of)), (&json!(frames * 2), frames * 2), "{whole}");
    }
}

#[tokio::test]
async fn it_can_be_asked_by_the_master_key_only_and_for_what_is_remembered() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let unheard = send(&mut host, &room, Level::Normal, "to nobody").await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    let heard = send(&mut host, &room, Level::Normal, "to one").await;
    guest.hear_until("to one").await;
    let of_room = format!("/1.2/rtm/chatrooms/{room}/account");
    let asked = [
        (path(&room, &heard), by_master(), 200),
        (path(&room, &heard), "key".to_owned(), 401),
        (path(&room, &heard), MASTER_KEY.to_owned(), 401),
        (path(&room, &unheard), by_master(), 404),
        (path(&"elsewhere".into(), &heard), by_master(), 404),
        (of_room.clone(), by_master(), 200),
        (of_room.clone(), "key".to_owned(), 401),
        ("/1.2/rtm/chatrooms/elsewhere/account".to_owned(), by_master(), 404),
    ];
    for (path, key, status) in &asked {
        assert_eq!(server.get(path, key).await.0, *status, "{path} with {key}");
    }
    // What became of it can be asked for when everybody has gone.
    drop(guest);
    server.until_dropped("guest").await;
    let one = expected("normal", json!({ "eligible": 1, "written": 1 }));
    assert_eq!(account(&server, &room, &heard).await, one);
}

#[tokio::test]
async fn it_says_what_a_limit_of_the_room_held_back() {
    let server = Server::start("").await;
    let room_limits = RoomLimits { low: Some(1), ..RoomLimits::default() };
    let switches = Switches { room_limits, ..Switches::default() };
    server.node.apps.replace(Apps::new(vec![App { switches, ..App::new(APP, "key", MASTER_KEY) }]));
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    let mut ids = Vec::new();
    for text in ["shown", "held back"] {
        ids.push(send(&mut host, &room, Level::Low, text).await);
    }
    host.say(&room, Level::High, "end").await;
    assert_eq!(guest.hear_until("end").await, ["shown", "end"]);
    let shown = expected("low", json!({ "eligible": 1, "written": 1 }));
    let held_back =
        expected("low", json!({ "eligible": 1, "withheld": { "room_limit": 1, "app_limit": 0 } }));
    assert_eq!(account(&server, &room, &ids[0]).await, shown);
    assert_eq!(account(&server, &room, &ids[1]).await, held_back);
}

#[tokio::test]
async fn of_a_member_that_takes_a_tenth_it_tells_for_each_message_whether_it_came() {
    let server =
        Server::start("[limits]\nbacklog = \"32KiB\"\nhigh_backlog = \"16MiB\"\nreplay = 140000").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut slow = Guest::over(narrow, "slow", Format::Binary);
    slow.open(Open::default()).await;
    slow.join(&room).await;

    let (mut sent, mut came) = (Vec::new(), Vec::new());
    for number in 0..1000 {
        // One HIGH, three NORMAL, six LOW.
        let level = [Level::High, Level::Normal, Level::Normal, Level::Normal].get(number % 10);
        let level = *level.unwrap_or(&Level::Low);
        sent.push((level, send(&mut host, &room, level, &"x".repeat(1000)).await));
        if number % 10 == 9 {
            came.push(slow.hear().await.message);
        }
    }
    let hub = server.node.router.app(&APP.into()).existing_hub(&room).unwrap();
    while hub.account().pending != [0; 3] {
        came.push(slow.hear().await.message);
    }
    let last = send(&mut host, &room, Level::Low, "last").await;
    while came.last() != Some(&last) {
        came.push(slow.hear().await.message);
    }

    for (level, message) in &sent {
        let fate = hub.message_account(message).unwrap().fate;
        let times = came.iter().filter(|id| *id == message).count();
        assert_eq!((fate.level, fate.eligible), (*level, 1));
        assert_eq!(i64::try_from(times).unwrap(), fate.outcomes.written, "{fate:?}");
        assert_eq!(fate.outcomes.behind + fate.outcomes.late, 1 - fate.outcomes.written, "{fate:?}");
    }
    let ids = |of: Level| sent.iter().filter(move |(level, _)| *level == of).map(|(_, id)| id);
    let high: Vec<_> = came.iter().filter(|id| ids(Level::High).any(|high| high == *id)).collect();
    assert_eq!(high, ids(Level::High).collect::<Vec<_>>(), "every HIGH message, in order");
    let share = |level| {
        let all = ids(level).count();
        (ids(level).filter(|id| came.contains(id)).count() * 1000) / all
    };
    let (normal, low) = (share(Level::Normal), share(Level::Low));
    assert!(low < normal && normal < 1000, "of a thousand NORMAL came {normal}, of LOW {low}");
}
