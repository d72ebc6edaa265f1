//! Frames that are no command: 4114. Commands before an open: 4105, and the socket stays.

use base64::{Engine, engine::general_purpose::STANDARD};
use grandstand_protocol::{
    Bound, Code, Command, Direction, Event, Format, HistoryRequest, Level, Mentions, MessageId, Open,
    PatchRequest, Request, RoomId, StartConversation,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    guest::{Guest, message},
    peer::{answer, assert_alive, kind, payload},
    raw::{BINARY, Raw, TEXT},
    siege::Siege,
};

/// Peers of each fault.
const EACH: usize = 20;

/// Levels of nesting that fit into a frame.
const DEEP: usize = 4000;

/// A frame's first byte and payload.
type Frame = (u8, Vec<u8>);

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_command_end_in_4114() {
    withstands("lc.protobuf2.3", not_protobuf()).await;
    withstands("lc.proto2base64.3", not_base64()).await;
    withstands("lc.json.3", not_json()).await;
    // No subprotocol: the first frame shows what is spoken, if anything.
    let unclear = ["", "hello", "CAA=", "\"{}\""];
    withstands("", unclear.map(|text| (TEXT, text.into())).to_vec()).await;
}

async fn withstands(subprotocol: &'static str, frames: Vec<Frame>) {
    // More than a thousand peers come at once, all from one address.
    Siege::lay("[limits]\nhandshakes_per_second_per_address = 10000")
        .await
        .withstands(0..frames.len() * EACH, |address, number| {
            let (first, payload) = frames[number % frames.len()].clone();
            async move {
                let mut raw = Raw::connect(address, subprotocol).await;
                raw.send(first, &payload).await;
                let start = &payload[..payload.len().min(40)];
                assert_eq!(raw.close_code().await, 4114, "{first:02x}: {start:02x?}");
            }
        })
        .await;
}

fn not_protobuf() -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(25);
    let noise = (1..100).map(|length| {
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        bytes
    });
    // Some short noise happens to be a command.
    let noise = noise.filter(|bytes| Request::decode(Format::Binary, bytes).is_err()).take(50);
    let groups_in_groups = [0xfb, 0x07].repeat(DEEP);
    let too_long_inside = vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let endless_number = vec![0xff; 64];
    let bytes = noise.chain([vec![], groups_in_groups, too_long_inside, endless_number]);
    let texts = ["{}", "hello", "CAA="].map(|text| (TEXT, text.into()));
    bytes.map(|bytes| (BINARY, bytes)).chain(texts).collect()
}

fn not_base64() -> Vec<Frame> {
    let groups_in_groups = STANDARD.encode([0xfb, 0x07].repeat(DEEP / 2));
    let texts = ["", "!!!!", "=", "{}", "CAA\n=", "Z", "/////w==", &groups_in_groups];
    let binary = (BINARY, payload(Format::Binary, 1, Command::Echo));
    texts.map(|text| (TEXT, text.into())).into_iter().chain([binary]).collect()
}

fn not_json() -> Vec<Frame> {
    let nested = [
        r#"{"a":"#.repeat(DEEP / 3),
        "[".repeat(DEEP),
        r#"{"cmd":"echo","x":"#.to_owned() + &"[".repeat(DEEP),
    ];
    let texts =
        ["", "hello", "[]", "[{}]", "\"{}\"", "null", "1", "{", r#"{"cmd""#, "{}{}", r#"{"cmd":5}"#, "CAA="];
    let binary = (BINARY, payload(Format::Json, 1, Command::Echo));
    let texts = texts.map(str::to_owned).into_iter().chain(nested);
    texts.map(|text| (TEXT, text.into_bytes())).chain([binary]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_before_open_is_refused_with_4105_and_the_socket_stays() {
    let formats = [
        ("lc.protobuf2.3", Format::Binary),
        ("lc.proto2base64.3", Format::Base64),
        ("lc.json.3", Format::Json),
    ];
    Siege::lay("")
        .await
        .withstands(0..60, |address, number| async move {
            let (subprotocol, format) = formats[number % formats.len()];
            let mut raw = Raw::connect(address, subprotocol).await;
            let serials = [0, -65_535, i32::MIN, i32::MAX].into_iter().chain(1..);
            for (serial, command) in serials.zip(commands()) {
                let what = format!("{command:?}");
                raw.send(kind(format), &payload(format, serial, command)).await;
                let told = answer(&mut raw, format).await;
                assert_eq!(told.serial, Some(serial), "{what}");
                let Event::Failed { fault } = told.event else { panic!("{what}: {:?}", told.event) };
                assert!(fault.is(Code::SessionRequired), "{what}: {fault}");
            }
            assert_alive(&mut raw, format).await;
            let mut late = Guest::over(raw, &format!("late-{number}"), format);
            late.open(Open::default()).await;
        })
        .await;
}

/// Every command that needs a session.
fn commands() -> Vec<Command> {
    let room = RoomId::from("5f7f2a1b3c4d5e6f70819203");
    let (members, signature) = (vec!["a".to_owned()], None);
    let patch = PatchRequest {
        room: room.clone(),
        message: MessageId::from("a"),
        timestamp: 1,
        recall: true,
        body: None,
        mentions: Mentions::default(),
    };
    let page = HistoryRequest {
        room: room.clone(),
        limit: None,
        start: Bound::default(),
        end: Bound::default(),
        direction: Direction::Old,
        lctype: None,
    };
    vec![
        Command::Refresh { token: None },
        Command::Close,
        Command::QueryOnline { clients: members.clone() },
        Command::Start(Box::new(StartConversation { transient: true, ..StartConversation::default() })),
        Command::Join { room: room.clone(), members: members.clone(), signature: signature.clone() },
        Command::Quit { room: room.clone(), members, signature },
        Command::Query(Box::default()),
        Command::Count { room: room.clone() },
        Command::Members { room: room.clone(), limit: None },
        Command::IsMember { rooms: vec![room.clone()] },
        Command::Update { room: room.clone(), attributes: "{}".into() },
        Command::Mute { room: room.clone() },
        Command::MaxRead { room: room.clone() },
        Command::Send(Box::new(message(&room, Level::High, "too soon"))),
        Command::Modify { patches: vec![patch] },
        Command::History(Box::new(page)),
        Command::Read,
    ]
}
