//! Which remembered session gives its room back: protocol.md 5.4, section 10 row 5.

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    resume::{Remembered, choose},
    session::{Device, Identity, Login, SessionId},
    switches::Rejoin,
    token::Claims,
};

const MINUTE: i64 = 60_000;
const KEEP: i64 = 30 * MINUTE;
const NOW: Millis = Millis(1_000_000_000);
/// The id that a login without one opens with.
const NEW: SessionId = SessionId(99);

fn client() -> ClientId {
    ClientId::new("tom").expect("a client id")
}

fn device(id: &str) -> Device {
    Device { id: Some(id.to_owned()).filter(|id| !id.is_empty()), token: None }
}

fn identity(session: u128, tag: &str, id: &str) -> Identity {
    let tag = Some(tag.to_owned()).filter(|tag| !tag.is_empty());
    Identity { session: SessionId(session), client: client(), tag, device: device(id) }
}

/// Dropped so many milliseconds ago, in the room of the session's own number.
fn dropped(session: u128, tag: &str, id: &str, ago: i64) -> Remembered {
    let room = Some(RoomId::from(format!("room {session}")));
    Remembered {
        identity: identity(session, tag, id),
        room,
        dropped_at: Some(Millis(NOW.0 - ago)),
        taken: false,
    }
}

fn claims(session: u128, tag: &str, id: &str) -> Claims {
    let Identity { session, client, tag, device } = identity(session, tag, id);
    Claims { app: AppId::from("app"), client, tag, device, session, issued_at: Millis(0) }
}

struct Case<'a> {
    tag: Option<&'a str>,
    device: &'a str,
    reopen: bool,
    token: Option<Claims>,
    others_online: bool,
    rejoin: Rejoin,
}

/// A reopen without any mark, while nobody else is online.
const REOPEN: Case<'_> =
    Case { tag: None, device: "", reopen: true, token: None, others_online: false, rejoin: Rejoin::Any };
/// A login from nowhere.
const FRESH: Case<'_> = Case { reopen: false, ..REOPEN };

/// The session whose room is given back.
fn back(case: &Case<'_>, remembered: &[Remembered]) -> Option<u128> {
    let device = device(case.device);
    let client = client();
    let token = case.token.as_ref();
    let login = Login { client: &client, tag: case.tag, device: &device, reopen: case.reopen, token };
    let session = token.map_or(NEW, |claims| claims.session);
    choose(&login, session, case.others_online, remembered, case.rejoin, KEEP, NOW)
        .map(|index| remembered[index].identity.session.0)
}

#[test]
fn thirty_minutes_and_no_longer() {
    for (ago, expected) in [
        (1_000, Some(1)),
        (MINUTE, Some(1)),
        (29 * MINUTE + 50_000, Some(1)),
        (KEEP, Some(1)),
        (KEEP + 1, None),
        (30 * MINUTE + 10_000, None),
        // The clock jumped back: nothing expires early.
        (-5 * MINUTE, Some(1)),
    ] {
        let remembered = [dropped(1, "", "d1", ago)];
        for case in [
            Case { device: "d1", ..REOPEN },
            Case { token: Some(claims(1, "", "d1")), ..REOPEN },
            Case { device: "d1", ..FRESH },
            FRESH,
        ] {
            assert_eq!(back(&case, &remembered), expected, "{ago} ms after the drop");
        }
    }
}

#[test]
fn the_own_token_first_then_tag_and_device_then_anything() {
    let remembered =
        [dropped(1, "", "d1", 3_000), dropped(2, "", "d2", 2_000), dropped(3, "mobile", "d2", 1_000)];
    let cases = [
        (Case { token: Some(claims(1, "", "d1")), device: "d2", ..REOPEN }, Some(1)),
        (Case { device: "d2", ..REOPEN }, Some(2)),
        (Case { device: "d2", tag: Some("mobile"), ..REOPEN }, Some(3)),
        (Case { device: "d2", tag: Some("default"), ..REOPEN }, Some(2)),
        (Case { device: "d9", ..REOPEN }, Some(3)),
        (REOPEN, Some(3)),
        (FRESH, Some(3)),
        // The session of the token left its room or is forgotten: then any will do, the newest.
        (Case { token: Some(claims(8, "", "d1")), ..REOPEN }, Some(3)),
    ];
    for (number, (case, expected)) in cases.iter().enumerate() {
        assert_eq!(back(case, &remembered), *expected, "case {number}");
    }
}

