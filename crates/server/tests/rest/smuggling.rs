//! Raw bytes whose length could be read in two ways, or that never end: one answer at most, by a deadline, and no request
//! that stood hidden in another is done, neither here nor behind the pass-through.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    server::{APP, KEY, MASTER_KEY, Server},
    storage::Storage,
};

/// Far above each limit of these servers, far below a hang.
const LATE: Duration = Duration::from_secs(15);

const LIMITS: &str = "[limits]\nupgrade_timeout = \"1s\"\n";

/// Stands behind every request; done, it would make a room here, or be noticed there.
fn hidden(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nX-LC-Id: {APP}\r\nX-LC-Key: {MASTER_KEY},master\r\nContent-Length: 0\r\n\r\n"
    )
}

async fn start() -> (Storage, Server) {
    let storage = Storage::start().await;
    let server = Server::start_with(&storage.as_upstream("timeout = \"2s\""), LIMITS).await;
    (storage, server)
}

/// Everything that comes back until the server closes.
async fn all_answers(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // Who is refused may be cut off before all was sent.
    let _ = timeout(LATE, stream.write_all(request)).await.expect("a server that reads or refuses");
    let mut answers = Vec::new();
    let _ = timeout(LATE, stream.read_to_end(&mut answers)).await.expect("an end");
    String::from_utf8_lossy(&answers).into_owned()
}

