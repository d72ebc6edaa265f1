//! What an open does to the sessions of its client id: protocol.md 4.2, C.4, section 10 rows 3 and 4, case by case.

use std::time::Duration;

use grandstand_protocol::{AppId, ClientId};
use grandstand_room::{
    clock::Millis,
    session::{Decision, Device, Identity, Live, Login, SessionId, UNMARKED_PAUSE, decide},
    token::Claims,
};

fn client() -> ClientId {
    ClientId::new("tom").expect("a client id")
}

/// "" = nothing; "id:x" = a device id; "token:x" = a device token; both with a blank between them.
fn device(text: &str) -> Device {
    let part = |name| text.split(' ').find_map(|part| part.strip_prefix(name)).map(str::to_owned);
    Device { id: part("id:"), token: part("token:") }
}

fn tagged(tag: &str) -> Option<String> {
    Some(tag.to_owned()).filter(|tag| !tag.is_empty())
}

fn live(session: u128, tag: &str, marks: &str) -> Live {
    let identity =
        Identity { session: SessionId(session), client: client(), tag: tagged(tag), device: device(marks) };
    Live { identity, same_socket: false, replaced: None }
}

fn here(session: u128, tag: &str, marks: &str) -> Live {
    Live { same_socket: true, ..live(session, tag, marks) }
}

fn claims(session: u128, tag: &str, marks: &str) -> Claims {
    Claims {
        app: AppId::from("app"),
        client: client(),
        tag: tagged(tag),
        device: device(marks),
        session: SessionId(session),
        issued_at: Millis(0),
    }
}

/// An open as its text says, e.g. `reopen tag:mobile id:d1`.
fn open(text: &str, token: Option<&Claims>, live: &[Live]) -> Decision {
    let tag = text.split(' ').find_map(|part| part.strip_prefix("tag:"));
    let reopen = text.split(' ').any(|part| part == "reopen");
    decide(&Login { client: &client(), tag, device: &device(text), reopen, token }, live)
}

/// The parts of an admission that most cases are about: session, replaced, in conflict.
type Outcome = Option<(Option<u128>, Vec<u128>, Vec<u128>)>;

fn outcome(decision: Decision) -> Outcome {
    let ids = |sessions: Vec<SessionId>| sessions.into_iter().map(|session| session.0).collect();
    match decision {
        Decision::Refuse => None,
        Decision::Admit { session, replaces, conflicts, .. } => {
            Some((session.map(|session| session.0), ids(replaces), ids(conflicts)))
        }
    }
}

fn new() -> Outcome {
    Some((None, vec![], vec![]))
}

fn continues(session: u128) -> Outcome {
    Some((Some(session), vec![], vec![]))
}

fn replaces(session: u128, replaced: &[u128]) -> Outcome {
    Some((Some(session), replaced.to_vec(), vec![]))
}

fn conflicts(ended: &[u128]) -> Outcome {
    Some((None, vec![], ended.to_vec()))
}

fn check(cases: Vec<(&str, Vec<Live>, Outcome)>) {
    for (text, live, expected) in cases {
        assert_eq!(outcome(open(text, None, &live)), expected, "open `{text}` with {live:#?}");
    }
}

fn check_token(cases: Vec<(&str, Claims, Vec<Live>, Outcome)>) {
    for (text, token, live, expected) in cases {
        let found = outcome(open(text, Some(&token), &live));
        assert_eq!(found, expected, "open `{text}` with {token:#?} and {live:#?}");
    }
}

#[test]
fn logins_without_a_tag_run_side_by_side() {
    check(vec![
        ("", vec![], new()),
        ("id:d1", vec![live(1, "", "id:d2")], new()),
        ("id:d1", vec![live(1, "", "id:d1")], new()),
        ("", vec![live(1, "", ""), live(2, "", "")], new()),
        ("tag:default", vec![live(1, "", "")], new()),
        ("tag:default", vec![live(1, "default", "")], new()),
        ("reopen id:d1", vec![live(1, "", "id:d2")], new()),
        ("reopen id:d1", vec![live(1, "", "")], new()),
        ("reopen", vec![live(1, "", "id:d1")], new()),
    ]);
}

