//! Commands about messages, as clients write them.

use bytes::Bytes;
use grandstand_protocol::{
    Body, Bound, Command, Direction, HistoryRequest, Level, Mentions, MessageId, PatchRequest, Request,
    RoomId, Send,
};

use crate::frame::check_request;

fn request(serial: Option<i32>, command: Command) -> Request {
    Request { app: None, peer: None, serial, command }
}

fn room() -> RoomId {
    RoomId::from("67f0c0ffee")
}

fn plain(body: Body) -> Send {
    Send {
        room: room(),
        body,
        level: None,
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    }
}

#[test]
fn direct_with_everything() {
    let send = Send {
        level: Some(Level::High),
        transient: true,
        will: true,
        dedupe: Some("d1".to_owned()),
        push_data: Some(r#"{"alert":"hi"}"#.to_owned()),
        mentions: Mentions { all: true, clients: vec!["ann".to_owned(), "bob".to_owned()] },
        ..plain(Body::Text(r#"{"_lctype":-1,"_lctext":"hi"}"#.to_owned()))
    };
    check_request(
        "direct",
        &request(Some(1), Command::Send(Box::new(send))),
        r#"
            08 02                                    ; cmd = direct
            28 01                                    ; i = 1
            38 01                                    ; priority = 1
            c2 06 54                                 ; directMessage, 84 bytes
              0a 1d '{"_lctype":-1,"_lctext":"hi"}'  ; msg
              5a 0a "67f0c0ffee"                     ; cid
              68 01                                  ; transient = true
              72 02 "d1"                             ; dt
              82 01 0e '{"alert":"hi"}'              ; pushData
              88 01 01                               ; will = true
              a2 01 03 "ann"                         ; mentionPids
              a2 01 03 "bob"                         ; mentionPids
              a8 01 01                               ; mentionAll = true
        "#,
        r#"{"cmd":"direct","i":1,"level":1,"cid":"67f0c0ffee","msg":"{\"_lctype\":-1,\"_lctext\":\"hi\"}",
            "transient":true,"will":true,"dt":"d1","pushData":"{\"alert\":\"hi\"}",
            "mentionAll":true,"mentionPids":["ann","bob"]}"#,
    );
}

#[test]
fn direct_with_a_binary_body() {
    let body = Body::Binary(Bytes::from_static(&[0, 0xff, 0x10]));
    check_request(
        "direct-binary",
        &request(Some(2), Command::Send(Box::new(Send { level: Some(Level::Low), ..plain(body) }))),
        r#"
            08 02                 ; cmd = direct
            28 02                 ; i = 2
            38 03                 ; priority = 3
            c2 06 12              ; directMessage, 18 bytes
              5a 0a "67f0c0ffee"  ; cid
              9a 01 03 00 ff 10   ; binaryMsg
        "#,
        r#"{"cmd":"direct","i":2,"level":3,"cid":"67f0c0ffee","binaryMsg":"AP8Q"}"#,
    );
}

#[test]
fn direct_with_an_empty_body_and_no_serial() {
    check_request(
        "direct-empty",
        &request(None, Command::Send(Box::new(plain(Body::default())))),
        r#"
            08 02                 ; cmd = direct
            c2 06 0e              ; directMessage, 14 bytes
              0a 00               ; msg
              5a 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"direct","cid":"67f0c0ffee","msg":""}"#,
    );
}

#[test]
fn ack_of_a_delivery() {
    check_request(
        "ack",
        &request(Some(3), Command::DeliveryAck),
        r#"
            08 03     ; cmd = ack
            28 03     ; i = 3
            ca 06 00  ; ackMessage, 0 bytes
        "#,
        r#"{"cmd":"ack","i":3}"#,
    );
}

#[test]
fn patch_modify_and_recall() {
    let edit = PatchRequest {
        room: room(),
        message: MessageId::from("m1"),
        timestamp: 1_763_000_000_123,
        recall: false,
        body: Some(Body::Text("new".to_owned())),
        mentions: Mentions { all: true, clients: vec!["ann".to_owned()] },
    };
    let recall = PatchRequest { recall: true, body: None, mentions: Mentions::default(), ..edit.clone() };
    check_request(
        "patch-modify",
        &request(Some(4), Command::Modify { patches: vec![edit, recall] }),
        r#"
            08 12                     ; cmd = patch
            10 96 01                  ; op = modify
            28 04                     ; i = 4
            92 07 40                  ; patchMessage, 64 bytes
              0a 23                   ; patches, 35 bytes
                0a 0a "67f0c0ffee"    ; cid
                12 02 "m1"            ; mid
                18 fb bc f4 d7 a7 33  ; timestamp = 1763000000123
                2a 03 "new"           ; data
                48 01                 ; mentionAll = true
                52 03 "ann"           ; mentionPids
              0a 19                   ; patches, 25 bytes
                0a 0a "67f0c0ffee"    ; cid
                12 02 "m1"            ; mid
                18 fb bc f4 d7 a7 33  ; timestamp = 1763000000123
                20 01                 ; recall = true
        "#,
        r#"{"cmd":"patch","op":"modify","i":4,"patches":[
            {"cid":"67f0c0ffee","mid":"m1","timestamp":1763000000123,"data":"new",
             "mentionAll":true,"mentionPids":["ann"]},
            {"cid":"67f0c0ffee","mid":"m1","timestamp":1763000000123,"recall":true}]}"#,
    );
}

