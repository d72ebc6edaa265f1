//! Events about rooms, as the server writes them.

use grandstand_protocol::{Change, Downlink, Event, RoomId};

use crate::frame::check_downlink;

const DATE: &str = "2026-11-23T07:00:00.000Z";

fn reply(event: Event) -> Downlink {
    Downlink { serial: Some(1), peer: Some("tom".to_owned()), server_time: Some(9), event }
}

fn room() -> RoomId {
    RoomId::from("67f0c0ffee")
}

fn change() -> Change {
    Change { set: r#"{"attr.n":1}"#.to_owned(), resulting: r#"{"attr":{"n":1}}"#.to_owned() }
}

#[test]
fn conv_started() {
    check_downlink(
        "conv-started",
        &reply(Event::Started { room: room(), created_at: DATE.to_owned() }),
        r#"
            08 01                               ; cmd = conv
            10 1f                               ; op = started
            22 03 "tom"                         ; peerId
            28 01                               ; i = 1
            40 02                               ; service = 2
            48 09                               ; serverTs = 9
            f2 06 26                            ; convMessage, 38 bytes
              22 0a "67f0c0ffee"                ; cid
              2a 18 "2026-11-23T07:00:00.000Z"  ; cdate
        "#,
        r#"{"cmd":"conv","op":"started","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","cdate":"2026-11-23T07:00:00.000Z"}"#,
    );
}

#[test]
fn conv_added() {
    let allowed = vec!["tom".to_owned()];
    check_downlink(
        "conv-added",
        &reply(Event::Added { room: room(), allowed, updated_at: DATE.to_owned() }),
        r#"
            08 01                               ; cmd = conv
            10 0a                               ; op = added
            22 03 "tom"                         ; peerId
            28 01                               ; i = 1
            40 02                               ; service = 2
            48 09                               ; serverTs = 9
            f2 06 2c                            ; convMessage, 44 bytes
              22 0a "67f0c0ffee"                ; cid
              62 18 "2026-11-23T07:00:00.000Z"  ; udate
              f2 01 03 "tom"                    ; allowedPids
        "#,
        r#"{"cmd":"conv","op":"added","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","udate":"2026-11-23T07:00:00.000Z","allowedPids":["tom"]}"#,
    );
}

#[test]
fn conv_removed() {
    let allowed = vec!["tom".to_owned()];
    check_downlink(
        "conv-removed",
        &reply(Event::Removed { room: room(), allowed, updated_at: DATE.to_owned() }),
        r#"
            08 01                               ; cmd = conv
            10 0b                               ; op = removed
            22 03 "tom"                         ; peerId
            28 01                               ; i = 1
            40 02                               ; service = 2
            48 09                               ; serverTs = 9
            f2 06 2c                            ; convMessage, 44 bytes
              22 0a "67f0c0ffee"                ; cid
              62 18 "2026-11-23T07:00:00.000Z"  ; udate
              f2 01 03 "tom"                    ; allowedPids
        "#,
        r#"{"cmd":"conv","op":"removed","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","udate":"2026-11-23T07:00:00.000Z","allowedPids":["tom"]}"#,
    );
}

#[test]
fn conv_results() {
    let rows = r#"[{"objectId":"67f0c0ffee","tr":true}]"#.to_owned();
    check_downlink(
        "conv-results",
        &reply(Event::Results { rows, count: Some(1) }),
        r#"
            08 01                                              ; cmd = conv
            10 2a                                              ; op = results
            22 03 "tom"                                        ; peerId
            28 01                                              ; i = 1
            40 02                                              ; service = 2
            48 09                                              ; serverTs = 9
            f2 06 2c                                           ; convMessage, 44 bytes
              58 01                                            ; count = 1
              a2 06 27                                         ; results, 39 bytes
                0a 25 '[{"objectId":"67f0c0ffee","tr":true}]'  ; data
        "#,
        r#"{"cmd":"conv","op":"results","peerId":"tom","i":1,"service":2,"serverTs":9,
            "count":1,"results":[{"objectId":"67f0c0ffee","tr":true}]}"#,
    );
    check_downlink(
        "conv-results-none",
        &reply(Event::Results { rows: "[]".to_owned(), count: None }),
        r#"
            08 01           ; cmd = conv
            10 2a           ; op = results
            22 03 "tom"     ; peerId
            28 01           ; i = 1
            40 02           ; service = 2
            48 09           ; serverTs = 9
            f2 06 07        ; convMessage, 7 bytes
              a2 06 04      ; results, 4 bytes
                0a 02 "[]"  ; data
        "#,
        r#"{"cmd":"conv","op":"results","peerId":"tom","i":1,"service":2,"serverTs":9,"results":[]}"#,
    );
}

#[test]
fn conv_result_of_a_count_of_nobody() {
    check_downlink(
        "conv-result-count",
        &reply(Event::Count { count: 0 }),
        r#"
            08 01        ; cmd = conv
            10 2c        ; op = result
            22 03 "tom"  ; peerId
            28 01        ; i = 1
            40 02        ; service = 2
            48 09        ; serverTs = 9
            f2 06 02     ; convMessage, 2 bytes
              58 00      ; count = 0
        "#,
        r#"{"cmd":"conv","op":"result","peerId":"tom","i":1,"service":2,"serverTs":9,"count":0}"#,
    );
}

