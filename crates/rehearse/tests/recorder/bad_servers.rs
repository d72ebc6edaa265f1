//! Servers that refuse, end, or talk nonsense: the app sees the same, and the recorder lives on.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::setting::{Setting, head, names};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: r\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: lc.protobuf2.3\r\n\r\n";
const CALL: &str = "GET /1.2/rtm/stats HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: lc.protobuf2.3\r\n\r\n";

/// Whatever it is asked for, the server answers `bytes` and ends. What the app gets, twice: the recorder lives on.
async fn answered(asked: &'static str, bytes: &'static [u8]) -> (String, Vec<String>) {
    let setting = Setting::start(async move |mut stream: TcpStream| {
        head(&mut stream).await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let first = setting.ask(asked).await;
    assert_eq!(setting.ask(asked).await.len(), first.len());
    let (lines, ..) = setting.finish().await;
    let first_connection = lines[0].connection;
    let lines: Vec<_> = lines.into_iter().filter(|line| line.connection == first_connection).collect();
    (first, names(&lines))
}

#[tokio::test]
async fn a_refused_upgrade_is_refused() {
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnot here";
    let (answer, names) = answered(UPGRADE, refusal).await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.ends_with("not here"), "{answer}");
    assert_eq!(names, ["upgrade", "upgraded"]);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_no_answer() {
    let (answer, names) = answered(UPGRADE, b"\x00\x01\x02 whatever\r\n\r\n").await;
    assert_eq!((answer.as_str(), names), ("", vec!["upgrade".to_owned(), "unanswered".to_owned()]));
    let (answer, names) = answered(CALL, b"\x00\x01\x02 whatever\r\n\r\n").await;
    assert_eq!((answer.as_str(), names), ("", vec!["request".to_owned(), "unanswered".to_owned()]));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_cut_off() {
    let (answer, names) = answered(CALL, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert!(answer.contains("content-length: 100") || answer.contains("Content-Length: 100"), "{answer}");
    assert!(!answer.contains("unanswered"), "{answer}");
    assert_eq!(names, ["request", "unanswered"]);
}

#[tokio::test]
async fn garbage_on_a_socket_reaches_the_app_as_it_is() {
    let garbage = "\u{7f}\u{7f}\u{7f}no frames at all";
    let bytes: &'static [u8] = Vec::leak([AGREED.as_bytes(), garbage.as_bytes()].concat());
    let (answer, names) = answered(UPGRADE, bytes).await;
    assert!(answer.starts_with("HTTP/1.1 101") && answer.ends_with(garbage), "{answer:?}");
    assert_eq!(names[..4], ["upgrade", "upgraded", "broken server", "end server"]);
}

#[tokio::test]
async fn a_message_that_is_no_command_reaches_the_app_as_it_is() {
    let bytes: &'static [u8] = Vec::leak([AGREED.as_bytes(), b"\x82\x03abc\x88\x00"].concat());
    let (answer, names) = answered(UPGRADE, bytes).await;
    assert!(answer.contains("\u{3}abc"), "{answer:?}");
    assert_eq!(names[..4], ["upgrade", "upgraded", "message server", "close server"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let setting = Setting::before(nobody, JoinSet::new()).await;
    for asked in [UPGRADE, CALL, UPGRADE] {
        assert_eq!(setting.ask(asked).await, "");
    }
    let (lines, ..) = setting.finish().await;
    let unanswered = names(&lines).iter().filter(|name| *name == "unanswered").count();
    assert_eq!(unanswered, 3);
}
