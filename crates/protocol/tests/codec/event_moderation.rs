//! What moderators are answered, and what the others are told.

use grandstand_protocol::{
    Answer, Code, Downlink, Event, Failure, MemberInfo, Moderated, Notice, Outcome, Restriction, RoomId,
};

use crate::frame::check_downlink;

fn room() -> RoomId {
    RoomId::from("67f0c0ffee")
}

fn one() -> Vec<String> {
    vec!["ann".to_owned()]
}

fn two() -> Vec<String> {
    vec!["ann".to_owned(), "bob".to_owned()]
}

fn reply(event: Event) -> Downlink {
    Downlink { serial: Some(1), peer: Some("tom".to_owned()), server_time: Some(9), event }
}

fn answer(restriction: Restriction, answer: Answer) -> Downlink {
    reply(Event::Moderated(Box::new(Moderated { room: room(), restriction, answer })))
}

fn push(event: Event) -> Downlink {
    Downlink { serial: None, peer: None, server_time: Some(9), event }
}

fn notice(restriction: Restriction, lifted: bool, clients: Option<Vec<String>>) -> Downlink {
    let by = "tom".to_owned();
    push(Event::Notice(Box::new(Notice { room: room(), restriction, lifted, by, clients })))
}

/// One of two.
fn partly() -> Outcome {
    let fault = Code::ConversationOperationUnauthorized.into();
    Outcome { allowed: one(), failed: vec![Failure { clients: vec!["bob".to_owned()], fault }] }
}

fn manager() -> MemberInfo {
    MemberInfo { client: "ann".to_owned(), role: "Manager".to_owned(), row: Some("5a5d".to_owned()) }
}

#[test]
fn silenced() {
    check_downlink(
        "conv-shutup-added",
        &answer(Restriction::Silence, Answer::Imposed(partly())),
        r#"
            08 01                                            ; cmd = conv
            10 b7 01                                         ; op = shutup_added
            22 03 "tom"                                      ; peerId
            28 01                                            ; i = 1
            40 02                                            ; service = 2
            48 09                                            ; serverTs = 9
            f2 06 42                                         ; convMessage, 66 bytes
              22 0a "67f0c0ffee"                             ; cid
              f2 01 03 "ann"                                 ; allowedPids
              fa 01 2d                                       ; failedPids, 45 bytes
                08 e0 21                                     ; code = 4320
                12 23 "CONVERSATION_OPERATION_UNAUTHORIZED"  ; reason
                2a 03 "bob"                                  ; pids
        "#,
        r#"{"cmd":"conv","op":"shutup-added","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","allowedPids":["ann"],"failedPids":[{"code":4320,"reason":"CONVERSATION_OPERATION_UNAUTHORIZED","pids":["bob"]}]}"#,
    );
}

#[test]
fn silence_ended() {
    check_downlink(
        "conv-shutup-removed",
        &answer(Restriction::Silence, Answer::Lifted(Outcome { allowed: one(), failed: Vec::new() })),
        r#"
            08 01                 ; cmd = conv
            10 b8 01              ; op = shutup_removed
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 12              ; convMessage, 18 bytes
              22 0a "67f0c0ffee"  ; cid
              f2 01 03 "ann"      ; allowedPids
        "#,
        r#"{"cmd":"conv","op":"shutup-removed","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","allowedPids":["ann"]}"#,
    );
}

#[test]
fn a_page_of_the_silenced() {
    check_downlink(
        "conv-shutup-result",
        &answer(Restriction::Silence, Answer::List { clients: two(), next: Some("2".to_owned()) }),
        r#"
            08 01                 ; cmd = conv
            10 b9 01              ; op = shutup_result
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 1a              ; convMessage, 26 bytes
              0a 03 "ann"         ; m
              0a 03 "bob"         ; m
              22 0a "67f0c0ffee"  ; cid
              c2 02 01 "2"        ; next
        "#,
        r#"{"cmd":"conv","op":"shutup-result","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","m":["ann","bob"],"next":"2"}"#,
    );
}