#[test]
fn a_fresh_login_with_a_tag_ends_the_one_that_has_it() {
    check(vec![
        ("tag:mobile id:d1", vec![live(1, "mobile", "id:d2")], conflicts(&[1])),
        // It is a new login on the same device too: the guide makes no exception.
        ("tag:mobile id:d1", vec![live(1, "mobile", "id:d1")], conflicts(&[1])),
        ("tag:mobile", vec![live(1, "mobile", "")], conflicts(&[1])),
        ("tag:mobile id:d1", vec![live(1, "web", "id:d2"), live(2, "", "id:d3")], new()),
        ("tag:mobile id:d1", vec![live(1, "web", "id:d2"), live(2, "mobile", "id:d3")], conflicts(&[2])),
    ]);
}

#[test]
fn a_reopen_with_a_tag_never_pushes_another_device_out() {
    check(vec![
        ("reopen tag:mobile id:d1", vec![live(1, "mobile", "id:d2")], None),
        ("reopen tag:mobile token:t1", vec![live(1, "mobile", "token:t2")], None),
        ("reopen tag:mobile id:d1", vec![live(1, "mobile", "")], None),
        ("reopen tag:mobile", vec![live(1, "mobile", "id:d1")], None),
        ("reopen tag:mobile id:d1", vec![live(1, "mobile", "token:d1")], None),
        // Both say nothing: the same device (section 10, row 4).
        ("reopen tag:mobile", vec![live(1, "mobile", "")], replaces(1, &[1])),
        ("reopen tag:mobile id:d1", vec![live(1, "mobile", "id:d1")], replaces(1, &[1])),
        ("reopen tag:mobile token:t1", vec![live(1, "mobile", "token:t1")], replaces(1, &[1])),
        // The device id decides where both have one, then the device token.
        ("reopen tag:mobile id:d1 token:t1", vec![live(1, "mobile", "id:d1 token:t2")], replaces(1, &[1])),
        ("reopen tag:mobile id:d1 token:t1", vec![live(1, "mobile", "id:d2 token:t1")], None),
        ("reopen tag:mobile id:d1 token:t1", vec![live(1, "mobile", "token:t1")], replaces(1, &[1])),
        ("reopen tag:mobile id:d1", vec![live(1, "web", "id:d2")], new()),
    ]);
}

#[test]
fn a_reopen_takes_over_its_stale_session() {
    check(vec![
        ("reopen id:d1", vec![live(1, "", "id:d1"), live(2, "", "id:d2")], replaces(1, &[1])),
        ("reopen token:t1", vec![live(1, "", "token:t2"), live(2, "", "token:t1")], replaces(2, &[2])),
        // The tag is part of the login.
        ("reopen id:d1", vec![live(1, "mobile", "id:d1")], new()),
        // The device logged in anew while its old connection still looked alive: the later login goes on.
        ("reopen id:d1", vec![live(1, "", "id:d1"), live(2, "", "id:d1")], replaces(2, &[1, 2])),
    ]);
}

#[test]
fn a_token_names_its_session() {
    check_token(vec![
        ("reopen", claims(1, "", "id:d1"), vec![], continues(1)),
        ("reopen", claims(1, "", "id:d1"), vec![live(1, "", "id:d1")], replaces(1, &[1])),
        // Another session of the device is another login.
        ("reopen", claims(1, "", "id:d1"), vec![live(2, "", "id:d1")], continues(1)),
        // The tag comes from the token: Java and JavaScript reopen without it.
        ("reopen", claims(1, "mobile", "id:d1"), vec![live(1, "mobile", "id:d1")], replaces(1, &[1])),
        ("reopen", claims(1, "mobile", "id:d1"), vec![live(2, "mobile", "id:d2")], None),
        ("reopen", claims(1, "mobile", "id:d1"), vec![live(2, "mobile", "id:d1")], replaces(1, &[2])),
        // The login is the same when it takes another tag.
        ("reopen tag:web", claims(1, "mobile", "id:d1"), vec![live(1, "mobile", "id:d1")], replaces(1, &[1])),
        ("tag:mobile", claims(1, "mobile", "id:d1"), vec![live(1, "mobile", "id:d1")], replaces(1, &[1])),
        // An unmarked session is not taken besides.
        ("reopen", claims(1, "", ""), vec![live(2, "", "")], continues(1)),
    ]);
}

