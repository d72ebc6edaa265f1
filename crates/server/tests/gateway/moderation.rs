//! Silence, blocks and roles over the socket: who may, what it takes from whom, and who is told.

use grandstand::apps::{App, Apps};
use grandstand_protocol::{
    Answer, Ask, Body, Bound, ClientId, Code, Command, Direction, Event, Fault, HistoryRequest, Level,
    Mentions, Moderate, Notice, Open, Outcome, PatchRequest, Restriction, RoomId,
};
use grandstand_room::moderation::{List, ModerationSwitches, Moderators, Role};

use crate::{
    guest::{Guest, message},
    server::{APP, MASTER_KEY, Server},
};

const SILENCE: Restriction = Restriction::Silence;
const BLOCK: Restriction = Restriction::Block;

/// An owner with a room, and others in it.
async fn room_with<const N: usize>(server: &Server, names: [&str; N]) -> (Guest, RoomId, [Guest; N]) {
    let (mut owner, _) = Guest::log_in(server.address, "owner").await;
    let room = owner.create().await;
    let mut others = Vec::new();
    for name in names {
        let (mut guest, _) = Guest::log_in(server.address, name).await;
        guest.join(&room).await;
        others.push(guest);
    }
    (owner, room, others.try_into().ok().unwrap())
}

async fn ask(guest: &mut Guest, room: &RoomId, restriction: Restriction, ask: Ask) -> Event {
    guest.ask(Command::Moderate(Box::new(Moderate { room: room.clone(), restriction, ask }))).await
}

async fn impose(guest: &mut Guest, room: &RoomId, restriction: Restriction, client: &str) -> Event {
    let clients = vec![client.to_owned()];
    ask(guest, room, restriction, Ask::Impose { clients, signature: None }).await
}

async fn lift(guest: &mut Guest, room: &RoomId, restriction: Restriction, client: &str) -> Event {
    let clients = vec![client.to_owned()];
    ask(guest, room, restriction, Ask::Lift { clients, signature: None }).await
}

#[track_caller]
fn outcome(event: Event) -> Outcome {
    match event {
        Event::Moderated(moderated) => match moderated.answer {
            Answer::Imposed(outcome) | Answer::Lifted(outcome) => outcome,
            other => panic!("an outcome, not {other:?}"),
        },
        other => panic!("an answer, not {other:?}"),
    }
}

#[track_caller]
fn succeeded(event: Event) {
    let outcome = outcome(event);
    assert!(outcome.failed.is_empty() && !outcome.allowed.is_empty(), "{outcome:?}");
}

#[track_caller]
fn page(event: Event) -> (Vec<String>, Option<String>) {
    match event {
        Event::Moderated(moderated) => match moderated.answer {
            Answer::List { clients, next } => (clients, next),
            Answer::Checked { clients } => (clients, None),
            other => panic!("a list, not {other:?}"),
        },
        other => panic!("an answer, not {other:?}"),
    }
}

#[track_caller]
fn refused(event: Event, code: Code) {
    let fault: Fault = match event {
        Event::Failed { fault } | Event::Refused { fault } => fault,
        other => panic!("a refusal, not {other:?}"),
    };
    assert!(fault.is(code), "{fault}");
}

async fn say(guest: &mut Guest, room: &RoomId, text: &str) -> Event {
    guest.ask(Command::Send(Box::new(message(room, Level::Normal, text)))).await
}

async fn join(guest: &mut Guest, room: &RoomId) -> Event {
    let members = vec![guest.client.clone()];
    guest.ask(Command::Join { room: room.clone(), members, signature: None }).await
}

async fn set_role(guest: &mut Guest, room: &RoomId, client: &str, role: &str) -> Event {
    let (room, client, role) = (room.clone(), client.to_owned(), role.to_owned());
    guest.ask(Command::SetRole { room, client, role }).await
}

fn told(room: &RoomId, restriction: Restriction, lifted: bool, clients: Option<&[&str]>) -> Notice {
    let clients = clients.map(|names| names.iter().map(ToString::to_string).collect());
    Notice { room: room.clone(), restriction, lifted, by: "owner".to_owned(), clients }
}