#[test]
fn conv_result_of_members() {
    check_downlink(
        "conv-result-members",
        &reply(Event::Members { clients: vec!["ann".to_owned(), "tom".to_owned()] }),
        r#"
            08 01          ; cmd = conv
            10 2c          ; op = result
            22 03 "tom"    ; peerId
            28 01          ; i = 1
            40 02          ; service = 2
            48 09          ; serverTs = 9
            f2 06 0a       ; convMessage, 10 bytes
              0a 03 "ann"  ; m
              0a 03 "tom"  ; m
        "#,
        r#"{"cmd":"conv","op":"result","peerId":"tom","i":1,"service":2,"serverTs":9,"m":["ann","tom"]}"#,
    );
    check_downlink(
        "conv-result-members-none",
        &reply(Event::Members { clients: Vec::new() }),
        r#"
            08 01        ; cmd = conv
            10 2c        ; op = result
            22 03 "tom"  ; peerId
            28 01        ; i = 1
            40 02        ; service = 2
            48 09        ; serverTs = 9
            f2 06 00     ; convMessage, 0 bytes
        "#,
        r#"{"cmd":"conv","op":"result","peerId":"tom","i":1,"service":2,"serverTs":9}"#,
    );
}

#[test]
fn conv_result_of_is_member() {
    check_downlink(
        "conv-result-membership",
        &reply(Event::Membership { results: r#"{"67f0c0ffee":true}"#.to_owned() }),
        r#"
            08 01                            ; cmd = conv
            10 2c                            ; op = result
            22 03 "tom"                      ; peerId
            28 01                            ; i = 1
            40 02                            ; service = 2
            48 09                            ; serverTs = 9
            f2 06 18                         ; convMessage, 24 bytes
              a2 06 15                       ; results, 21 bytes
                0a 13 '{"67f0c0ffee":true}'  ; data
        "#,
        r#"{"cmd":"conv","op":"result","peerId":"tom","i":1,"service":2,"serverTs":9,
            "results":{"67f0c0ffee":true}}"#,
    );
}

#[test]
fn conv_updated_in_answer_to_an_update() {
    let updated = Event::Updated { room: room(), updated_at: DATE.to_owned(), change: Some(change()) };
    check_downlink(
        "conv-updated",
        &reply(updated),
        r#"
            08 01                               ; cmd = conv
            10 2e                               ; op = updated
            22 03 "tom"                         ; peerId
            28 01                               ; i = 1
            40 02                               ; service = 2
            48 09                               ; serverTs = 9
            f2 06 4c                            ; convMessage, 76 bytes
              22 0a "67f0c0ffee"                ; cid
              62 18 "2026-11-23T07:00:00.000Z"  ; udate
              ba 06 0e                          ; attr, 14 bytes
                0a 0c '{"attr.n":1}'            ; data
              c2 06 12                          ; attrModified, 18 bytes
                0a 10 '{"attr":{"n":1}}'        ; data
        "#,
        r#"{"cmd":"conv","op":"updated","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","udate":"2026-11-23T07:00:00.000Z",
            "attr":{"attr.n":1},"attrModified":{"attr":{"n":1}}}"#,
    );
}

#[test]
fn conv_updated_in_answer_to_a_mute() {
    check_downlink(
        "conv-updated-mute",
        &reply(Event::Updated { room: room(), updated_at: DATE.to_owned(), change: None }),
        r#"
            08 01                               ; cmd = conv
            10 2e                               ; op = updated
            22 03 "tom"                         ; peerId
            28 01                               ; i = 1
            40 02                               ; service = 2
            48 09                               ; serverTs = 9
            f2 06 26                            ; convMessage, 38 bytes
              22 0a "67f0c0ffee"                ; cid
              62 18 "2026-11-23T07:00:00.000Z"  ; udate
        "#,
        r#"{"cmd":"conv","op":"updated","peerId":"tom","i":1,"service":2,"serverTs":9,
            "cid":"67f0c0ffee","udate":"2026-11-23T07:00:00.000Z"}"#,
    );
}

#[test]
fn conv_updated_for_the_others() {
    let event = Event::RoomUpdated {
        room: room(),
        by: "ann".to_owned(),
        updated_at: DATE.to_owned(),
        change: change(),
    };
    check_downlink(
        "conv-updated-push",
        &Downlink { serial: None, peer: None, server_time: Some(9), event },
        r#"
            08 01                               ; cmd = conv
            10 2e                               ; op = updated
            40 02                               ; service = 2
            48 09                               ; serverTs = 9
            f2 06 53                            ; convMessage, 83 bytes
              10 01                             ; transient = true
              22 0a "67f0c0ffee"                ; cid
              32 03 "ann"                       ; initBy
              62 18 "2026-11-23T07:00:00.000Z"  ; udate
              ba 06 0e                          ; attr, 14 bytes
                0a 0c '{"attr.n":1}'            ; data
              c2 06 12                          ; attrModified, 18 bytes
                0a 10 '{"attr":{"n":1}}'        ; data
        "#,
        r#"{"cmd":"conv","op":"updated","service":2,"serverTs":9,"transient":true,
            "cid":"67f0c0ffee","initBy":"ann","udate":"2026-11-23T07:00:00.000Z",
            "attr":{"attr.n":1},"attrModified":{"attr":{"n":1}}}"#,
    );
}

#[test]
fn conv_max_read() {
    check_downlink(
        "conv-max-read",
        &reply(Event::MaxRead { room: room() }),
        r#"
            08 01                 ; cmd = conv
            10 33                 ; op = max_read
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 09                 ; serverTs = 9
            f2 06 0c              ; convMessage, 12 bytes
              22 0a "67f0c0ffee"  ; cid
        "#,
        r#"{"cmd":"conv","op":"max-read","peerId":"tom","i":1,"service":2,"serverTs":9,"cid":"67f0c0ffee"}"#,
    );
}