#[test]
fn only_the_same_login_while_another_session_is_online() {
    let remembered = [dropped(1, "", "d1", 1_000), dropped(2, "", "", 2_000)];
    let online = |case: Case<'static>| Case { others_online: true, ..case };
    let cases = [
        (online(Case { device: "d1", ..REOPEN }), Some(1)),
        (online(Case { device: "d1", ..FRESH }), Some(1)),
        (online(Case { token: Some(claims(1, "", "d1")), ..REOPEN }), Some(1)),
        (online(REOPEN), Some(2)),
        (online(Case { device: "d9", ..REOPEN }), None),
        // A third device that says nothing of itself is not the second one.
        (online(FRESH), None),
    ];
    for (number, (case, expected)) in cases.iter().enumerate() {
        assert_eq!(back(case, &remembered), *expected, "case {number}");
    }
}

#[test]
fn resume_only_takes_resumes_only() {
    let remembered = [dropped(1, "", "d1", 1_000), dropped(2, "", "", 2_000)];
    let strict = |case: Case<'static>| Case { rejoin: Rejoin::ResumeOnly, ..case };
    let cases = [
        (strict(Case { device: "d1", ..REOPEN }), Some(1)),
        (strict(Case { token: Some(claims(1, "", "d1")), ..REOPEN }), Some(1)),
        (strict(Case { token: Some(claims(1, "", "d1")), ..FRESH }), Some(1)),
        (strict(REOPEN), Some(2)),
        // An earlier login of the same device is another one.
        (strict(Case { token: Some(claims(8, "", "d1")), ..REOPEN }), None),
        (strict(Case { device: "d1", ..FRESH }), None),
        (strict(FRESH), None),
        (strict(Case { device: "d9", ..REOPEN }), None),
    ];
    for (number, (case, expected)) in cases.iter().enumerate() {
        assert_eq!(back(case, &remembered), *expected, "case {number}");
    }
}

#[test]
fn the_last_one_wins_among_equals() {
    let same = [dropped(1, "", "d1", 9_000), dropped(2, "", "d1", 1_000), dropped(3, "", "d1", 5_000)];
    assert_eq!(back(&Case { device: "d1", ..REOPEN }, &same), Some(2));
    // One that ends now, replaced by the login, is later than all that dropped.
    let replaced = Remembered { dropped_at: None, ..dropped(4, "", "d1", 0) };
    let remembered = [replaced, same[1].clone()];
    assert_eq!(back(&Case { device: "d1", ..REOPEN }, &remembered), Some(4));
}

#[test]
fn the_session_that_the_login_continues_counts_as_its_own() {
    let remembered = [dropped(1, "", "d1", 1_000), Remembered { dropped_at: None, ..dropped(2, "", "", 0) }];
    let client = client();
    let device = Device::default();
    let login = Login { client: &client, tag: None, device: &device, reopen: true, token: None };
    let chosen = choose(&login, SessionId(2), true, &remembered, Rejoin::ResumeOnly, KEEP, NOW);
    assert_eq!(chosen, Some(1));
}

#[test]
fn no_room_no_return() {
    let roomless = Remembered { room: None, ..dropped(1, "", "d1", 1_000) };
    let older = dropped(2, "", "d1", 2_000);
    assert_eq!(back(&Case { device: "d1", ..REOPEN }, std::slice::from_ref(&roomless)), None);
    assert_eq!(back(&Case { device: "d1", ..REOPEN }, &[roomless, older]), Some(2));
    assert_eq!(back(&REOPEN, &[]), None);
}

#[test]
fn rooms_of_other_client_ids_are_not_given_away() {
    let mut other = dropped(1, "", "d1", 1_000);
    other.identity.client = ClientId::new("eve").unwrap();
    assert_eq!(back(&Case { device: "d1", ..REOPEN }, std::slice::from_ref(&other)), None);
    assert_eq!(back(&Case { token: Some(claims(1, "", "d1")), ..REOPEN }, &[other]), None);
}

#[test]
fn a_room_that_was_given_to_another_login_is_kept_for_the_same_one_only() {
    let remembered = [Remembered { taken: true, ..dropped(1, "", "d1", 1_000) }];
    assert_eq!(back(&Case { device: "d2", ..FRESH }, &remembered), None);
    assert_eq!(back(&Case { device: "d1", ..FRESH }, &remembered), Some(1));
}
