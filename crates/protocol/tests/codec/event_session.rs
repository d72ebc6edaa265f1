//! Events of login, presence and the connection, as the server writes them.

use grandstand_protocol::{Code, Downlink, Event, Fault, Format, Token};

use crate::frame::check_downlink;

const NOW: i64 = 1_763_000_000_123;

fn reply(serial: i32, event: Event) -> Downlink {
    Downlink { serial: Some(serial), peer: Some("tom".to_owned()), server_time: Some(NOW), event }
}

fn push(event: Event) -> Downlink {
    Downlink { serial: None, peer: Some("tom".to_owned()), server_time: Some(NOW), event }
}

fn token() -> Token {
    Token { text: "token".to_owned(), ttl: 172_800 }
}

#[test]
fn session_opened() {
    check_downlink(
        "session-opened",
        &reply(1, Event::Opened { token: token() }),
        r#"
            08 00                 ; cmd = session
            10 05                 ; op = opened
            22 03 "tom"           ; peerId
            28 01                 ; i = 1
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
            b2 06 0b              ; sessionMessage, 11 bytes
              52 05 "token"       ; st
              58 80 c6 0a         ; stTtl = 172800
        "#,
        r#"{"cmd":"session","op":"opened","peerId":"tom","i":1,"service":2,"serverTs":1763000000123,
            "st":"token","stTtl":172800}"#,
    );
}

#[test]
fn session_refreshed() {
    check_downlink(
        "session-refreshed",
        &reply(2, Event::Refreshed { token: token() }),
        r#"
            08 00                 ; cmd = session
            10 0d                 ; op = refreshed
            22 03 "tom"           ; peerId
            28 02                 ; i = 2
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
            b2 06 0b              ; sessionMessage, 11 bytes
              52 05 "token"       ; st
              58 80 c6 0a         ; stTtl = 172800
        "#,
        r#"{"cmd":"session","op":"refreshed","peerId":"tom","i":2,"service":2,"serverTs":1763000000123,
            "st":"token","stTtl":172800}"#,
    );
}

#[test]
fn session_closed_in_answer_to_a_close() {
    check_downlink(
        "session-closed",
        &reply(0, Event::Closed { fault: None }),
        r#"
            08 00                 ; cmd = session
            10 06                 ; op = closed
            22 03 "tom"           ; peerId
            28 00                 ; i = 0
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
            b2 06 00              ; sessionMessage, 0 bytes
        "#,
        r#"{"cmd":"session","op":"closed","peerId":"tom","i":0,"service":2,"serverTs":1763000000123}"#,
    );
}

#[test]
fn session_closed_by_the_server() {
    check_downlink(
        "session-closed-conflict",
        &push(Event::Closed { fault: Some(Fault::because(Code::SessionConflict, "elsewhere")) }),
        r#"
            08 00                       ; cmd = session
            10 06                       ; op = closed
            22 03 "tom"                 ; peerId
            40 02                       ; service = 2
            48 fb bc f4 d7 a7 33        ; serverTs = 1763000000123
            b2 06 21                    ; sessionMessage, 33 bytes
              60 8f 20                  ; code = 4111
              6a 10 "SESSION_CONFLICT"  ; reason
              82 01 09 "elsewhere"      ; detail
        "#,
        r#"{"cmd":"session","op":"closed","peerId":"tom","service":2,"serverTs":1763000000123,
            "code":4111,"reason":"SESSION_CONFLICT","detail":"elsewhere"}"#,
    );
}

#[test]
fn session_query_result() {
    check_downlink(
        "session-query-result",
        &reply(3, Event::Online { clients: vec!["ann".to_owned()] }),
        r#"
            08 00                 ; cmd = session
            10 08                 ; op = query_result
            22 03 "tom"           ; peerId
            28 03                 ; i = 3
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
            b2 06 05              ; sessionMessage, 5 bytes
              4a 03 "ann"         ; onlineSessionPeerIds
        "#,
        r#"{"cmd":"session","op":"query-result","peerId":"tom","i":3,"service":2,"serverTs":1763000000123,
            "onlineSessionPeerIds":["ann"]}"#,
    );
    check_downlink(
        "session-query-result-nobody",
        &reply(3, Event::Online { clients: Vec::new() }),
        r#"
            08 00                 ; cmd = session
            10 08                 ; op = query_result
            22 03 "tom"           ; peerId
            28 03                 ; i = 3
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
            b2 06 00              ; sessionMessage, 0 bytes
        "#,
        r#"{"cmd":"session","op":"query-result","peerId":"tom","i":3,"service":2,"serverTs":1763000000123,
            "onlineSessionPeerIds":[]}"#,
    );
}