#[test]
fn patch_modify_with_a_binary_body() {
    let edit = PatchRequest {
        room: room(),
        message: MessageId::from("m1"),
        timestamp: 1,
        recall: false,
        body: Some(Body::Binary(Bytes::from_static(&[0, 0xff, 0x10]))),
        mentions: Mentions::default(),
    };
    check_request(
        "patch-modify-binary",
        &request(Some(5), Command::Modify { patches: vec![edit] }),
        r#"
            08 12                   ; cmd = patch
            10 96 01                ; op = modify
            28 05                   ; i = 5
            92 07 19                ; patchMessage, 25 bytes
              0a 17                 ; patches, 23 bytes
                0a 0a "67f0c0ffee"  ; cid
                12 02 "m1"          ; mid
                18 01               ; timestamp = 1
                42 03 00 ff 10      ; binaryMsg
        "#,
        r#"{"cmd":"patch","op":"modify","i":5,"patches":[
            {"cid":"67f0c0ffee","mid":"m1","timestamp":1,"binaryMsg":"AP8Q"}]}"#,
    );
}

#[test]
fn patch_modified_confirms_a_push() {
    check_request(
        "patch-modified",
        &request(None, Command::PatchAck),
        r#"
            08 12     ; cmd = patch
            10 97 01  ; op = modified
            92 07 00  ; patchMessage, 0 bytes
        "#,
        r#"{"cmd":"patch","op":"modified"}"#,
    );
}

#[test]
fn logs_from_the_newest() {
    let history = HistoryRequest {
        room: room(),
        limit: Some(20),
        start: Bound::default(),
        end: Bound::default(),
        direction: Direction::Old,
        lctype: None,
    };
    check_request(
        "logs",
        &request(Some(6), Command::History(Box::new(history))),
        r#"
            08 06                 ; cmd = logs
            28 06                 ; i = 6
            ea 06 0e              ; logsMessage, 14 bytes
              0a 0a "67f0c0ffee"  ; cid
              18 14               ; limit = 20
        "#,
        r#"{"cmd":"logs","i":6,"cid":"67f0c0ffee","limit":20}"#,
    );
}

#[test]
fn logs_between_two_messages() {
    let bound = |timestamp, message: &str, included| Bound {
        timestamp: Some(timestamp),
        message: Some(MessageId::from(message)),
        included,
    };
    let history = HistoryRequest {
        room: room(),
        limit: None,
        start: bound(1_763_000_000_000, "m1", true),
        end: bound(1_763_000_009_000, "m9", false),
        direction: Direction::New,
        lctype: Some(-1),
    };
    check_request(
        "logs-between",
        &request(Some(7), Command::History(Box::new(history))),
        r#"
            08 06                               ; cmd = logs
            28 07                               ; i = 7
            ea 06 31                            ; logsMessage, 49 bytes
              0a 0a "67f0c0ffee"                ; cid
              20 80 bc f4 d7 a7 33              ; t = 1763000000000
              28 a8 82 f5 d7 a7 33              ; tt = 1763000009000
              32 02 "m9"                        ; tmid
              3a 02 "m1"                        ; mid
              50 02                             ; direction = NEW
              58 01                             ; tIncluded = true
              68 ff ff ff ff ff ff ff ff ff 01  ; lctype = -1
        "#,
        r#"{"cmd":"logs","i":7,"cid":"67f0c0ffee","t":1763000000000,"mid":"m1","tIncluded":true,
            "tt":1763000009000,"tmid":"m9","direction":"NEW","lctype":-1}"#,
    );
}

#[test]
fn read_of_all() {
    check_request(
        "read",
        &request(Some(8), Command::Read),
        r#"
            08 0b  ; cmd = read
            28 08  ; i = 8
        "#,
        r#"{"cmd":"read","i":8}"#,
    );
}