#[test]
fn a_token_of_another_client_id_says_nothing() {
    let foreign = Claims { client: ClientId::new("eve").unwrap(), ..claims(1, "mobile", "id:d1") };
    assert_eq!(outcome(open("reopen", Some(&foreign), &[live(1, "mobile", "id:d1")])), new());
}

#[test]
fn a_second_open_on_the_socket_is_the_same_session() {
    check(vec![
        ("", vec![here(1, "", "")], continues(1)),
        ("reopen id:d1", vec![here(1, "", "id:d1")], continues(1)),
        ("tag:mobile id:d1", vec![here(1, "mobile", "id:d1")], continues(1)),
        (
            "tag:mobile id:d1",
            vec![here(1, "", "id:d1"), live(2, "mobile", "id:d2")],
            Some((Some(1), vec![], vec![2])),
        ),
    ]);
    // Java opens its cached sessions by itself beside the app's own open; the old socket may look alive.
    check_token(vec![(
        "reopen",
        claims(1, "", "id:d1"),
        vec![here(2, "", "id:d1"), live(1, "", "id:d1")],
        replaces(2, &[1]),
    )]);
}

#[test]
fn an_unmarked_reopen_takes_over_one_session_at_most() {
    check(vec![
        ("reopen", vec![live(1, "", "")], replaces(1, &[1])),
        ("reopen", vec![live(1, "", ""), live(2, "", "")], replaces(2, &[2])),
        ("reopen", vec![live(1, "", "id:d1"), live(2, "", "")], replaces(2, &[2])),
    ]);
}

#[test]
fn two_unmarked_devices_do_not_end_each_other_for_ever() {
    let came_by_takeover = |ago| Live { replaced: Some(ago), ..live(1, "", "") };
    let soon = UNMARKED_PAUSE - Duration::from_millis(1);
    check(vec![
        ("reopen", vec![came_by_takeover(soon)], new()),
        ("reopen", vec![came_by_takeover(UNMARKED_PAUSE)], replaces(1, &[1])),
        ("reopen", vec![came_by_takeover(soon), live(2, "", "")], replaces(2, &[2])),
    ]);
    // Whoever can be told apart does not have to wait.
    let marked = Live { replaced: Some(Duration::ZERO), ..live(1, "", "id:d1") };
    check(vec![("reopen id:d1", vec![marked], replaces(1, &[1]))]);
}

#[test]
fn the_open_says_who_the_session_is_and_the_token_fills_the_blanks() {
    let cases = [
        ("", None, None, ""),
        ("tag:default", None, None, ""),
        ("tag:mobile id:d1", None, Some("mobile"), "id:d1"),
        ("reopen", Some(claims(1, "mobile", "id:d1")), Some("mobile"), "id:d1"),
        ("reopen token:t1", Some(claims(1, "mobile", "id:d1")), Some("mobile"), "token:t1"),
        ("reopen tag:web", Some(claims(1, "mobile", "id:d1")), Some("web"), "id:d1"),
        ("reopen tag:default", Some(claims(1, "mobile", "id:d1")), None, "id:d1"),
    ];
    for (text, token, expected_tag, expected_device) in cases {
        let Decision::Admit { tag, device: of_device, .. } = open(text, token.as_ref(), &[]) else {
            panic!("`{text}` was refused")
        };
        assert_eq!((tag.as_deref(), of_device), (expected_tag, device(expected_device)), "open `{text}`");
    }
}

#[test]
fn empty_texts_say_nothing() {
    let empty = Device { id: Some(String::new()), token: Some(String::new()) };
    assert!(!empty.is_marked());
    assert!(empty.is_same(&Device::default()));
    assert!(!empty.is_same(&device("id:d1")));
    let login = Login { client: &client(), tag: Some(""), device: &empty, reopen: true, token: None };
    assert_eq!(outcome(decide(&login, &[live(1, "", "")])), replaces(1, &[1]));
}

#[test]
fn sessions_of_other_client_ids_are_left_alone() {
    let mut other = live(1, "mobile", "id:d1");
    other.identity.client = ClientId::new("eve").unwrap();
    for text in ["tag:mobile id:d2", "reopen tag:mobile id:d1", "reopen id:d1", "reopen"] {
        assert_eq!(outcome(open(text, None, std::slice::from_ref(&other))), new(), "open `{text}`");
    }
}
