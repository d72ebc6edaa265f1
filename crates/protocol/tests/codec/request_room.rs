//! Commands about rooms, as clients write them.

use grandstand_protocol::{Command, ConversationQuery, Request, RoomId, Signature, StartConversation};

use crate::frame::check_request;

fn request(serial: i32, command: Command) -> Request {
    Request { app: None, peer: Some("tom".to_owned()), serial: Some(serial), command }
}

fn room() -> RoomId {
    RoomId::from("67f0c0ffee")
}

fn signature() -> Option<Signature> {
    Some(Signature { signature: "6e1f".to_owned(), timestamp: 1_763_000_000, nonce: "n".to_owned() })
}

#[test]
fn conv_start() {
    let start = StartConversation {
        transient: true,
        unique: true,
        members: vec!["tom".to_owned()],
        attributes: Some(r#"{"name":"match"}"#.to_owned()),
        signature: signature(),
        ..StartConversation::default()
    };
    check_request(
        "conv-start",
        &request(1, Command::Start(Box::new(start))),
        r#"
            08 01                         ; cmd = conv
            10 1e                         ; op = start
            22 03 "tom"                   ; peerId
            28 01                         ; i = 1
            f2 06 2d                      ; convMessage, 45 bytes
              0a 03 "tom"                 ; m
              10 01                       ; transient = true
              18 01                       ; unique = true
              68 c0 fd d4 c8 06           ; t = 1763000000
              72 01 "n"                   ; n
              7a 04 "6e1f"                ; s
              ba 06 12                    ; attr, 18 bytes
                0a 10 '{"name":"match"}'  ; data
        "#,
        r#"{"cmd":"conv","op":"start","peerId":"tom","i":1,"m":["tom"],"transient":true,"unique":true,
            "attr":{"name":"match"},"s":"6e1f","t":1763000000,"n":"n"}"#,
    );
}

#[test]
fn conv_start_of_a_temporary_conversation() {
    let start = StartConversation { temporary: true, ..StartConversation::default() };
    check_request(
        "conv-start-temporary",
        &request(2, Command::Start(Box::new(start))),
        r#"
            08 01        ; cmd = conv
            10 1e        ; op = start
            22 03 "tom"  ; peerId
            28 02        ; i = 2
            f2 06 03     ; convMessage, 3 bytes
              d8 01 01   ; tempConv = true
        "#,
        r#"{"cmd":"conv","op":"start","peerId":"tom","i":2,"tempConv":true}"#,
    );
}

#[test]
fn conv_add_is_a_join() {
    check_request(
        "conv-add",
        &request(3, Command::Join { room: room(), members: vec!["tom".to_owned()], signature: signature() }),
        r#"
            08 01                 ; cmd = conv
            10 02                 ; op = add
            22 03 "tom"           ; peerId
            28 03                 ; i = 3
            f2 06 20              ; convMessage, 32 bytes
              0a 03 "tom"         ; m
              22 0a "67f0c0ffee"  ; cid
              68 c0 fd d4 c8 06   ; t = 1763000000
              72 01 "n"           ; n
              7a 04 "6e1f"        ; s
        "#,
        r#"{"cmd":"conv","op":"add","peerId":"tom","i":3,"cid":"67f0c0ffee","m":["tom"],
            "s":"6e1f","t":1763000000,"n":"n"}"#,
    );
}

#[test]
fn conv_remove_is_a_quit() {
    check_request(
        "conv-remove",
        &request(4, Command::Quit { room: room(), members: vec!["tom".to_owned()], signature: None }),
        r#"
            08 01                 ; cmd = conv
            10 03                 ; op = remove
            22 03 "tom"           ; peerId
            28 04                 ; i = 4
            f2 06 11              ; convMessage, 17 bytes
              0a 03 "tom"         ; m
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"remove","peerId":"tom","i":4,"cid":"67f0c0ffee","m":["tom"]}"#,
    );
}

#[test]
fn conv_query() {
    let query = ConversationQuery {
        filter: Some(r#"{"tr":true,"attr.score":{"$gte":1.5}}"#.to_owned()),
        sort: Some("-lm,createdAt".to_owned()),
        limit: Some(10),
        skip: Some(0),
        flag: Some(0),
        temporary_ids: Vec::new(),
        count: true,
    };
    check_request(
        "conv-query",
        &request(5, Command::Query(Box::new(query))),
        r#"
            08 01                                              ; cmd = conv
            10 07                                              ; op = query
            22 03 "tom"                                        ; peerId
            28 05                                              ; i = 5
            f2 06 41                                           ; convMessage, 65 bytes
              3a 0d "-lm,createdAt"                            ; sort
              40 0a                                            ; limit = 10
              48 00                                            ; skip = 0
              50 00                                            ; flag = 0
              58 01                                            ; count = 1
              aa 06 27                                         ; where, 39 bytes
                0a 25 '{"tr":true,"attr.score":{"$gte":1.5}}'  ; data
        "#,
        r#"{"cmd":"conv","op":"query","peerId":"tom","i":5,"where":{"tr":true,"attr.score":{"$gte":1.5}},
            "sort":"-lm,createdAt","limit":10,"skip":0,"flag":0,"count":1}"#,
    );
}

