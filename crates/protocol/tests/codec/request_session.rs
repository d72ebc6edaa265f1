//! Commands of login, presence and heartbeat, as clients write them.

use grandstand_protocol::{Command, Format, Open, Request, Signature};

use crate::frame::{check_request, check_request_bytes};

fn request(serial: i32, command: Command) -> Request {
    Request { app: None, peer: Some("tom".to_owned()), serial: Some(serial), command }
}

#[test]
fn session_open_for_the_first_time() {
    let open = Open {
        user_agent: Some("js/5.0.0-rc.8".to_owned()),
        tag: Some("web".to_owned()),
        device_id: Some("8c6a".to_owned()),
        signature: Some(Signature {
            signature: "6e1fd0".to_owned(),
            timestamp: 1_763_000_000_123,
            nonce: "n0nce".to_owned(),
        }),
        config: Some(0xbb),
        last_patch: Some(1_763_000_000_000),
        ..Open::default()
    };
    let request = Request { app: Some("demo-app".to_owned()), ..request(1, Command::Open(Box::new(open))) };
    check_request(
        "session-open",
        &request,
        r#"
            08 00                      ; cmd = session
            10 01                      ; op = open
            1a 08 "demo-app"           ; appId
            22 03 "tom"                ; peerId
            28 01                      ; i = 1
            b2 06 3c                   ; sessionMessage, 60 bytes
              08 fb bc f4 d7 a7 33     ; t = 1763000000123
              12 05 "n0nce"            ; n
              1a 06 "6e1fd0"           ; s
              22 0d "js/5.0.0-rc.8"    ; ua
              32 03 "web"              ; tag
              3a 04 "8c6a"             ; deviceId
              90 01 80 bc f4 d7 a7 33  ; lastPatchTime = 1763000000000
              98 01 bb 01              ; configBitmap = 187
        "#,
        r#"{"cmd":"session","op":"open","appId":"demo-app","peerId":"tom","i":1,"ua":"js/5.0.0-rc.8",
            "tag":"web","deviceId":"8c6a","s":"6e1fd0","t":1763000000123,"n":"n0nce","configBitmap":187,
            "lastPatchTime":1763000000000}"#,
    );
}

#[test]
fn session_open_with_a_token_and_without_serial() {
    let open = Open {
        reopen: true,
        device_token: Some("device".to_owned()),
        token: Some("token".to_owned()),
        ..Open::default()
    };
    let request = Request {
        app: Some("demo-app".to_owned()),
        peer: Some("tom".to_owned()),
        serial: None,
        command: Command::Open(Box::new(open)),
    };
    check_request(
        "session-reopen",
        &request,
        r#"
            08 00             ; cmd = session
            10 01             ; op = open
            1a 08 "demo-app"  ; appId
            22 03 "tom"       ; peerId
            b2 06 11          ; sessionMessage, 17 bytes
              28 01           ; r = true
              52 05 "token"   ; st
              72 06 "device"  ; deviceToken
        "#,
        r#"{"cmd":"session","op":"open","appId":"demo-app","peerId":"tom","r":true,"st":"token",
            "deviceToken":"device"}"#,
    );
}

#[test]
fn session_refresh() {
    check_request(
        "session-refresh",
        &request(-65535, Command::Refresh { token: Some("token".to_owned()) }),
        r#"
            08 00                             ; cmd = session
            10 0c                             ; op = refresh
            22 03 "tom"                       ; peerId
            28 81 80 fc ff ff ff ff ff ff 01  ; i = -65535
            b2 06 07                          ; sessionMessage, 7 bytes
              52 05 "token"                   ; st
        "#,
        r#"{"cmd":"session","op":"refresh","peerId":"tom","i":-65535,"st":"token"}"#,
    );
}

#[test]
fn session_close() {
    check_request(
        "session-close",
        &request(0, Command::Close),
        r#"
            08 00        ; cmd = session
            10 04        ; op = close
            22 03 "tom"  ; peerId
            28 00        ; i = 0
            b2 06 00     ; sessionMessage, 0 bytes
        "#,
        r#"{"cmd":"session","op":"close","peerId":"tom","i":0}"#,
    );
}

