//! What moderators write: silence, blocks, roles.

use grandstand_protocol::{Ask, Command, Moderate, Request, Restriction, RoomId, Signature};

use crate::frame::check_request;

fn room() -> RoomId {
    RoomId::from("67f0c0ffee")
}

fn one() -> Vec<String> {
    vec!["ann".to_owned()]
}

fn two() -> Vec<String> {
    vec!["ann".to_owned(), "bob".to_owned()]
}

fn signature() -> Option<Signature> {
    Some(Signature { signature: "6e1f".to_owned(), timestamp: 7, nonce: "n".to_owned() })
}

fn request(command: Command) -> Request {
    Request { app: None, peer: Some("tom".to_owned()), serial: Some(1), command }
}

fn ask(restriction: Restriction, ask: Ask) -> Request {
    request(Command::Moderate(Box::new(Moderate { room: room(), restriction, ask })))
}

#[test]
fn silence() {
    check_request(
        "conv-add-shutup",
        &ask(Restriction::Silence, Ask::Impose { clients: two(), signature: None }),
        r#"
            08 01                 ; cmd = conv
            10 b4 01              ; op = add_shutup
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            f2 06 16              ; convMessage, 22 bytes
              0a 03 "ann"         ; m
              0a 03 "bob"         ; m
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"add-shutup","peerId":"tom","i":1,"cid":"67f0c0ffee","m":["ann","bob"]}"#,
    );
}

#[test]
fn end_silence() {
    check_request(
        "conv-remove-shutup",
        &ask(Restriction::Silence, Ask::Lift { clients: two(), signature: None }),
        r#"
            08 01                 ; cmd = conv
            10 b5 01              ; op = remove_shutup
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            f2 06 16              ; convMessage, 22 bytes
              0a 03 "ann"         ; m
              0a 03 "bob"         ; m
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"remove-shutup","peerId":"tom","i":1,"cid":"67f0c0ffee","m":["ann","bob"]}"#,
    );
}

#[test]
fn who_is_silenced() {
    check_request(
        "conv-query-shutup",
        &ask(Restriction::Silence, Ask::List { limit: Some(50), next: Some("100".to_owned()) }),
        r#"
            08 01                 ; cmd = conv
            10 b6 01              ; op = query_shutup
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            f2 06 14              ; convMessage, 20 bytes
              22 0a "67f0c0ffee"  ; cid
              40 32               ; limit = 50
              c2 02 03 "100"      ; next
        "#,
        r#"{"cmd":"conv","op":"query-shutup","peerId":"tom","i":1,"cid":"67f0c0ffee","limit":50,"next":"100"}"#,
    );
}

#[test]
fn is_somebody_silenced() {
    check_request(
        "conv-check-shutup",
        &ask(Restriction::Silence, Ask::Check { clients: one() }),
        r#"
            08 01                 ; cmd = conv
            10 be 01              ; op = check_shutup
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            f2 06 11              ; convMessage, 17 bytes
              0a 03 "ann"         ; m
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"check-shutup","peerId":"tom","i":1,"cid":"67f0c0ffee","m":["ann"]}"#,
    );
}

#[test]
fn block() {
    check_request(
        "blacklist-block",
        &ask(Restriction::Block, Ask::Impose { clients: two(), signature: signature() }),
        r#"
            08 14                 ; cmd = blacklist
            10 aa 01              ; op = block
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            a2 07 21              ; blacklistMessage, 33 bytes
              0a 0a "67f0c0ffee"  ; srcCid
              12 03 "ann"         ; toPids
              12 03 "bob"         ; toPids
              60 07               ; t = 7
              6a 01 "n"           ; n
              72 04 "6e1f"        ; s
        "#,
        r#"{"cmd":"blacklist","op":"block","peerId":"tom","i":1,
            "srcCid":"67f0c0ffee","toPids":["ann","bob"],"s":"6e1f","t":7,"n":"n"}"#,
    );
}

#[test]
fn end_a_block() {
    check_request(
        "blacklist-unblock",
        &ask(Restriction::Block, Ask::Lift { clients: one(), signature: signature() }),
        r#"
            08 14                 ; cmd = blacklist
            10 ab 01              ; op = unblock
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            a2 07 1c              ; blacklistMessage, 28 bytes
              0a 0a "67f0c0ffee"  ; srcCid
              12 03 "ann"         ; toPids
              60 07               ; t = 7
              6a 01 "n"           ; n
              72 04 "6e1f"        ; s
        "#,
        r#"{"cmd":"blacklist","op":"unblock","peerId":"tom","i":1,
            "srcCid":"67f0c0ffee","toPids":["ann"],"s":"6e1f","t":7,"n":"n"}"#,
    );
}

#[test]
fn who_is_blocked() {
    check_request(
        "blacklist-query",
        &ask(Restriction::Block, Ask::List { limit: Some(10), next: None }),
        r#"
            08 14                 ; cmd = blacklist
            10 07                 ; op = query
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            a2 07 0e              ; blacklistMessage, 14 bytes
              0a 0a "67f0c0ffee"  ; srcCid
              28 0a               ; limit = 10
        "#,
        r#"{"cmd":"blacklist","op":"query","peerId":"tom","i":1,"srcCid":"67f0c0ffee","limit":10}"#,
    );
}

#[test]
fn is_somebody_blocked() {
    check_request(
        "blacklist-check-block",
        &ask(Restriction::Block, Ask::Check { clients: one() }),
        r#"
            08 14                 ; cmd = blacklist
            10 b0 01              ; op = check_block
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            a2 07 11              ; blacklistMessage, 17 bytes
              0a 0a "67f0c0ffee"  ; srcCid
              12 03 "ann"         ; toPids
        "#,
        r#"{"cmd":"blacklist","op":"check-block","peerId":"tom","i":1,"srcCid":"67f0c0ffee","toPids":["ann"]}"#,
    );
}

#[test]
fn set_a_role() {
    check_request(
        "conv-member-info-update",
        &request(Command::SetRole { room: room(), client: "ann".to_owned(), role: "Manager".to_owned() }),
        r#"
            08 01                 ; cmd = conv
            10 35                 ; op = member_info_update
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            f2 06 23              ; convMessage, 35 bytes
              22 0a "67f0c0ffee"  ; cid
              a2 01 03 "ann"      ; targetClientId
              d2 01 0e            ; info, 14 bytes
                0a 03 "ann"       ; pid
                12 07 "Manager"   ; role
        "#,
        r#"{"cmd":"conv","op":"member-info-update","peerId":"tom","i":1,
            "cid":"67f0c0ffee","targetClientId":"ann","info":{"pid":"ann","role":"Manager"}}"#,
    );
}