#[test]
fn conv_query_of_temporary_conversations() {
    let query =
        ConversationQuery { temporary_ids: vec!["_tmp:1".to_owned()], ..ConversationQuery::default() };
    check_request(
        "conv-query-temporary",
        &request(6, Command::Query(Box::new(query))),
        r#"
            08 01                ; cmd = conv
            10 07                ; op = query
            22 03 "tom"          ; peerId
            28 06                ; i = 6
            f2 06 09             ; convMessage, 9 bytes
              ea 01 06 "_tmp:1"  ; tempConvIds
        "#,
        r#"{"cmd":"conv","op":"query","peerId":"tom","i":6,"tempConvIds":["_tmp:1"]}"#,
    );
}

#[test]
fn conv_count() {
    check_request(
        "conv-count",
        &request(7, Command::Count { room: room() }),
        r#"
            08 01                 ; cmd = conv
            10 2b                 ; op = count
            22 03 "tom"           ; peerId
            28 07                 ; i = 7
            f2 06 0c              ; convMessage, 12 bytes
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"count","peerId":"tom","i":7,"cid":"67f0c0ffee"}"#,
    );
}

#[test]
fn conv_members() {
    check_request(
        "conv-members",
        &request(8, Command::Members { room: room(), limit: Some(50) }),
        r#"
            08 01                 ; cmd = conv
            10 32                 ; op = members
            22 03 "tom"           ; peerId
            28 08                 ; i = 8
            f2 06 0e              ; convMessage, 14 bytes
              22 0a "67f0c0ffee"  ; cid
              40 32               ; limit = 50
        "#,
        r#"{"cmd":"conv","op":"members","peerId":"tom","i":8,"cid":"67f0c0ffee","limit":50}"#,
    );
}

#[test]
fn conv_is_member() {
    check_request(
        "conv-is-member",
        &request(9, Command::IsMember { rooms: vec![room(), RoomId::from("b")] }),
        r#"
            08 01                    ; cmd = conv
            10 34                    ; op = is_member
            22 03 "tom"              ; peerId
            28 09                    ; i = 9
            f2 06 11                 ; convMessage, 17 bytes
              ca 01 0a "67f0c0ffee"  ; cids
              ca 01 01 "b"           ; cids
        "#,
        r#"{"cmd":"conv","op":"is-member","peerId":"tom","i":9,"cids":["67f0c0ffee","b"]}"#,
    );
}

#[test]
fn conv_update() {
    let attributes = r#"{"attr.topic":"final","attr.old":{"__op":"Delete"}}"#.to_owned();
    check_request(
        "conv-update",
        &request(10, Command::Update { room: room(), attributes }),
        r#"
            08 01                                                         ; cmd = conv
            10 2d                                                         ; op = update
            22 03 "tom"                                                   ; peerId
            28 0a                                                         ; i = 10
            f2 06 44                                                      ; convMessage, 68 bytes
              22 0a "67f0c0ffee"                                          ; cid
              ba 06 35                                                    ; attr, 53 bytes
                0a 33 '{"attr.topic":"final","attr.old":{"__op":"Delete"}}'  ; data
        "#,
        r#"{"cmd":"conv","op":"update","peerId":"tom","i":10,"cid":"67f0c0ffee",
            "attr":{"attr.topic":"final","attr.old":{"__op":"Delete"}}}"#,
    );
}

#[test]
fn conv_mute() {
    check_request(
        "conv-mute",
        &request(11, Command::Mute { room: room() }),
        r#"
            08 01                 ; cmd = conv
            10 2f                 ; op = mute
            22 03 "tom"           ; peerId
            28 0b                 ; i = 11
            f2 06 0c              ; convMessage, 12 bytes
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"mute","peerId":"tom","i":11,"cid":"67f0c0ffee"}"#,
    );
}

#[test]
fn conv_max_read() {
    check_request(
        "conv-max-read",
        &request(12, Command::MaxRead { room: room() }),
        r#"
            08 01                 ; cmd = conv
            10 33                 ; op = max_read
            22 03 "tom"           ; peerId
            28 0c                 ; i = 12
            f2 06 0c              ; convMessage, 12 bytes
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"max-read","peerId":"tom","i":12,"cid":"67f0c0ffee"}"#,
    );
}