#[test]
fn blocked() {
    check_downlink(
        "blacklist-blocked",
        &answer(Restriction::Block, Answer::Imposed(partly())),
        r#"
            08 14                                            ; cmd = blacklist
            10 ac 01                                         ; op = blocked
            22 03 "tom"                                      ; peerId
            28 01                                            ; i = 1
            40 02                                            ; service = 2
            48 09                                            ; serverTs = 9
            a2 07 40                                         ; blacklistMessage, 64 bytes
              0a 0a "67f0c0ffee"                             ; srcCid
              52 03 "ann"                                    ; allowedPids
              5a 2d                                          ; failedPids, 45 bytes
                08 e0 21                                     ; code = 4320
                12 23 "CONVERSATION_OPERATION_UNAUTHORIZED"  ; reason
                2a 03 "bob"                                  ; pids
        "#,
        r#"{"cmd":"blacklist","op":"blocked","peerId":"tom","i":1,"service":2,"serverTs":9,
            "srcCid":"67f0c0ffee","allowedPids":["ann"],"failedPids":[{"code":4320,"reason":"CONVERSATION_OPERATION_UNAUTHORIZED","pids":["bob"]}]}"#,
    );
}

#[test]
fn block_ended() {
    check_downlink(
        "blacklist-unblocked",
        &answer(Restriction::Block, Answer::Lifted(Outcome { allowed: one(), failed: Vec::new() })),
        r#"
            08 14                 ; cmd = blacklist
            10 ad 01              ; op = unblocked
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            a2 07 11              ; blacklistMessage, 17 bytes
              0a 0a "67f0c0ffee"  ; srcCid
              52 03 "ann"         ; allowedPids
        "#,
        r#"{"cmd":"blacklist","op":"unblocked","peerId":"tom","i":1,"service":2,"serverTs":9,
            "srcCid":"67f0c0ffee","allowedPids":["ann"]}"#,
    );
}

#[test]
fn a_page_of_the_blocked() {
    check_downlink(
        "blacklist-query-result",
        &answer(Restriction::Block, Answer::List { clients: one(), next: None }),
        r#"
            08 14                 ; cmd = blacklist
            10 08                 ; op = query_result
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            a2 07 11              ; blacklistMessage, 17 bytes
              0a 0a "67f0c0ffee"  ; srcCid
              42 03 "ann"         ; blockedPids
        "#,
        r#"{"cmd":"blacklist","op":"query-result","peerId":"tom","i":1,"service":2,"serverTs":9,
            "srcCid":"67f0c0ffee","blockedPids":["ann"]}"#,
    );
}

#[test]
fn those_who_are_blocked() {
    check_downlink(
        "blacklist-check-result",
        &answer(Restriction::Block, Answer::Checked { clients: Vec::new() }),
        r#"
            08 14                 ; cmd = blacklist
            10 b1 01              ; op = check_result
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            a2 07 0c              ; blacklistMessage, 12 bytes
              0a 0a "67f0c0ffee"  ; srcCid
        "#,
        r#"{"cmd":"blacklist","op":"check-result","peerId":"tom","i":1,"service":2,"serverTs":9,
            "srcCid":"67f0c0ffee"}"#,
    );
}

#[test]
fn role_set() {
    check_downlink(
        "conv-member-info-updated",
        &reply(Event::RoleSet { room: room(), info: manager() }),
        r#"
            08 01                 ; cmd = conv
            10 36                 ; op = member_info_updated
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 23              ; convMessage, 35 bytes
              22 0a "67f0c0ffee"  ; cid
              d2 01 14            ; info, 20 bytes
                0a 03 "ann"       ; pid
                12 07 "Manager"   ; role
                1a 04 "5a5d"      ; infoId
        "#,
        r#"{"cmd":"conv","op":"member-info-updated","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","info":{"pid":"ann","role":"Manager","infoId":"5a5d"}}"#,
    );
}

