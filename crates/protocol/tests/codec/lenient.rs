//! What old and careless clients send, and what frames are refused.

use bytes::Bytes;
use grandstand_protocol::{
    Body, Command, DecodeError, Direction, Downlink, Format, HistoryRequest, Level, Open, Request, Send,
};

use crate::notation;

fn json(frame: &str) -> Request {
    Request::decode(Format::Json, frame.as_bytes()).unwrap()
}

fn binary(frame: &str) -> Request {
    Request::decode(Format::Binary, &notation::bytes(frame)).unwrap()
}

fn open(request: Request) -> Open {
    match request.command {
        Command::Open(open) => *open,
        other => panic!("not an open: {other:?}"),
    }
}

fn send(request: Request) -> Send {
    match request.command {
        Command::Send(send) => *send,
        other => panic!("not a message: {other:?}"),
    }
}

fn history(request: Request) -> HistoryRequest {
    match request.command {
        Command::History(history) => *history,
        other => panic!("not a page of history: {other:?}"),
    }
}

fn patch_body(request: Request) -> Option<Body> {
    match request.command {
        Command::Modify { mut patches } => patches.remove(0).body,
        other => panic!("not a patch: {other:?}"),
    }
}

fn unsupported(family: &str, verb: Option<&str>) -> Command {
    Command::Unsupported { family: family.to_owned(), verb: verb.map(ToOwned::to_owned) }
}

#[test]
fn dotnet_reopens_with_a_number_and_nulls() {
    let request = json(
        r#"{"cmd":"session","op":"open","appId":"a","peerId":"tom","i":-65535,"ua":"net-unity/1","r":1,
            "tag":null,"st":null,"n":null,"t":null,"s":null,"deviceId":null,"configBitmap":1}"#,
    );
    assert_eq!(request.serial, Some(-65535));
    let expected =
        Open { user_agent: Some("net-unity/1".to_owned()), reopen: true, config: Some(1), ..Open::default() };
    assert_eq!(open(request), expected);
}

