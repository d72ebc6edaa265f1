//! Which fields are there and which are not, on any downlink (protocol sections 3 and 4, appendix A).

use std::collections::BTreeMap;

use grandstand_protocol::{Downlink, Event, Format, Restriction};
use proptest::{proptest, test_runner::Config};
use serde_json::{Map, Value};

use crate::strategy;

/// A protobuf message taken apart without the schema: field number to its values.
type Fields = BTreeMap<u64, Vec<Field>>;

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

fn fields(mut rest: &[u8]) -> Fields {
    let mut fields = Fields::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest);
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut rest)),
            2 => {
                let length = usize::try_from(varint(&mut rest)).unwrap();
                let (value, after) = rest.split_at(length);
                rest = after;
                Field::Bytes(value.to_vec())
            }
            other => panic!("wire type {other} is not in the schema"),
        };
        fields.entry(tag >> 3).or_default().push(value);
    }
    fields
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first().unwrap();
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint has at most ten bytes");
}

/// The only value of a message field, taken apart.
fn part(fields: &Fields, number: u64) -> Fields {
    match &fields[&number][..] {
        [Field::Bytes(bytes)] => self::fields(bytes),
        other => panic!("field {number} is {other:?}"),
    }
}

fn number(value: u64) -> Vec<Field> {
    vec![Field::Number(value)]
}

#[track_caller]
fn has(fields: &Fields, numbers: &[u64]) {
    for number in numbers {
        assert!(fields.contains_key(number), "field {number} is missing in {fields:?}");
    }
}

#[track_caller]
fn lacks(fields: &Fields, numbers: &[u64]) {
    for number in numbers {
        assert!(!fields.contains_key(number), "field {number} stands in {fields:?}");
    }
}

const SESSION: u64 = 102;
const ERROR: u64 = 103;
const DIRECT: u64 = 104;
const ACK: u64 = 105;
const LOGS: u64 = 109;
const CONV: u64 = 110;
const PATCH: u64 = 114;
const BLACKLIST: u64 = 116;

fn check_envelope(downlink: &Downlink, envelope: &Fields) {
    // `cmd` is required in the first protobuf generation, also when it is 0.
    has(envelope, &[1]);
    let service = if matches!(downlink.event, Event::LoggedIn) { 0 } else { 2 };
    assert_eq!(envelope[&8], number(service), "service");
    assert_eq!(envelope.contains_key(&4), downlink.peer.is_some(), "peerId");
    assert_eq!(envelope.contains_key(&5), downlink.serial.is_some(), "i");
    assert_eq!(envelope.contains_key(&9), downlink.server_time.is_some(), "serverTs");
    // appId, priority and notificationType are not for clients.
    lacks(envelope, &[3, 6, 7, 10, 11]);
}

fn check_payload(event: &Event, envelope: &Fields) {
    match event {
        Event::Opened { .. } | Event::Refreshed { .. } => {
            let session = part(envelope, SESSION);
            has(&session, &[10, 11]);
            lacks(&session, &[12, 13, 16]);
        }
        Event::Closed { fault } => {
            let session = part(envelope, SESSION);
            assert_eq!(session.contains_key(&12), fault.is_some(), "code");
            assert_eq!(session.contains_key(&13), fault.is_some(), "reason");
        }
        Event::Online { .. } => lacks(&part(envelope, SESSION), &[12]),
        Event::Failed { .. } => has(&part(envelope, ERROR), &[1, 2]),
        Event::Accepted { .. } => {
            let ack = part(envelope, ACK);
            has(&ack, &[5, 6]);
            lacks(&ack, &[1, 2, 11, 12]);
        }
        Event::Refused { .. } => {
            let ack = part(envelope, ACK);
            has(&ack, &[1, 2]);
            lacks(&ack, &[5, 6]);
        }
        Event::AckReceived => assert!(part(envelope, ACK).is_empty()),
        Event::Message(push) => {
            let direct = part(envelope, DIRECT);
            has(&direct, &[3, 4, 11, 12]);
            assert_eq!(direct[&22], number(2), "convType");
            assert!(direct.contains_key(&1) != direct.contains_key(&19), "one body");
            assert_eq!(direct.contains_key(&13), push.transient, "transient only when true");
            assert_eq!(direct.contains_key(&21), push.mentions.all, "mentionAll only when true");
            // uid, offline, hasMore, toPeerIds, r, dt, roomId, pushData, will
            lacks(&direct, &[2, 5, 6, 7, 10, 14, 15, 16, 17]);
        }
        Event::Patched(patch) => {
            let item = part(&part(envelope, PATCH), 1);
            has(&item, &[1, 2, 3, 6, 7]);
            assert!(item.contains_key(&5) != item.contains_key(&8), "one body");
            assert_eq!(item.contains_key(&4), patch.recall, "recall only when true");
        }
        Event::Modified { .. } => has(&part(envelope, PATCH), &[2]),
        Event::History { items } => {
            let logs = part(envelope, LOGS);
            assert_eq!(logs.get(&105).map_or(0, Vec::len), items.len());
            for item in logs.get(&105).into_iter().flatten() {
                let Field::Bytes(item) = item else { panic!("an item is a message") };
                let item = fields(item);
                has(&item, &[1, 2, 3, 4]);
                assert_eq!(item[&11], number(2), "convType");
                lacks(&item, &[5, 6]);
            }
        }
        Event::Moderated(moderated) if moderated.restriction == Restriction::Block => {
            has(&part(envelope, BLACKLIST), &[1]);
        }
        Event::Moderated(_) => has(&part(envelope, CONV), &[4]),
        _ => check_conversation(event, envelope),
    }
}

