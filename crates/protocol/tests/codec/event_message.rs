//! Events about messages, as the server writes them.

use bytes::Bytes;
use grandstand_protocol::{
    Body, Code, Downlink, Event, Fault, Format, HistoryItem, Mentions, MessageId, Patch, Push, RoomId,
    peer_suffix,
};

use crate::{frame::check_downlink, notation};

fn reply(event: Event) -> Downlink {
    Downlink { serial: Some(1), peer: Some("tom".to_owned()), server_time: Some(9), event }
}

fn shared(event: Event) -> Downlink {
    Downlink { serial: None, peer: None, server_time: Some(9), event }
}

fn binary() -> Body {
    Body::Binary(Bytes::from_static(&[0, 0xff, 0x10]))
}

fn plain(body: Body) -> Push {
    Push {
        room: RoomId::from("67f0c0ffee"),
        message: MessageId::from("m1"),
        timestamp: 1_763_000_000_123,
        from: "ann".to_owned(),
        body,
        transient: false,
        mentions: Mentions::default(),
        patched_at: None,
    }
}

#[test]
fn ack_of_an_accepted_message() {
    check_downlink(
        "ack",
        &reply(Event::Accepted { message: MessageId::from("m1"), timestamp: 1_763_000_000_123 }),
        r#"
            08 03                   ; cmd = ack
            22 03 "tom"             ; peerId
            28 01                   ; i = 1
            40 02                   ; service = 2
            48 09                   ; serverTs = 9
            ca 06 0b                ; ackMessage, 11 bytes
              28 fb bc f4 d7 a7 33  ; t = 1763000000123
              32 02 "m1"            ; uid
        "#,
        r#"{"cmd":"ack","peerId":"tom","i":1,"service":2,"serverTs":9,"uid":"m1","t":1763000000123}"#,
    );
}

#[test]
fn ack_of_a_refused_message() {
    let fault = Fault {
        app_code: Some(7),
        app_message: Some("rude".to_owned()),
        ..Fault::from(Code::MessageRejectedByApp)
    };
    check_downlink(
        "ack-refused",
        &reply(Event::Refused { fault }),
        r#"
            08 03                              ; cmd = ack
            22 03 "tom"                        ; peerId
            28 01                              ; i = 1
            40 02                              ; service = 2
            48 09                              ; serverTs = 9
            ca 06 24                           ; ackMessage, 36 bytes
              08 b2 22                         ; code = 4402
              12 17 "MESSAGE_REJECTED_BY_APP"  ; reason
              58 07                            ; appCode = 7
              62 04 "rude"                     ; appMsg
        "#,
        r#"{"cmd":"ack","peerId":"tom","i":1,"service":2,"serverTs":9,
            "code":4402,"reason":"MESSAGE_REJECTED_BY_APP","appCode":7,"appMsg":"rude"}"#,
    );
}

#[test]
fn ack_of_an_ack() {
    check_downlink(
        "ack-received",
        &Downlink { serial: Some(1), peer: None, server_time: None, event: Event::AckReceived },
        r#"
            08 03     ; cmd = ack
            28 01     ; i = 1
            40 02     ; service = 2
            ca 06 00  ; ackMessage, 0 bytes
        "#,
        r#"{"cmd":"ack","i":1,"service":2}"#,
    );
}

#[test]
fn direct_with_text() {
    check_downlink(
        "direct",
        &shared(Event::Message(Box::new(plain(Body::Text("{\"_lctype\":-1}".to_owned()))))),
        r#"
            08 02                     ; cmd = direct
            40 02                     ; service = 2
            48 09                     ; serverTs = 9
            c2 06 2f                  ; directMessage, 47 bytes
              0a 0e '{"_lctype":-1}'  ; msg
              1a 03 "ann"             ; fromPeerId
              20 fb bc f4 d7 a7 33    ; timestamp = 1763000000123
              5a 0a "67f0c0ffee"      ; cid
              62 02 "m1"              ; id
              b0 01 02                ; convType = 2
        "#,
        r#"{"cmd":"direct","service":2,"serverTs":9,"cid":"67f0c0ffee","id":"m1","fromPeerId":"ann",
            "timestamp":1763000000123,"msg":"{\"_lctype\":-1}","convType":2}"#,
    );
}