#[tokio::test]
async fn a_silenced_client_may_not_speak_until_it_may_again() {
    let server = Server::start("").await;
    let (mut owner, room, [mut tom, mut ann]) = room_with(&server, ["tom", "ann"]).await;
    succeeded(impose(&mut owner, &room, SILENCE, "tom").await);
    assert_eq!(tom.hear_notice().await, told(&room, SILENCE, false, None));
    for member in [&mut owner, &mut tom, &mut ann] {
        assert_eq!(
            member.hear_notice().await,
            told(&room, SILENCE, false, Some(&["tom"])),
            "{}",
            member.client
        );
    }
    refused(say(&mut tom, &room, "no").await, Code::Silenced);
    let transient = grandstand_protocol::Send { transient: true, ..message(&room, Level::High, "no") };
    refused(tom.ask(Command::Send(Box::new(transient))).await, Code::Silenced);
    let will = grandstand_protocol::Send { will: true, ..message(&room, Level::High, "no") };
    refused(tom.ask(Command::Send(Box::new(will))).await, Code::Silenced);
    let attributes = r#"{"name":"no"}"#.to_owned();
    refused(tom.ask(Command::Update { room: room.clone(), attributes }).await, Code::Silenced);
    ann.say(&room, Level::Normal, "others may").await;
    assert_eq!(tom.hear_until("others may").await, ["others may"], "and it still hears");

    succeeded(lift(&mut owner, &room, SILENCE, "tom").await);
    assert_eq!(tom.hear_notice().await, told(&room, SILENCE, true, None));
    assert_eq!(ann.hear_notice().await, told(&room, SILENCE, true, Some(&["tom"])));
    tom.say(&room, Level::Normal, "yes").await;
}

#[tokio::test]
async fn who_may_write_the_row_is_not_for_members_to_say() {
    let server = Server::start("").await;
    let (mut owner, room, _) = room_with(&server, ["tom"]).await;
    for attributes in [r#"{"ACL":{"*":{"write":true}}}"#, r#"{"ACL.*":{"write":true}}"#, r#"{"ACL":null}"#] {
        let update = Command::Update { room: room.clone(), attributes: attributes.to_owned() };
        refused(owner.ask(update).await, Code::ConversationUpdateFailed);
    }
}

#[tokio::test]
async fn a_silenced_client_may_recall_but_not_edit() {
    let server = Server::start("").await;
    let (mut owner, room, [mut tom]) = room_with(&server, ["tom"]).await;
    let Event::Accepted { message, timestamp } = say(&mut tom, &room, "rude").await else {
        panic!("accepted")
    };
    succeeded(impose(&mut owner, &room, SILENCE, "tom").await);
    let body = Some(Body::Text("ruder".to_owned()));
    let edit = PatchRequest { room, message, timestamp, recall: false, body, mentions: Mentions::default() };
    refused(tom.ask(Command::Modify { patches: vec![edit.clone()] }).await, Code::Silenced);
    let recalled = tom.ask(Command::Modify { patches: vec![PatchRequest { recall: true, ..edit }] }).await;
    assert!(matches!(recalled, Event::Modified { .. }), "{recalled:?}");
}

#[tokio::test]
async fn a_will_of_who_is_silenced_meanwhile_is_discarded() {
    let server = Server::start("[limits]\nwill_grace = \"0s\"").await;
    let (mut owner, room, [mut tom, mut ann]) = room_with(&server, ["tom", "ann"]).await;
    for (guest, text) in [(&mut tom, "last words of tom"), (&mut ann, "last words of ann")] {
        let will = grandstand_protocol::Send { will: true, ..message(&room, Level::High, text) };
        let held = guest.ask(Command::Send(Box::new(will))).await;
        assert!(matches!(held, Event::Accepted { .. }), "{held:?}");
    }
    succeeded(impose(&mut owner, &room, SILENCE, "tom").await);
    drop(tom);
    server.until_dropped("tom").await;
    drop(ann);
    assert_eq!(owner.hear_until("last words of ann").await, ["last words of ann"]);
}

#[tokio::test]
async fn a_temporary_silence_ends_by_itself() {
    let server = Server::start("").await;
    let (mut owner, room, [mut tom]) = room_with(&server, ["tom"]).await;
    tom.say(&room, Level::Normal, "the rules are read").await;
    let now = server.clock.wall();
    let clients = vec![ClientId::new("tom").unwrap()];
    let until = Some(now.plus(60_000));
    server
        .node
        .store
        .put_on_list(&APP.into(), &room, List::SilencedForATime, clients, until, now)
        .await
        .unwrap();
    // The back end has told nobody: what is remembered is forgotten by any other change of the room's rules.
    succeeded(impose(&mut owner, &room, SILENCE, "somebody").await);
    refused(say(&mut tom, &room, "no").await, Code::ConversationTemporaryBlacklisted);
    let all = ask(&mut tom, &room, SILENCE, Ask::List { limit: None, next: None }).await;
    assert_eq!(page(all).0, ["somebody", "tom"]);
    server.clock.jump(60_000);
    tom.say(&room, Level::Normal, "yes").await;
}