#[test]
fn session_query() {
    check_request(
        "session-query",
        &request(3, Command::QueryOnline { clients: vec!["ann".to_owned(), "李雷".to_owned()] }),
        r#"
            08 00          ; cmd = session
            10 07          ; op = query
            22 03 "tom"    ; peerId
            28 03          ; i = 3
            b2 06 0d       ; sessionMessage, 13 bytes
              42 03 "ann"  ; sessionPeerIds
              42 06 "李雷"   ; sessionPeerIds
        "#,
        r#"{"cmd":"session","op":"query","peerId":"tom","i":3,"sessionPeerIds":["ann","李雷"]}"#,
    );
}

#[test]
fn echo_with_and_without_serial() {
    check_request(
        "echo",
        &Request { app: None, peer: None, serial: Some(4), command: Command::Echo },
        r#"
            08 0e  ; cmd = echo
            28 04  ; i = 4
        "#,
        r#"{"cmd":"echo","i":4}"#,
    );
    check_request(
        "echo-csharp",
        &Request {
            app: Some("demo-app".to_owned()),
            peer: Some("demo-app".to_owned()),
            serial: None,
            command: Command::Echo,
        },
        r#"
            08 0e             ; cmd = echo
            1a 08 "demo-app"  ; appId
            22 08 "demo-app"  ; peerId
        "#,
        r#"{"cmd":"echo","appId":"demo-app","peerId":"demo-app"}"#,
    );
}

#[test]
fn heartbeat_is_an_empty_object_in_json_and_an_echo_elsewhere() {
    let heartbeat = Request { app: None, peer: None, serial: None, command: Command::Heartbeat };
    assert_eq!(heartbeat.encode(Format::Json).payload, "{}");
    assert_eq!(Request::decode(Format::Json, b"{}"), Ok(heartbeat.clone()));
    let echo = Request { command: Command::Echo, ..heartbeat.clone() };
    assert_eq!(heartbeat.encode(Format::Binary), echo.encode(Format::Binary));
}

#[test]
fn login_of_the_push_channel() {
    check_request(
        "login-livequery",
        &Request {
            app: Some("demo-app".to_owned()),
            peer: None,
            serial: Some(5),
            command: Command::Login { service: Some(1) },
        },
        r#"
            08 08             ; cmd = login
            1a 08 "demo-app"  ; appId
            28 05             ; i = 5
            40 01             ; service = 1
        "#,
        r#"{"cmd":"login","appId":"demo-app","i":5,"service":1}"#,
    );
}

#[test]
fn report_of_a_device_token() {
    check_request(
        "report-upload",
        &Request { app: None, peer: None, serial: None, command: Command::UploadToken },
        r#"
            08 0d            ; cmd = report
            10 64            ; op = upload
            8a 07 09         ; reportMessage, 9 bytes
              08 01          ; initiative = true
              12 05 "token"  ; type
        "#,
        r#"{"cmd":"report","op":"upload","initiative":true,"type":"token"}"#,
    );
}

#[test]
fn what_rooms_do_not_have_is_named() {
    check_request(
        "conv-status",
        &request(6, Command::Unsupported { family: "conv".to_owned(), verb: Some("status".to_owned()) }),
        r#"
            08 01        ; cmd = conv
            10 31        ; op = status
            22 03 "tom"  ; peerId
            28 06        ; i = 6
        "#,
        r#"{"cmd":"conv","op":"status","peerId":"tom","i":6}"#,
    );
    check_request(
        "presence",
        &request(7, Command::Unsupported { family: "presence".to_owned(), verb: None }),
        r#"
            08 0c        ; cmd = presence
            22 03 "tom"  ; peerId
            28 07        ; i = 7
        "#,
        r#"{"cmd":"presence","peerId":"tom","i":7}"#,
    );
    check_request_bytes(
        "unknown-numbers",
        &request(8, Command::Unsupported { family: "99".to_owned(), verb: Some("250".to_owned()) }),
        r#"
            08 63        ; cmd = 99
            10 fa 01     ; op = 250
            22 03 "tom"  ; peerId
            28 08        ; i = 8
        "#,
    );
}