#[test]
fn direct_with_everything_for_one_peer() {
    let push = Push {
        transient: true,
        mentions: Mentions { all: true, clients: vec!["tom".to_owned()] },
        patched_at: Some(1_763_000_000_999),
        ..plain(binary())
    };
    let event = Event::Message(Box::new(push));
    check_downlink(
        "direct-binary",
        &Downlink { peer: Some("tom".to_owned()), ..shared(event) },
        r#"
            08 02                      ; cmd = direct
            22 03 "tom"                ; peerId
            40 02                      ; service = 2
            48 09                      ; serverTs = 9
            c2 06 38                   ; directMessage, 56 bytes
              1a 03 "ann"              ; fromPeerId
              20 fb bc f4 d7 a7 33     ; timestamp = 1763000000123
              5a 0a "67f0c0ffee"       ; cid
              62 02 "m1"               ; id
              68 01                    ; transient = true
              90 01 e7 c3 f4 d7 a7 33  ; patchTimestamp = 1763000000999
              9a 01 03 00 ff 10        ; binaryMsg
              a2 01 03 "tom"           ; mentionPids
              a8 01 01                 ; mentionAll = true
              b0 01 02                 ; convType = 2
        "#,
        r#"{"cmd":"direct","peerId":"tom","service":2,"serverTs":9,"cid":"67f0c0ffee","id":"m1","fromPeerId":"ann",
            "timestamp":1763000000123,"transient":true,"patchTimestamp":1763000000999,"msg":"AP8Q","bin":true,
            "mentionPids":["tom"],"mentionAll":true,"convType":2}"#,
    );
}

#[test]
fn the_peer_may_stand_at_the_end_of_a_push() {
    let push = shared(Event::Message(Box::new(plain(Body::Text("hi".to_owned())))));
    let suffix = peer_suffix("tom");
    assert_eq!(suffix, notation::bytes(r#"22 03 "tom" ; peerId"#));
    let frame = [push.encode(Format::Binary).payload, suffix].concat();
    let expected = Downlink { peer: Some("tom".to_owned()), ..push };
    assert_eq!(Downlink::decode(Format::Binary, &frame), Ok(expected));
}

fn edit(body: Body) -> Patch {
    Patch {
        room: RoomId::from("67f0c0ffee"),
        message: MessageId::from("m1"),
        timestamp: 1_763_000_000_123,
        from: "ann".to_owned(),
        patched_at: 1_763_000_000_999,
        recall: false,
        body,
        mentions: Mentions::default(),
        code: None,
        reason: None,
    }
}

#[test]
fn patch_modify_of_the_word_filter() {
    let patch = Patch {
        mentions: Mentions { all: true, clients: vec!["tom".to_owned()] },
        code: Some(-4408),
        reason: Some("censored".to_owned()),
        ..edit(Body::Text("***".to_owned()))
    };
    check_downlink(
        "patch-modify",
        &shared(Event::Patched(Box::new(patch))),
        r#"
            08 12                                 ; cmd = patch
            10 96 01                              ; op = modify
            40 02                                 ; service = 2
            48 09                                 ; serverTs = 9
            92 07 46                              ; patchMessage, 70 bytes
              0a 44                               ; patches, 68 bytes
                0a 0a "67f0c0ffee"                ; cid
                12 02 "m1"                        ; mid
                18 fb bc f4 d7 a7 33              ; timestamp = 1763000000123
                2a 03 "***"                       ; data
                30 e7 c3 f4 d7 a7 33              ; patchTimestamp = 1763000000999
                3a 03 "ann"                       ; from
                48 01                             ; mentionAll = true
                52 03 "tom"                       ; mentionPids
                58 c8 dd ff ff ff ff ff ff ff 01  ; patchCode = -4408
                62 08 "censored"                  ; patchReason
        "#,
        r#"{"cmd":"patch","op":"modify","service":2,"serverTs":9,"patches":[
            {"cid":"67f0c0ffee","mid":"m1","timestamp":1763000000123,"data":"***",
             "patchTimestamp":1763000000999,"from":"ann","mentionAll":true,"mentionPids":["tom"],
             "patchCode":-4408,"patchReason":"censored"}]}"#,
    );
}

#[test]
fn patch_modify_of_a_recall() {
    let patch = Patch { recall: true, ..edit(Body::Text(r#"{"_lctype":-127}"#.to_owned())) };
    check_downlink(
        "patch-modify-recall",
        &shared(Event::Patched(Box::new(patch))),
        r#"
            08 12                         ; cmd = patch
            10 96 01                      ; op = modify
            40 02                         ; service = 2
            48 09                         ; serverTs = 9
            92 07 39                      ; patchMessage, 57 bytes
              0a 37                       ; patches, 55 bytes
                0a 0a "67f0c0ffee"        ; cid
                12 02 "m1"                ; mid
                18 fb bc f4 d7 a7 33      ; timestamp = 1763000000123
                20 01                     ; recall = true
                2a 10 '{"_lctype":-127}'  ; data
                30 e7 c3 f4 d7 a7 33      ; patchTimestamp = 1763000000999
                3a 03 "ann"               ; from
        "#,
        r#"{"cmd":"patch","op":"modify","service":2,"serverTs":9,"patches":[
            {"cid":"67f0c0ffee","mid":"m1","timestamp":1763000000123,"recall":true,
             "data":"{\"_lctype\":-127}","patchTimestamp":1763000000999,"from":"ann"}]}"#,
    );
}

#[test]
fn patch_modify_with_a_binary_body() {
    check_downlink(
        "patch-modify-binary",
        &shared(Event::Patched(Box::new(edit(binary())))),
        r#"
            08 12                     ; cmd = patch
            10 96 01                  ; op = modify
            40 02                     ; service = 2
            48 09                     ; serverTs = 9
            92 07 2a                  ; patchMessage, 42 bytes
              0a 28                   ; patches, 40 bytes
                0a 0a "67f0c0ffee"    ; cid
                12 02 "m1"            ; mid
                18 fb bc f4 d7 a7 33  ; timestamp = 1763000000123
                30 e7 c3 f4 d7 a7 33  ; patchTimestamp = 1763000000999
                3a 03 "ann"           ; from
                42 03 00 ff 10        ; binaryMsg
        "#,
        r#"{"cmd":"patch","op":"modify","service":2,"serverTs":9,"patches":[
            {"cid":"67f0c0ffee","mid":"m1","timestamp":1763000000123,"patchTimestamp":1763000000999,
             "from":"ann","data":"AP8Q","bin":true}]}"#,
    );
}