#[tokio::test]
async fn a_blocked_client_is_out_and_stays_out() {
    let server = Server::start("").await;
    let (mut owner, room, [mut tom, mut ann]) = room_with(&server, ["tom", "ann"]).await;
    let (mut second, _) = Guest::log_in(server.address, "tom").await;
    second.join(&room).await;
    succeeded(impose(&mut owner, &room, BLOCK, "tom").await);
    for of_tom in [&mut tom, &mut second] {
        assert_eq!(of_tom.hear_notice().await, told(&room, BLOCK, false, None));
    }
    assert_eq!(ann.hear_notice().await, told(&room, BLOCK, false, Some(&["tom"])));
    assert_eq!(owner.count(&room).await, 2);
    owner.say(&room, Level::High, "he is gone").await;
    assert_eq!(ann.hear_until("he is gone").await, ["he is gone"]);
    refused(say(&mut tom, &room, "no").await, Code::BlockedByConv);
    refused(join(&mut tom, &room).await, Code::BlockedByConv);
    let history = HistoryRequest {
        room: room.clone(),
        limit: None,
        start: Bound::default(),
        end: Bound::default(),
        direction: Direction::Old,
        lctype: None,
    };
    refused(tom.ask(Command::History(Box::new(history))).await, Code::ConversationLogRejected);
    let elsewhere = tom.create().await;
    tom.say(&elsewhere, Level::Normal, "only this room is closed").await;

    succeeded(lift(&mut owner, &room, BLOCK, "tom").await);
    assert_eq!(tom.hear_notice().await, told(&room, BLOCK, true, None));
    tom.join(&room).await;
    owner.say(&room, Level::High, "welcome back").await;
    assert_eq!(tom.hear_until("welcome back").await, ["welcome back"], "and nothing of the time before");
}

#[tokio::test]
async fn a_block_cancels_the_return_of_a_dropped_client() {
    let server = Server::start("").await;
    let (mut owner, room, []) = room_with(&server, []).await;
    let (mut tom, token) = Guest::log_in(server.address, "tom").await;
    tom.join(&room).await;
    drop(tom);
    server.until_dropped("tom").await;
    succeeded(impose(&mut owner, &room, BLOCK, "tom").await);
    succeeded(lift(&mut owner, &room, BLOCK, "tom").await);
    let mut tom = Guest::reopen(server.address, "tom", &token).await;
    assert_eq!(tom.count(&room).await, 1, "it has to join anew");
}

#[tokio::test]
async fn roles_say_who_moderates_whom() {
    let server = Server::start("").await;
    let (mut owner, room, [mut max, mut tom]) = room_with(&server, ["max", "tom"]).await;
    refused(impose(&mut tom, &room, SILENCE, "max").await, Code::ConversationOperationUnauthorized);
    refused(set_role(&mut tom, &room, "tom", "Manager").await, Code::ConversationOperationUnauthorized);
    refused(set_role(&mut owner, &room, "tom", "King").await, Code::UnknownConversationRole);
    refused(set_role(&mut owner, &room, "tom", "Owner").await, Code::ConversationOperationUnauthorized);
    refused(set_role(&mut owner, &room, "owner", "Member").await, Code::ConversationOperationUnauthorized);

    let Event::RoleSet { info, .. } = set_role(&mut owner, &room, "max", "Manager").await else {
        panic!("set")
    };
    assert_eq!((info.client.as_str(), info.role.as_str()), ("max", "Manager"));
    assert!(info.row.is_some_and(|row| row.len() == 24));
    let changed = tom.hear_event(|event| matches!(event, Event::RoleChanged { .. })).await;
    assert!(matches!(changed, Event::RoleChanged { by, info, .. } if by == "owner" && info.client == "max"));
    succeeded(impose(&mut max, &room, SILENCE, "tom").await);

    let clients = vec!["owner".to_owned(), "max".to_owned(), "ann".to_owned(), "x".repeat(65)];
    let partly = ask(&mut max, &room, BLOCK, Ask::Impose { clients, signature: None }).await;
    let partly = outcome(partly);
    assert_eq!(partly.allowed, ["ann"]);
    let failed: Vec<(i32, Vec<String>)> =
        partly.failed.into_iter().map(|failure| (failure.fault.code, failure.clients)).collect();
    assert_eq!(
        failed,
        [(4103, vec!["x".repeat(65)]), (4320, vec!["owner".to_owned(), "max".to_owned()])],
        "neither those above nor oneself"
    );

    let back = set_role(&mut owner, &room, "max", "Member").await;
    assert!(matches!(back, Event::RoleSet { .. }), "{back:?}");
    refused(impose(&mut max, &room, SILENCE, "ann").await, Code::ConversationOperationUnauthorized);
    let rows = server.node.store.roles(&APP.into(), &room, None, (0, 10)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.role).collect::<Vec<_>>(), [Role::Member]);
}

