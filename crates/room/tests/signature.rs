//! Signatures: every text of the protocol, how long one counts, and that none passes for another.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

use std::collections::BTreeSet;

use grandstand_protocol::{AppId, ClientId, RoomId, Signature};
use grandstand_room::{
    clock::Millis,
    signature::{LIFE, Purpose, SKEW, SignatureError, Statement, UsedSignatures, Verified, sign, verify},
};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha1::Sha1;

const KEY: &str = "the-master";
const NOW: Millis = Millis(1_800_000_000_000);

/// HMAC-SHA1 of a text as it stands in the guide, by its own few lines.
fn by_hand(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap().chain_update(text).finalize();
    mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn offered(text: &str, timestamp: i64, nonce: &str) -> Signature {
    Signature { signature: by_hand(KEY, text), timestamp, nonce: nonce.to_owned() }
}

fn check(offered: &Signature, client: &str, purpose: Purpose<'_>) -> Result<Verified, SignatureError> {
    check_at(offered, client, purpose, NOW)
}

fn check_at(
    offered: &Signature,
    client: &str,
    purpose: Purpose<'_>,
    now: Millis,
) -> Result<Verified, SignatureError> {
    let (app, client) = (AppId::from("app"), ClientId::new(client).unwrap());
    verify(offered, &Statement { app: &app, client: &client, purpose }, &["another", KEY], now)
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_signature_by_openssl() {
    // printf 'app:tom::1800000000000:n' | openssl dgst -sha1 -hmac the-master
    let hex = "098e736c2013ac50e616081e55b1c9654c891047";
    assert_eq!(by_hand(KEY, "app:tom::1800000000000:n"), hex);
    for hex in [hex.to_owned(), hex.to_uppercase()] {
        let offered = Signature { signature: hex, timestamp: NOW.0, nonce: "n".to_owned() };
        assert!(check(&offered, "tom", Purpose::Login).is_ok());
    }
}

#[test]
fn each_purpose_has_its_text() {
    let room = RoomId::from("room");
    let (none, own, twice) = (ids(&[]), ids(&["tom"]), ids(&["tom", "tom"]));
    let (list, targets) = (ids(&["tom", "ann"]), ids(&["zoe", "ann"]));
    let create = |members| Purpose::Create { members, may_be_empty: true };
    let (block, unblock) = ("conversation-block-clients", "conversation-unblock-clients");
    for (text, purpose) in [
        ("app:tom::T:n".to_owned(), Purpose::Login),
        ("app:tom::T:n".to_owned(), create(&own)),
        ("app:tom::T:n".to_owned(), create(&none)),
        ("app:tom:tom:T:n".to_owned(), create(&own)),
        ("app:tom:tom:T:n".to_owned(), create(&none)),
        ("app:tom:ann:tom:T:n".to_owned(), create(&list)),
        ("app:tom:room:tom:T:n:invite".to_owned(), Purpose::Join { room: &room, members: &own }),
        ("app:tom:room:tom:T:n:invite".to_owned(), Purpose::Join { room: &room, members: &none }),
        ("app:tom:room:tom:tom:T:n:invite".to_owned(), Purpose::Join { room: &room, members: &twice }),
        (format!("app:tom:room:ann:zoe:T:n:{block}"), Purpose::Block { room: &room, clients: &targets }),
        (format!("app:tom:room:ann:zoe:T:n:{unblock}"), Purpose::Unblock { room: &room, clients: &targets }),
        ("app:tom:room:n:T".to_owned(), Purpose::History { room: &room }),
    ] {
        for time in [NOW.0, NOW.0 / 1000] {
            let text = text.replace('T', &time.to_string());
            let good = offered(&text, time, "n");
            assert!(check(&good, "tom", purpose).is_ok(), "{text} for {purpose:?}");
            let bad = Signature { timestamp: time + 1, ..good.clone() };
            assert_eq!(check(&bad, "tom", purpose), Err(SignatureError::Wrong), "{text}");
            let bad = Signature { nonce: "m".to_owned(), ..good.clone() };
            assert_eq!(check(&bad, "tom", purpose), Err(SignatureError::Wrong), "{text}");
            assert_eq!(check(&good, "ann", purpose), Err(SignatureError::Wrong), "{text}");
        }
    }
}

#[test]
fn six_hours_and_a_clock_that_is_ahead() {
    for unit in [1, 1000] {
        let time = NOW.0 / unit;
        let good = offered(&format!("app:tom::{time}:n"), time, "n");
        for (age, outcome) in [
            (-SKEW - 1, Err(SignatureError::TooEarly)),
            (-SKEW, Ok(())),
            (0, Ok(())),
            (LIFE, Ok(())),
            (LIFE + 1, Err(SignatureError::Expired)),
        ] {
            let found = check_at(&good, "tom", Purpose::Login, Millis(NOW.0 + age)).map(|_| ());
            assert_eq!(found, outcome, "{age} ms old");
        }
    }
    for time in [i64::MIN, -1, 0, 1, 99_999_999_999, 100_000_000_000, i64::MAX] {
        let odd = offered(&format!("app:tom::{time}:n"), time, "n");
        assert!(check(&odd, "tom", Purpose::Login).is_err(), "{time}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_not_taken() {
    let (room, odd_room) = (RoomId::from("room"), RoomId::from("room:x"));
    let own = ids(&["tom"]);
    let t = NOW.0;
    let create = |members| Purpose::Create { members, may_be_empty: true };
    // The text of a join, read as that of a new room with three members; the nonce was a time.
    let spliced = offered(&format!("app:tom:room:tom:{t}:{t}:invite"), t, "invite");
    let members = ids(&["room", "tom", &t.to_string()]);
    assert_eq!(check(&spliced, "tom", create(&members)), Err(SignatureError::AmbiguousNonce));
    // That of a new room, read as history's, and the other way round.
    let spliced = offered(&format!("app:tom:room:{t}:{t}"), t, &t.to_string());
    assert_eq!(check(&spliced, "tom", Purpose::History { room: &room }), Err(SignatureError::AmbiguousNonce));
    assert_eq!(check(&spliced, "tom", create(&ids(&["room"]))), Err(SignatureError::AmbiguousNonce));
    for (text, client, nonce, purpose, error) in [
        (format!("app:tom:x::{t}:n"), "tom:x", "n", Purpose::Login, SignatureError::AmbiguousId),
        (format!("app:tom:::{t}:n"), "tom:", "n", Purpose::Login, SignatureError::AmbiguousId),
        (format!("app:tom::{t}:a:b"), "tom", "a:b", Purpose::Login, SignatureError::AmbiguousNonce),
        (
            format!("app:tom:room:x:tom:{t}:n:invite"),
            "tom",
            "n",
            Purpose::Join { room: &odd_room, members: &own },
            SignatureError::AmbiguousId,
        ),
        (
            format!("app:tom:room:ann:zoe:{t}:n:conversation-block-clients"),
            "tom",
            "n",
            Purpose::Block { room: &room, clients: &ids(&["ann:zoe"]) },
            SignatureError::AmbiguousId,
        ),
        (
            format!("app:tom:room::{t}:n:conversation-block-clients"),
            "tom",
            "n",
            Purpose::Block { room: &room, clients: &ids(&[""]) },
            SignatureError::AmbiguousId,
        ),
    ] {
        assert_eq!(check(&offered(&text, t, nonce), client, purpose), Err(error), "{text}");
    }
}

#[test]
fn a_login_makes_a_room_only_where_members_may_be_left_out() {
    let login = offered(&format!("app:tom::{}:n", NOW.0), NOW.0, "n");
    let members = ids(&["tom"]);
    let create = |may_be_empty| Purpose::Create { members: &members, may_be_empty };
    assert!(check(&login, "tom", create(true)).is_ok());
    assert_eq!(check(&login, "tom", create(false)), Err(SignatureError::Wrong));
    let none = Purpose::Create { members: &[], may_be_empty: false };
    assert_eq!(check(&login, "tom", none), Err(SignatureError::Wrong));
}

#[test]
fn what_is_signed_here_counts() {
    let (app, client) = (AppId::from("app"), ClientId::new("tom").unwrap());
    let statement = Statement { app: &app, client: &client, purpose: Purpose::Login };
    let made = sign(&statement, KEY, NOW, "n".to_owned()).unwrap();
    assert_eq!(made, offered(&format!("app:tom::{}:n", NOW.0), NOW.0, "n"));
    let odd = ClientId::new("tom:x").unwrap();
    let statement = Statement { client: &odd, ..statement };
    assert_eq!(sign(&statement, KEY, NOW, "n".to_owned()), Err(SignatureError::AmbiguousId));
}

#[test]
fn a_used_signature_is_remembered_for_as_long_as_it_counts() {
    let app = AppId::from("app");
    let at = |time: Millis| {
        check_at(&offered(&format!("app:tom::{}:n", time.0), time.0, "n"), "tom", Purpose::Login, time)
            .unwrap()
    };
    let later = |time: i64| Millis(NOW.0 + time);
    let mut used = UsedSignatures::with_limit(NOW, 2);
    assert_eq!(used.take(&app, at(NOW), NOW), Ok(false), "another process may have taken it");
    assert_eq!(used.take(&app, at(later(1)), later(1)), Ok(true));
    assert_eq!(used.take(&app, at(later(1)), later(1)), Ok(false));
    assert_eq!(used.take(&AppId::from("other"), at(later(1)), later(1)), Ok(true), "another app's share");
    assert_eq!(used.take(&app, at(later(2)), later(2)), Ok(true));
    assert!(used.take(&app, at(later(3)), later(3)).is_err(), "it could not be remembered");
    assert_eq!(used.take(&app, at(later(1)), later(1 + LIFE)), Ok(false), "it counts to its last moment");
    assert_eq!(used.take(&app, at(later(3)), later(2 + LIFE)), Ok(true), "there is room again");
}

proptest! {
    #[test]
    fn one_changed_bit_is_wrong(position in 0..20usize, bit in 0..8u32) {
        let good = offered(&format!("app:tom::{}:n", NOW.0), NOW.0, "n");
        let mut bytes: Vec<u8> = (0..40).step_by(2)
            .map(|at| u8::from_str_radix(&good.signature[at..at + 2], 16).unwrap())
            .collect();
        bytes[position] ^= 1 << bit;
        let signature = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let bad = Signature { signature, ..good };
        prop_assert_eq!(check(&bad, "tom", Purpose::Login), Err(SignatureError::Wrong));
    }

    #[test]
    fn any_text_is_refused_in_peace(signature in ".{0,60}", timestamp: i64, nonce in ".{0,20}", client in ".{1,20}") {
        let bad = Signature { signature, timestamp, nonce };
        prop_assert!(check(&bad, &client, Purpose::Login).is_err());
    }

    /// Ids and nonces of colons, digits and a few letters, cut up in every way: a text counts for one purpose alone.
    #[test]
    fn no_text_counts_for_two_purposes(
        client in "[a:]{1,3}",
        parts in proptest::collection::vec("[ar:]{0,2}|1800000000000|invite", 1..4),
        room in "[ar:]{1,3}|1800000000000",
        nonce in "[ar:]{0,3}|invite|kick|1800000000000",
    ) {
        let room = RoomId::from(room);
        let t = NOW.0;
        let parts = parts.join(":");
        for text in [
            format!("app:{client}::{t}:{nonce}"),
            format!("app:{client}:{parts}:{t}:{nonce}"),
            format!("app:{client}:{room}:{parts}:{t}:{nonce}:invite"),
            format!("app:{client}:{room}:{parts}:{t}:{nonce}:conversation-block-clients"),
            format!("app:{client}:{room}:{nonce}:{t}"),
        ] {
            let meanings = meanings(&text);
            prop_assert!(meanings.len() <= 1, "{} counts as {:?}", text, meanings);
        }
    }
}

/// For what a signature of this text counts, and for whom, however its fields are dealt out.
fn meanings(text: &str) -> BTreeSet<(&'static str, String)> {
    let app = AppId::from("app");
    let fields: Vec<&str> = text.split(':').collect();
    let signature = by_hand(KEY, text);
    let mut found = BTreeSet::new();
    for ((timestamp, nonce), client) in readings(&fields)
        .into_iter()
        .flat_map(|reading| prefixes(&fields).into_iter().map(move |id| (reading.clone(), id)))
    {
        let Ok(id) = ClientId::new(&client) else { continue };
        let offered = Signature { signature: signature.clone(), timestamp, nonce };
        let rest = &fields[1 + client.split(':').count()..];
        let members = ids(&rest[..rest.len().saturating_sub(2)]);
        let others = ids(rest.get(1..rest.len().saturating_sub(3)).unwrap_or_default());
        let room = RoomId::from(rest.first().copied().unwrap_or_default());
        for (name, purpose) in [
            ("login", Purpose::Login),
            ("create", Purpose::Create { members: &members, may_be_empty: false }),
            ("join", Purpose::Join { room: &room, members: &others }),
            ("block", Purpose::Block { room: &room, clients: &others }),
            ("history", Purpose::History { room: &room }),
        ] {
            if verify(&offered, &Statement { app: &app, client: &id, purpose }, &[KEY], NOW).is_ok() {
                found.insert((name, client.clone()));
            }
        }
    }
    found
}

#[test]
fn the_search_for_meanings_finds_them() {
    let t = NOW.0;
    for (text, name) in [
        (format!("app:a::{t}:n"), "login"),
        (format!("app:a:a:r:{t}:n"), "create"),
        (format!("app:a:r:a:{t}:n:invite"), "join"),
        (format!("app:a:r:b:c:{t}:n:conversation-block-clients"), "block"),
        (format!("app:a:r:n:{t}"), "history"),
    ] {
        assert_eq!(meanings(&text), [(name, "a".to_owned())].into(), "{text}");
    }
}

/// Every two fields that stand beside each other, as time and nonce or as nonce and time.
fn readings(fields: &[&str]) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    for pair in fields.windows(2) {
        for (time, nonce) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            found.extend(time.parse().ok().map(|time| (time, nonce.to_owned())));
        }
    }
    found
}

/// Client ids with which a text may begin.
fn prefixes(fields: &[&str]) -> Vec<String> {
    (2..fields.len()).map(|end| fields[1..end].join(":")).collect()
}