#[test]
fn patch_modified() {
    check_downlink(
        "patch-modified",
        &reply(Event::Modified { time: 1_763_000_000_999 }),
        r#"
            08 12                   ; cmd = patch
            10 97 01                ; op = modified
            22 03 "tom"             ; peerId
            28 01                   ; i = 1
            40 02                   ; service = 2
            48 09                   ; serverTs = 9
            92 07 07                ; patchMessage, 7 bytes
              10 e7 c3 f4 d7 a7 33  ; lastPatchTime = 1763000000999
        "#,
        r#"{"cmd":"patch","op":"modified","peerId":"tom","i":1,"service":2,"serverTs":9,
            "lastPatchTime":1763000000999}"#,
    );
}

#[test]
fn logs() {
    let text = HistoryItem {
        message: MessageId::from("m1"),
        timestamp: 1_763_000_000_123,
        from: "ann".to_owned(),
        body: Body::Text("hi".to_owned()),
        patched_at: Some(1_763_000_000_999),
        mentions: Mentions { all: true, clients: vec!["tom".to_owned()] },
    };
    let bytes =
        HistoryItem { body: binary(), patched_at: None, mentions: Mentions::default(), ..text.clone() };
    check_downlink(
        "logs",
        &reply(Event::History { items: vec![text, bytes] }),
        r#"
            08 06                     ; cmd = logs
            22 03 "tom"               ; peerId
            28 01                     ; i = 1
            40 02                     ; service = 2
            48 09                     ; serverTs = 9
            ea 06 44                  ; logsMessage, 68 bytes
              ca 06 24                ; logs, 36 bytes
                0a 03 "ann"           ; from
                12 02 "hi"            ; data
                18 fb bc f4 d7 a7 33  ; timestamp = 1763000000123
                22 02 "m1"            ; msgId
                38 e7 c3 f4 d7 a7 33  ; patchTimestamp = 1763000000999
                40 01                 ; mentionAll = true
                4a 03 "tom"           ; mentionPids
                58 02                 ; convType = 2
              ca 06 1a                ; logs, 26 bytes
                0a 03 "ann"           ; from
                12 04 "AP8Q"          ; data
                18 fb bc f4 d7 a7 33  ; timestamp = 1763000000123
                22 02 "m1"            ; msgId
                50 01                 ; bin = true
                58 02                 ; convType = 2
        "#,
        r#"{"cmd":"logs","peerId":"tom","i":1,"service":2,"serverTs":9,"logs":[
            {"msgId":"m1","from":"ann","timestamp":1763000000123,"data":"hi","patchTimestamp":1763000000999,
             "mentionAll":true,"mentionPids":["tom"],"convType":2},
            {"msgId":"m1","from":"ann","timestamp":1763000000123,"data":"AP8Q","bin":true,"convType":2}]}"#,
    );
}

#[test]
fn logs_without_messages() {
    check_downlink(
        "logs-empty",
        &reply(Event::History { items: Vec::new() }),
        r#"
            08 06        ; cmd = logs
            22 03 "tom"  ; peerId
            28 01        ; i = 1
            40 02        ; service = 2
            48 09        ; serverTs = 9
            ea 06 00     ; logsMessage, 0 bytes
        "#,
        r#"{"cmd":"logs","peerId":"tom","i":1,"service":2,"serverTs":9,"logs":[]}"#,
    );
}

#[test]
fn read_in_answer_to_a_read() {
    check_downlink(
        "read",
        &Downlink { serial: Some(-5), peer: None, server_time: None, event: Event::ReadReceived },
        r#"
            08 0b                             ; cmd = read
            28 fb ff ff ff ff ff ff ff ff 01  ; i = -5
            40 02                             ; service = 2
        "#,
        r#"{"cmd":"read","i":-5,"service":2}"#,
    );
}