/// Headers and bodies that end where one reader says so and not where another does.
fn two_readings() -> Vec<(&'static str, Vec<u8>)> {
    let megabyte = "x".repeat(1 << 20);
    let texts = [
        ("CL and TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n".to_owned()),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n\r\n".to_owned()),
        ("a list of lengths", "Content-Length: 0, 5\r\n\r\n".to_owned()),
        ("a signed length", "Content-Length: -1\r\n\r\n".to_owned()),
        ("a length in base 16", "Content-Length: 0x0\r\n\r\n".to_owned()),
        ("a length with a point", "Content-Length: 0.0\r\n\r\n".to_owned()),
        ("a length of 2^64", "Content-Length: 18446744073709551616\r\n\r\n".to_owned()),
        ("an empty length", "Content-Length: \r\n\r\n".to_owned()),
        ("a space before the colon", "Content-Length : 0\r\n\r\n".to_owned()),
        ("TE with a space", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE of another name", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE quoted", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE with a vertical tab", "Transfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE with a zero", "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE folded", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n".to_owned()),
        ("TE not last", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned()),
        ("a folded length", "X-Any: a\r\n Content-Length: 5\r\n\r\n".to_owned()),
        ("a header without a name", ": chunked\r\n\r\n".to_owned()),
        ("a name with a space", "Content Length: 0\r\n\r\n".to_owned()),
        ("a lone CR", "X: a\rContent-Length: 5\r\n\r\n".to_owned()),
        ("a size in base 10", "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("a negative size", "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("a huge size", "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n".to_owned()),
        (
            "the largest size",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n".to_owned(),
        ),
        ("a chunk that is longer", "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n".to_owned()),
        ("a size ended by LF", "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n".to_owned()),
        ("an extension with LF", "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n".to_owned()),
        (
            "an endless extension",
            format!("Transfer-Encoding: chunked\r\n\r\n3;{megabyte}\r\nabc\r\n0\r\n\r\n"),
        ),
        ("endless trailers", format!("Transfer-Encoding: chunked\r\n\r\n0\r\nX: {megabyte}\r\n\r\n")),
    ];
    texts.into_iter().map(|(what, text)| (what, text.into_bytes())).collect()
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_gets_one_answer() {
    let (storage, server) = start().await;
    let keys = format!("X-LC-Id: {APP}\r\nX-LC-Key: {MASTER_KEY},master\r\n");
    // Refused by its head, by its path, for its keys, by its body: and passed on.
    for (path, keys) in [
        ("/1.2/rtm/clients/check-online", keys.as_str()),
        ("/1.2/rtm/clients/check-online", ""),
        ("/1.2/rtm/nothing", ""),
        ("/elsewhere", ""),
    ] {
        for (what, rest) in two_readings() {
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{keys}");
            let next = hidden(if path == "/elsewhere" { "/hidden" } else { "/1.2/rtm/chatrooms" });
            let answers = all_answers(&server, &[head.as_bytes(), &rest, next.as_bytes()].concat()).await;
            let count = answers.matches("HTTP/1.1 ").count();
            assert!(count <= 1, "{what} at {path} {keys}: {answers}");
            let refused = answers.is_empty() || answers.starts_with("HTTP/1.1 4");
            assert!(refused, "{what} at {path}: {answers}");
        }
    }
    let whole: Vec<_> = storage.asked().into_iter().filter(|asked| asked.line != "POST /elsewhere").collect();
    assert!(whole.is_empty(), "{whole:?}");
    let rooms = server.master("GET", "/1.2/rtm/chatrooms?count=1", serde_json::Value::Null).await.ok();
    assert_eq!(rooms["count"], 0, "{rooms}");
}

/// Lines that end with LF alone are read by some and not by others: here all of them are, or none.
#[tokio::test]
async fn bare_line_feeds_hide_nothing() {
    let (storage, server) = start().await;
    for request in [
        "POST /any HTTP/1.1\nHost: a\nContent-Length: 0\nConnection: close\n\n",
        "POST /any HTTP/1.1\r\nHost: a\r\nX: b\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\n\r\n",
    ] {
        let answers =
            all_answers(&server, &[request.as_bytes(), hidden("/hidden").as_bytes()].concat()).await;
        assert!(answers.matches("HTTP/1.1 ").count() <= 1, "{request:?}: {answers}");
    }
    for asked in storage.asked() {
        assert_eq!(asked.line, "POST /any", "{asked:?}");
        assert!(asked.headers.values().all(|value| !value.as_bytes().contains(&b'\n')), "{asked:?}");
    }
}

/// A body that is not read is not taken for the next request.
#[tokio::test]
async fn behind_a_refusal_nothing_is_read() {
    let (_storage, server) = start().await;
    let inner = hidden("/1.2/rtm/chatrooms");
    let length = inner.len();
    for head in [
        format!("POST /1.2/rtm/clients/check-online HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n"),
        format!("POST /1.2/rtm/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n"),
        format!("DELETE /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n"),
        format!("GET /v1/route HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n"),
        format!(
            "POST /1.1/batch HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n"
        ),
    ] {
        let answers = all_answers(&server, format!("{head}\r\n{inner}").as_bytes()).await;
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{head}: {answers}");
    }
    let rooms = server.master("GET", "/1.2/rtm/chatrooms?count=1", serde_json::Value::Null).await.ok();
    assert_eq!(rooms["count"], 0, "{rooms}");
}

/// A byte now and then is no progress: each request ends by its deadline.
#[tokio::test]
async fn drops_of_a_request_end_by_the_deadline() {
    let (_storage, server) = start().await;
    let keys = format!("X-LC-Id: {APP}\r\nX-LC-Key: {KEY}\r\n");
    let by_master = format!("X-LC-Id: {APP}\r\nX-LC-Key: {MASTER_KEY},master\r\n");
    let dripping = |begin: String| {
        let address = server.address;
        async move {
            let begun = Instant::now();
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut reading, mut writing) = stream.into_split();
            let mut answer = Vec::new();
            let dripping = async {
                let mut alive = writing.write_all(begin.as_bytes()).await.is_ok();
                while alive {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    alive = writing.write_all(b"x").await.is_ok();
                }
            };
            tokio::select! {
                read = reading.read_to_end(&mut answer) => drop(read),
                () = dripping => {}
            }
            (begin, begun.elapsed(), String::from_utf8_lossy(&answer).into_owned())
        }
    };
    let long = "Content-Length: 60000\r\nContent-Type: application/json\r\n\r\n{";
    let slow = [
        "GET / HTTP/1.1\r\nX: ".to_owned(),
        "POST /any".to_owned(),
        format!("POST /any HTTP/1.1\r\nHost: a\r\n{long}"),
        "POST /any HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8;".to_owned(),
        "POST /any HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ".to_owned(),
        format!("POST /1.1/classes/_Conversation HTTP/1.1\r\nHost: a\r\n{keys}{long}"),
        format!("POST /1.1/batch HTTP/1.1\r\nHost: a\r\n{keys}{long}"),
        format!("POST /1.2/rtm/bans HTTP/1.1\r\nHost: a\r\n{by_master}{long}"),
    ];
    let all = slow.into_iter().map(dripping);
    for (begin, took, answer) in futures_util::future::join_all(all).await {
        assert!(took < LATE, "{begin}: {took:?}");
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{begin}: {answer}");
    }
}