fn check_conversation(event: &Event, envelope: &Fields) {
    let wanted: &[u64] = match event {
        Event::Started { .. } => &[4, 5],
        Event::Added { allowed, .. } | Event::Removed { allowed, .. } if allowed.is_empty() => &[4, 12],
        Event::Added { .. } | Event::Removed { .. } => &[4, 12, 30],
        Event::Results { .. } | Event::Membership { .. } => &[100],
        Event::Count { .. } => &[11],
        Event::Updated { change: Some(_), .. } => &[4, 12, 103, 104],
        Event::Updated { change: None, .. } => &[4, 12],
        Event::RoomUpdated { .. } => &[2, 4, 6, 12, 103, 104],
        Event::MaxRead { .. } => &[4],
        Event::Notice(notice) if notice.clients.as_ref().is_some_and(|clients| !clients.is_empty()) => {
            &[1, 2, 4]
        }
        Event::Notice(_) | Event::Left { .. } => &[2, 4],
        Event::RoleSet { .. } => &[4, 26],
        Event::RoleChanged { .. } => &[2, 4, 26],
        Event::Members { .. } => &[],
        _ => return,
    };
    let conversation = part(envelope, CONV);
    has(&conversation, wanted);
    // uniqueId and tempConvTTL are not for rooms; failedPids is never how a refusal is told.
    lacks(&conversation, &[19, 28, 31, 32]);
}

fn check_json(event: &Event, keys: &Map<String, Value>) {
    let failed =
        matches!(event, Event::Failed { .. } | Event::Refused { .. } | Event::Closed { fault: Some(_) });
    // Old .NET takes any reply with `code` for a failure, and drops messages with `offline`.
    assert_eq!(keys.contains_key("code"), failed);
    assert!(!keys.contains_key("offline"));
    let wanted: &[&str] = match event {
        Event::History { .. } => &["logs"],
        Event::Results { .. } => &["results"],
        Event::Message(_) => &["msg", "cid", "id", "fromPeerId", "timestamp"],
        Event::Accepted { .. } => &["uid", "t"],
        Event::Online { .. } => &["onlineSessionPeerIds"],
        _ => &["cmd"],
    };
    for key in wanted {
        assert!(keys.contains_key(*key), "{key} is missing in {keys:?}");
    }
    if let Some(Value::Array(items)) = keys.get("logs") {
        assert!(items.iter().all(|item| item.get("data").is_some_and(Value::is_string)));
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(512) })]

    #[test]
    fn every_downlink_has_what_the_sdks_need_and_nothing_they_stumble_over(
        downlink in strategy::downlink(),
    ) {
        let envelope = fields(&downlink.encode(Format::Binary).payload);
        check_envelope(&downlink, &envelope);
        check_payload(&downlink.event, &envelope);
        let json: Map<String, Value> =
            serde_json::from_slice(&downlink.encode(Format::Json).payload).unwrap();
        check_json(&downlink.event, &json);
    }
}
