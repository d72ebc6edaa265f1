//! What passes is what was sent, and what is written down is what passed, without secrets.

use futures_util::{SinkExt, StreamExt};
use grandstand_protocol::{Fields, Format};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async,
    tungstenite::{
        ClientRequestBuilder, Message,
        handshake::server::{Request, Response},
        protocol::CloseFrame,
    },
};

use crate::setting::{Setting, commands, head, names};

const TEXT: &str = "a text that nobody else is to read";
const TOKEN: &str = "a-token-that-proves-something";

/// Answers the router's question, else takes a WebSocket and sends back what it gets, with a token.
async fn echo(mut stream: TcpStream) {
    let mut first = [0; 13];
    stream.peek(&mut first).await.unwrap();
    if &first == b"GET /v1/route" {
        let asked = head(&mut stream).await;
        let host = asked.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap();
        let body = json!({"server": format!("ws://{host}/socket?a=b"), "secondary": format!("ws://{host}/socket?a=b"), "ttl": 60});
        let body = body.to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        return;
    }
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let choose = |request: &Request, mut response: Response| {
        assert_eq!(request.uri(), "/socket?a=b");
        assert!(!request.headers().contains_key("sec-websocket-extensions"));
        let offered = request.headers()["sec-websocket-protocol"].clone();
        response.headers_mut().insert("sec-websocket-protocol", offered);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, choose).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await.unwrap();
        }
        if let Message::Pong(_) = socket.next().await.unwrap().unwrap() {
            let frame = CloseFrame { code: 4107.into(), reason: "READ_TIMEOUT".into() };
            socket.send(Message::Close(Some(frame))).await.unwrap();
        }
    }
}

async fn dial(setting: &Setting, subprotocol: &str) -> WebSocketStream<TcpStream> {
    let answer =
        setting.ask("GET /v1/route?appId=a HTTP/1.1\r\nHost: recorder\r\nConnection: close\r\n\r\n").await;
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"server": "ws://recorder/rehearsal/1", "secondary": "ws://recorder/rehearsal/1", "ttl": 60})
    );
    let request = ClientRequestBuilder::new("ws://recorder/rehearsal/1".parse().unwrap())
        .with_sub_protocol(subprotocol)
        .with_header("Sec-WebSocket-Extensions", "permessage-deflate");
    let (socket, answer) = client_async(request, setting.connect().await).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], subprotocol);
    socket
}

async fn session(subprotocol: &str, format: Format) {
    let setting = Setting::start(echo).await;
    let mut socket = dial(&setting, subprotocol).await;
    let object = json!({
        "cmd": "direct", "appId": "app", "peerId": "alice", "i": 7, "cid": "room", "msg": TEXT,
        "pushData": TEXT, "mentionPids": ["bob"],
    });
    let fields = Fields { object: object.as_object().unwrap().clone(), unknown: 0 };
    let sent = fields.write(format).unwrap();
    let message = match String::from_utf8(sent.payload.to_vec()) {
        Ok(text) if sent.text => Message::Text(text.into()),
        _ => Message::Binary(sent.payload),
    };
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message, "what comes back is what was sent");
    socket.send(Message::Pong("p".into())).await.unwrap();
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!("a close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4107, "READ_TIMEOUT"));
    while socket.next().await.is_some() {}

    let (lines, text, totals) = setting.finish().await;
    assert_eq!((totals.sent, totals.received, totals.web_sockets, totals.calls), (1, 1, 1, 1));
    let expected = [
        "request",
        "answer",
        "upgrade",
        "upgraded",
        "command app",
        "command server",
        "pong app",
        "close server",
        "close app",
    ];
    assert_eq!(names(&lines)[..expected.len()], expected);
    let commands = commands(&lines);
    assert_eq!(commands[0], commands[1]);
    assert_eq!((&commands[0]["msg"]["bytes"], &commands[0]["peerId"]), (&json!(TEXT.len()), &json!("alice")));
    assert!(!text.contains(TEXT), "{text}");
}

#[tokio::test]
async fn a_binary_session_passes_and_is_written_down() {
    session("lc.protobuf2.3", Format::Binary).await;
}

#[tokio::test]
async fn a_session_of_the_first_generation_passes_and_is_written_down() {
    session("lc.protobuf.1", Format::Binary).await;
}

#[tokio::test]
async fn a_base64_session_passes_and_is_written_down() {
    session("lc.proto2base64.3", Format::Base64).await;
}

#[tokio::test]
async fn a_json_session_passes_and_is_written_down() {
    session("lc.json.3", Format::Json).await;
}

#[tokio::test]
async fn calls_pass_with_their_bodies_and_without_their_secrets_in_the_file() {
    let setting = Setting::start(async |mut stream: TcpStream| {
        let asked = head(&mut stream).await;
        assert!(asked.contains(TOKEN) && asked.contains("THE-KEY"), "{asked}");
        let mut body = vec![0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut body).await.unwrap();
        assert!(String::from_utf8_lossy(&body[..read]).contains(TEXT));
        let answer = json!({"msg-id": "m1", "timestamp": 5, "from-ip": "192.0.2.77"}).to_string();
        let answer =
            format!("HTTP/1.1 201 Created\r\nX-Own: 1\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let body = json!({"from_client": "alice", "message": TEXT}).to_string();
    let call = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\nX-LC-Id: app\r\nX-LC-Key: THE-KEY,master\r\n\
             X-LC-Session: {TOKEN}\r\nX-Forwarded-For: 192.0.2.78\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = setting.ask(&call("/1.2/rtm/chatrooms/r1/messages?limit=1")).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n") && answer.contains("192.0.2.77"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("x-own: 1"), "{answer}");
    setting.ask(&call("/1.1/users/5f0000000000000000000000?secret=THE-KEY")).await;

    let (lines, text, _) = setting.finish().await;
    assert_eq!(names(&lines), ["request", "answer", "request", "answer"]);
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::to_value(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["path"], &lines[0]["proof"]),
        (&json!("/1.2/rtm/chatrooms/r1/messages"), &json!("master_key"))
    );
    assert_eq!(lines[0]["body"]["json"]["from_client"], "alice");
    assert_eq!((&lines[1]["status"], &lines[1]["body"]["json"]["msg-id"]), (&json!(201), &json!("m1")));
    assert_eq!(
        (&lines[2]["path"], &lines[2]["body"]["other"]["bytes"]),
        (&json!("/1.1/users/…"), &json!(body.len()))
    );
    for secret in [TEXT, TOKEN, "THE-KEY", "192.0.2.7"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_recording_is_not_written_over_another() {
    let setting = Setting::start(async |_| {}).await;
    let settings = grandstand_rehearse::record::Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        to: grandstand_rehearse::Server::parse("http://127.0.0.1:1").unwrap(),
        out: setting.out.clone(),
        keep_texts: false,
        made_by: String::new(),
    };
    let refused = grandstand_rehearse::record::Recorder::bind(settings).await.unwrap_err();
    assert!(refused.to_string().contains("already"), "{refused}");
    setting.finish().await;
}