#[tokio::test]
async fn lists_are_read_in_pages() {
    let server = Server::start("").await;
    let (mut owner, room, [mut tom]) = room_with(&server, ["tom"]).await;
    let clients: Vec<String> = (0..25).map(|n| format!("client-{n:02}")).collect();
    let all = ask(&mut owner, &room, BLOCK, Ask::Impose { clients: clients.clone(), signature: None }).await;
    assert_eq!(outcome(all).allowed, clients);
    let (mut found, mut next) = (Vec::new(), None);
    for size in [10, 10, 5] {
        let (clients, following) =
            page(ask(&mut owner, &room, BLOCK, Ask::List { limit: Some(10), next }).await);
        assert_eq!(clients.len(), size);
        found.extend(clients);
        next = following;
    }
    assert_eq!((found, next), (clients, None));
    let bad = Ask::List { limit: None, next: Some("first".to_owned()) };
    refused(ask(&mut owner, &room, BLOCK, bad).await, Code::ConversationQueryFailed);

    let who = |name: &str| Ask::Check { clients: vec![name.to_owned()] };
    assert_eq!(page(ask(&mut owner, &room, BLOCK, who("client-07")).await).0, ["client-07"]);
    assert!(page(ask(&mut tom, &room, BLOCK, who("tom")).await).0.is_empty(), "about oneself");
    let other = ask(&mut tom, &room, BLOCK, who("client-07")).await;
    refused(other, Code::ConversationOperationUnauthorized);
    let list = ask(&mut tom, &room, BLOCK, Ask::List { limit: None, next: None }).await;
    refused(list, Code::ConversationOperationUnauthorized);
    refused(impose(&mut owner, &"nowhere".into(), BLOCK, "tom").await, Code::ConversationNotFound);
}

#[tokio::test]
async fn an_app_can_keep_moderation_to_itself() {
    let server = Server::start("").await;
    let (mut owner, room, []) = room_with(&server, []).await;
    for (moderation, silence, block, role) in [
        (
            ModerationSwitches { by: Moderators::BackEnd, ..ModerationSwitches::default() },
            Code::ConversationOperationUnauthorized,
            Code::ConversationOperationUnauthorized,
            Code::ConversationOperationUnauthorized,
        ),
        (
            ModerationSwitches {
                silence: false,
                block: false,
                roles: false,
                ..ModerationSwitches::default()
            },
            Code::ConversationMemberInfoFeatureDisabled,
            Code::BlacklistFeatureDisabled,
            Code::ConversationMemberInfoFeatureDisabled,
        ),
    ] {
        server.node.apps.replace(Apps::new(vec![App { moderation, ..App::new(APP, "key", MASTER_KEY) }]));
        refused(impose(&mut owner, &room, SILENCE, "tom").await, silence);
        refused(impose(&mut owner, &room, BLOCK, "tom").await, block);
        refused(set_role(&mut owner, &room, "tom", "Manager").await, role);
    }
}

#[tokio::test]
async fn large_rooms_are_not_told_and_old_clients_never() {
    let server = Server::start("").await;
    let moderation = ModerationSwitches { notify_members: 2, ..ModerationSwitches::default() };
    server.node.apps.replace(Apps::new(vec![App { moderation, ..App::new(APP, "key", MASTER_KEY) }]));
    let (mut owner, room, [mut tom]) = room_with(&server, ["tom"]).await;
    let first = crate::raw::Raw::connect(server.address, "lc.protobuf.3").await;
    let mut old = Guest::over(first, "old", grandstand_protocol::Format::Binary);
    old.open(Open::default()).await;
    old.join(&room).await;
    succeeded(impose(&mut owner, &room, SILENCE, "tom").await);
    succeeded(impose(&mut owner, &room, SILENCE, "old").await);
    assert_eq!(tom.hear_notice().await, told(&room, SILENCE, false, None), "its own it always gets");
    owner.say(&room, Level::High, "end").await;
    assert_eq!(tom.notices_until("end").await, 0, "three members are too many");
    assert_eq!(old.notices_until("end").await, 0, "it would not know what it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_slips_in_while_a_block_is_made() {
    let server = Server::start("").await;
    let (mut owner, room, []) = room_with(&server, []).await;
    let (mut tom, _) = Guest::log_in(server.address, "tom").await;
    for round in 0..30 {
        let (joined, blocked) = tokio::join!(join(&mut tom, &room), impose(&mut owner, &room, BLOCK, "tom"));
        succeeded(blocked);
        let entered = matches!(joined, Event::Added { .. });
        assert!(
            entered || matches!(&joined, Event::Failed { fault } if fault.is(Code::BlockedByConv)),
            "{joined:?}"
        );
        assert_eq!(owner.count(&room).await, 1, "round {round}, entered: {entered}");
        let known = server.node.store.sessions(&APP.into(), &ClientId::new("tom").unwrap()).await.unwrap();
        assert!(known.iter().all(|session| session.room.is_none()), "round {round}: {known:?}");
        succeeded(lift(&mut owner, &room, BLOCK, "tom").await);
    }
}