#[test]
fn dotnet_starts_a_room_with_a_null_id_and_null_members() {
    let request = json(
        r#"{"cmd":"conv","op":"start","i":1,"cid":null,"m":["tom",null,"tom"],"transient":true,"unique":true,
            "tempConv":null,"attr":{"name":"match","nested":{"n":1.10}},"n":null,"t":null,"s":null}"#,
    );
    let Command::Start(start) = request.command else { panic!("not a start") };
    assert!(start.transient && start.unique && !start.temporary);
    assert_eq!(start.members, ["tom", "tom"]);
    assert_eq!(start.attributes.as_deref(), Some(r#"{"name":"match","nested":{"n":1.1}}"#));
    assert_eq!(start.signature, None);
}

#[test]
fn embedded_documents_may_come_as_text() {
    let as_object = json(r#"{"cmd":"conv","op":"query","where":{"tr":true}}"#);
    let as_text = json(r#"{"cmd":"conv","op":"query","where":"{ \"tr\": true }"}"#);
    assert_eq!(as_object, as_text);
}

#[test]
fn dotnet_names_a_level_only_above_one() {
    assert_eq!(send(json(r#"{"cmd":"direct","cid":"r","msg":"x","level":3}"#)).level, Some(Level::Low));
    assert_eq!(send(json(r#"{"cmd":"direct","cid":"r","msg":"x"}"#)).level, None);
    assert_eq!(send(json(r#"{"cmd":"direct","cid":"r","msg":"x","level":9}"#)).level, None);
}

#[test]
fn numbers_stand_for_booleans_and_unknown_keys_for_nothing() {
    let send = send(json(r#"{"cmd":"direct","cid":"r","msg":"x","transient":1,"will":0,"r":1,"new":[{}]}"#));
    assert!(send.transient && !send.will);
}

#[test]
fn binary_bodies_may_come_beside_bin() {
    let named = send(json(r#"{"cmd":"direct","cid":"r","binaryMsg":"AP8Q"}"#));
    let flagged = send(json(r#"{"cmd":"direct","cid":"r","msg":"AP8Q","bin":true}"#));
    assert_eq!(named.body, Body::Binary(Bytes::from_static(&[0, 0xff, 0x10])));
    assert_eq!(named, flagged);
}

#[test]
fn verbs_are_read_with_dashes_and_underscores() {
    for verb in ["max-read", "max_read"] {
        let request = json(&format!(r#"{{"cmd":"conv","op":"{verb}","cid":"r"}}"#));
        assert!(matches!(request.command, Command::MaxRead { .. }), "{verb}");
    }
}

#[test]
fn any_object_without_cmd_is_a_heartbeat() {
    for frame in ["{}", " { } ", r#"{"i":1,"x":[]}"#, r#"{"cmd":null}"#] {
        assert_eq!(json(frame).command, Command::Heartbeat, "{frame}");
    }
}

#[test]
fn unknown_names_are_answered_rather_than_punished() {
    let request = json(r#"{"cmd":"group","op":"join-all","peerId":"tom","i":7}"#);
    assert_eq!(request.serial, Some(7));
    assert_eq!(request.command, unsupported("group", Some("join_all")));
    assert_eq!(json(r#"{"cmd":"conv","op":"fly"}"#).command, unsupported("conv", Some("fly")));
    let long = "x".repeat(1000);
    let request = json(&format!(r#"{{"cmd":"{long}"}}"#));
    assert_eq!(request.command, unsupported(&long[..64], None));
}

#[test]
fn families_without_verbs_ignore_one() {
    let page = binary("08 06 10 01 6a 00 ; logs with op = open, as C# sends it, and an unknown field 13");
    assert_eq!(history(page).limit, None);
    assert!(matches!(json(r#"{"cmd":"direct","op":"fly","cid":"r","msg":""}"#).command, Command::Send(_)));
}

#[test]
fn unknown_fields_and_numbers_are_passed_over() {
    let request = binary(
        r#"08 00       ; cmd = session
           10 01       ; op = open
           f8 07 01    ; field 127 = 1
           b2 06 05    ; sessionMessage
             28 02     ;   r = 2, which is true
             a2 01 00  ;   systemInfo, which nobody reads"#,
    );
    assert_eq!(open(request), Open { reopen: true, ..Open::default() });
    let direction = binary("08 06 ea 06 02 50 09 ; logs with direction = 9");
    assert_eq!(history(direction).direction, Direction::Old);
    let priority = binary("08 02 38 07 ; direct with priority = 7 and no payload");
    assert_eq!(send(priority).level, None);
    assert_eq!(binary("08 63 10 fa 01").command, unsupported("99", Some("250")));
    assert_eq!(binary("08 01 ; conv without op").command, unsupported("conv", None));
}

#[test]
fn history_bounds_of_zero_are_no_bounds() {
    let page = history(binary(
        r#"08 06
           ea 06 0c  ; logsMessage
             10 00   ;   l = 0
             20 00   ;   t = 0
             28 00   ;   tt = 0
             3a 00   ;   mid is empty
             58 00   ;   tIncluded = false
             68 00   ;   lctype = 0"#,
    ));
    assert_eq!(page.limit, Some(0));
    assert_eq!((page.start.timestamp, page.start.message, page.start.included), (None, None, false));
    assert_eq!(page.end.timestamp, None);
    assert_eq!(page.lctype, None);
}

#[test]
fn the_page_size_has_two_names() {
    assert_eq!(history(json(r#"{"cmd":"logs","cid":"r","l":7}"#)).limit, Some(7));
    assert_eq!(history(json(r#"{"cmd":"logs","cid":"r","limit":8}"#)).limit, Some(8));
    assert_eq!(history(json(r#"{"cmd":"logs","cid":"r","direction":"NEW"}"#)).direction, Direction::New);
}

#[test]
fn java_hides_binary_bodies_in_the_text_of_a_patch() {
    let raw = binary(
        r#"08 12 10 96 01
           92 07 06   ; patchMessage
             0a 04    ;   patches
               2a 02 fe ff  ; data"#,
    );
    assert_eq!(patch_body(raw), Some(Body::Binary(Bytes::from_static(&[0xfe, 0xff]))));
    let text = binary(r#"08 12 10 96 01 92 07 06 0a 04 2a 02 "hi""#);
    assert_eq!(patch_body(text), Some(Body::Text("hi".to_owned())));
}

#[test]
fn empty_texts_are_as_good_as_absent() {
    let request =
        json(r#"{"cmd":"session","op":"open","st":"","tag":"","deviceId":"","s":"","t":1,"n":"x"}"#);
    assert_eq!(open(request), Open::default());
    assert_eq!(send(json(r#"{"cmd":"direct","cid":"r","msg":"x","dt":""}"#)).dedupe, None);
}

#[test]
fn base64_may_lack_its_padding() {
    let echo = Request { app: None, peer: None, serial: Some(1), command: Command::Echo };
    assert_eq!(echo.encode(Format::Base64).payload, "CA4oAQ==");
    assert_eq!(Request::decode(Format::Base64, b"CA4oAQ"), Ok(echo));
}

#[test]
fn frames_that_are_no_command_are_refused() {
    let refused = |format, payload: &[u8]| Request::decode(format, payload).unwrap_err();
    assert_eq!(refused(Format::Binary, b""), DecodeError::NoCommand);
    assert_eq!(refused(Format::Binary, b"hello"), DecodeError::Protobuf);
    assert_eq!(
        refused(Format::Binary, &notation::bytes("08 02 c2 06 03 0a 01 ff ; msg is not UTF-8")),
        DecodeError::Protobuf
    );
    assert_eq!(refused(Format::Base64, b"{}"), DecodeError::Base64);
    assert_eq!(refused(Format::Base64, b"aGVsbG8="), DecodeError::Protobuf);
    assert_eq!(refused(Format::Json, b"[]"), DecodeError::JsonSyntax);
    assert_eq!(refused(Format::Json, b"{"), DecodeError::JsonSyntax);
    assert_eq!(refused(Format::Json, br#"{"cmd":1}"#), DecodeError::JsonType);
    assert_eq!(refused(Format::Json, br#"{"cmd":"echo","i":4294967296}"#), DecodeError::JsonType);
    assert_eq!(refused(Format::Json, br#"{"cmd":"direct","msg":{}}"#), DecodeError::JsonType);
}

#[test]
fn deep_documents_neither_overflow_nor_come_out_unreadable() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let frame = format!(r#"{{"cmd":"conv","op":"query","where":{}}}"#, nested(100_000));
    assert_eq!(Request::decode(Format::Json, frame.as_bytes()), Err(DecodeError::JsonSyntax));
    for depth in 120..135 {
        let filter = serde_json::to_string(&nested(depth)).unwrap();
        let request = json(&format!(r#"{{"cmd":"conv","op":"query","where":{filter}}}"#));
        let again = Request::decode(Format::Json, &request.encode(Format::Json).payload);
        assert_eq!(again.as_ref(), Ok(&request), "{depth}");
    }
}

#[test]
fn events_that_rooms_do_not_have_are_named_to_the_client() {
    let unread = Downlink::decode(Format::Binary, &notation::bytes("08 05"));
    let unknown = DecodeError::UnknownEvent { family: "unread".to_owned(), verb: String::new() };
    assert_eq!(unread, Err(unknown));
    let kicked = Downlink::decode(Format::Json, br#"{"cmd":"conv","op":"members-left","cid":"r"}"#);
    let unknown = DecodeError::UnknownEvent { family: "conv".to_owned(), verb: "members_left".to_owned() };
    assert_eq!(kicked, Err(unknown));
}

#[test]
fn the_first_message_shows_the_format() {
    let format = Format::of_first_message;
    assert_eq!(format(false, b"{}"), Some(Format::Binary));
    assert_eq!(format(true, b"{}"), Some(Format::Json));
    assert_eq!(format(true, b" \n{"), Some(Format::Json));
    assert_eq!(format(true, b"CA4="), None);
    assert_eq!(format(true, b""), None);
}