#[test]
fn report_uploaded() {
    check_downlink(
        "report-uploaded",
        &reply(4, Event::TokenUploaded),
        r#"
            08 0d                 ; cmd = report
            10 65                 ; op = uploaded
            22 03 "tom"           ; peerId
            28 04                 ; i = 4
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
        "#,
        r#"{"cmd":"report","op":"uploaded","peerId":"tom","i":4,"service":2,"serverTs":1763000000123}"#,
    );
}

#[test]
fn echo() {
    check_downlink(
        "echo",
        &Downlink { serial: None, peer: None, server_time: None, event: Event::Echo },
        r#"
            08 0e  ; cmd = echo
            40 02  ; service = 2
        "#,
        r#"{"cmd":"echo","service":2}"#,
    );
}

#[test]
fn heartbeat_is_an_empty_object_in_json_and_an_echo_elsewhere() {
    let heartbeat = Downlink { serial: None, peer: None, server_time: None, event: Event::Heartbeat };
    assert_eq!(heartbeat.encode(Format::Json).payload, "{}");
    assert_eq!(Downlink::decode(Format::Json, b"{}"), Ok(heartbeat.clone()));
    let echo = Downlink { event: Event::Echo, ..heartbeat.clone() };
    assert_eq!(heartbeat.encode(Format::Binary), echo.encode(Format::Binary));
}

#[test]
fn loggedin_belongs_to_the_push_service() {
    check_downlink(
        "loggedin",
        &Downlink { serial: None, peer: None, server_time: Some(NOW), event: Event::LoggedIn },
        r#"
            08 0f                 ; cmd = loggedin
            40 00                 ; service = 0
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
            aa 07 02              ; loggedinMessage, 2 bytes
              08 00               ; pushDisabled = false
        "#,
        r#"{"cmd":"loggedin","service":0,"serverTs":1763000000123,"pushDisabled":false}"#,
    );
}

#[test]
fn error_with_and_without_what_hooks_add() {
    check_downlink(
        "error",
        &reply(5, Event::Failed { fault: Code::ConversationNotFound.into() }),
        r#"
            08 07                             ; cmd = error
            22 03 "tom"                       ; peerId
            28 05                             ; i = 5
            40 02                             ; service = 2
            48 fb bc f4 d7 a7 33              ; serverTs = 1763000000123
            ba 06 1b                          ; errorMessage, 27 bytes
              08 cf 21                        ; code = 4303
              12 16 "CONVERSATION_NOT_FOUND"  ; reason
        "#,
        r#"{"cmd":"error","peerId":"tom","i":5,"service":2,"serverTs":1763000000123,
            "code":4303,"reason":"CONVERSATION_NOT_FOUND"}"#,
    );
    let fault = Fault {
        app_code: Some(-7),
        app_message: Some("no".to_owned()),
        ..Fault::because(Code::ConversationRejectedByApp, "refused by the hook")
    };
    check_downlink(
        "error-hook",
        &reply(6, Event::Failed { fault }),
        r#"
            08 07                                   ; cmd = error
            22 03 "tom"                             ; peerId
            28 06                                   ; i = 6
            40 02                                   ; service = 2
            48 fb bc f4 d7 a7 33                    ; serverTs = 1763000000123
            ba 06 45                                ; errorMessage, 69 bytes
              08 d1 21                              ; code = 4305
              12 1c "CONVERSATION_REJECTED_BY_APP"  ; reason
              18 f9 ff ff ff ff ff ff ff ff 01      ; appCode = -7
              22 13 "refused by the hook"           ; detail
              32 02 "no"                            ; appMsg
        "#,
        r#"{"cmd":"error","peerId":"tom","i":6,"service":2,"serverTs":1763000000123,
            "code":4305,"reason":"CONVERSATION_REJECTED_BY_APP","appCode":-7,"detail":"refused by the hook",
            "appMsg":"no"}"#,
    );
}

#[test]
fn goaway() {
    check_downlink(
        "goaway",
        &Downlink { serial: None, peer: None, server_time: Some(NOW), event: Event::GoAway },
        r#"
            08 15                 ; cmd = goaway
            40 02                 ; service = 2
            48 fb bc f4 d7 a7 33  ; serverTs = 1763000000123
        "#,
        r#"{"cmd":"goaway","service":2,"serverTs":1763000000123}"#,
    );
}