#[test]
fn push_shutuped() {
    check_downlink(
        "conv-shutuped-push",
        &notice(Restriction::Silence, false, None),
        r#"
            08 01                 ; cmd = conv
            10 ba 01              ; op = shutuped
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 13              ; convMessage, 19 bytes
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"shutuped","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom"}"#,
    );
}

#[test]
fn push_members_shutuped() {
    check_downlink(
        "conv-members-shutuped-push",
        &notice(Restriction::Silence, false, Some(one())),
        r#"
            08 01                 ; cmd = conv
            10 bc 01              ; op = members_shutuped
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 18              ; convMessage, 24 bytes
              0a 03 "ann"         ; m
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"members-shutuped","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom","m":["ann"]}"#,
    );
}

#[test]
fn push_unshutuped() {
    check_downlink(
        "conv-unshutuped-push",
        &notice(Restriction::Silence, true, None),
        r#"
            08 01                 ; cmd = conv
            10 bb 01              ; op = unshutuped
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 13              ; convMessage, 19 bytes
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"unshutuped","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom"}"#,
    );
}

#[test]
fn push_members_unshutuped() {
    check_downlink(
        "conv-members-unshutuped-push",
        &notice(Restriction::Silence, true, Some(one())),
        r#"
            08 01                 ; cmd = conv
            10 bd 01              ; op = members_unshutuped
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 18              ; convMessage, 24 bytes
              0a 03 "ann"         ; m
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"members-unshutuped","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom","m":["ann"]}"#,
    );
}

#[test]
fn push_blocked() {
    check_downlink(
        "conv-blocked-push",
        &notice(Restriction::Block, false, None),
        r#"
            08 01                 ; cmd = conv
            10 ac 01              ; op = blocked
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 13              ; convMessage, 19 bytes
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"blocked","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom"}"#,
    );
}

#[test]
fn push_members_blocked() {
    check_downlink(
        "conv-members-blocked-push",
        &notice(Restriction::Block, false, Some(one())),
        r#"
            08 01                 ; cmd = conv
            10 ae 01              ; op = members_blocked
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 18              ; convMessage, 24 bytes
              0a 03 "ann"         ; m
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"members-blocked","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom","m":["ann"]}"#,
    );
}

#[test]
fn push_unblocked() {
    check_downlink(
        "conv-unblocked-push",
        &notice(Restriction::Block, true, None),
        r#"
            08 01                 ; cmd = conv
            10 ad 01              ; op = unblocked
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 13              ; convMessage, 19 bytes
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"unblocked","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom"}"#,
    );
}

#[test]
fn push_members_unblocked() {
    check_downlink(
        "conv-members-unblocked-push",
        &notice(Restriction::Block, true, Some(one())),
        r#"
            08 01                 ; cmd = conv
            10 af 01              ; op = members_unblocked
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 18              ; convMessage, 24 bytes
              0a 03 "ann"         ; m
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"members-unblocked","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom","m":["ann"]}"#,
    );
}

#[test]
fn push_left() {
    check_downlink(
        "conv-left-push",
        &push(Event::Left { room: room(), by: "tom".to_owned() }),
        r#"
            08 01                 ; cmd = conv
            10 27                 ; op = left
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 13              ; convMessage, 19 bytes
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              32 03 "tom"         ; initBy
        "#,
        r#"{"cmd":"conv","op":"left","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"tom"}"#,
    );
}

#[test]
fn push_role_change() {
    check_downlink(
        "conv-member-info-changed-push",
        &push(Event::RoleChanged { room: room(), by: String::new(), info: manager() }),
        r#"
            08 01                 ; cmd = conv
            10 37                 ; op = member_info_changed
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 25              ; convMessage, 37 bytes
              10 01               ; transient = true
              22 0a "67f0c0ffee"  ; cid
              d2 01 14            ; info, 20 bytes
                0a 03 "ann"       ; pid
                12 07 "Manager"   ; role
                1a 04 "5a5d"      ; infoId
        "#,
        r#"{"cmd":"conv","op":"member-info-changed","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","info":{"pid":"ann","role":"Manager","infoId":"5a5d"}}"#,
    );
}
