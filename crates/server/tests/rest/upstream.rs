//! Pass-through: what is not ours reaches the app's other server as it is, and nothing else does.

use grandstand::apps::{App, Apps};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    raw::PATIENCE,
    server::{APP, As, KEY, Server},
    storage::Storage,
};

async fn with_storage(upstream: &str, lines: &str) -> (Storage, Server) {
    let storage = Storage::start().await;
    let server = Server::start_with(&storage.as_upstream(upstream), lines).await;
    (storage, server)
}

/// A request of the first app: its line's begin, and what follows the first headers.
fn to_storage(begin: &str, rest: &str) -> Vec<u8> {
    format!("{begin} HTTP/1.1\r\nHost: a\r\nX-LC-Id: {APP}\r\n{rest}").into_bytes()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).ends_with(end) {
            let count = stream.read_buf(&mut read).await.unwrap();
            assert!(count > 0, "ended after {:?}", String::from_utf8_lossy(&read));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_but_for_its_hop() {
    let (storage, server) = with_storage("", "").await;
    let headers = format!(
        "X-LC-Id: {APP}\r\nX-LC-Key: {KEY}\r\nX-LC-Session: someone\r\nX-Own: 1\r\nX-Own: 2\r\n\
         TE: trailers\r\nX-Hop: mine\r\nConnection: x-hop\r\nProxy-Authorization: secret\r\nKeep-Alive: 5\r\n\
         Expect: 100-continue\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Port: 1\r\nForwarded: for=1.2.3.4\r\n\
         X-Real-IP: 1.2.3.4\r\nUpgrade: h2c\r\n"
    );
    let path = "/1.1/classes/Post/%E4%B8%AD?where=%7B%22a%22%3A1%7D&x=//y";
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: chat.example.com\r\nConnection: close\r\n{headers}\
         Content-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello there"
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "hello there\"}").await;
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");

    let asked = storage.only();
    assert_eq!((asked.line.as_str(), asked.body.as_str()), (format!("PUT {path}").as_str(), "hello there"));
    let host = storage.address.to_string();
    for (name, values) in [
        ("x-lc-id", &[APP][..]),
        ("x-lc-key", &[KEY]),
        ("x-lc-session", &["someone"]),
        ("x-own", &["1", "2"]),
        ("content-type", &["text/plain"]),
        ("content-length", &["11"]),
        ("host", &[&host]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("x-forwarded-host", &["chat.example.com"]),
        ("x-forwarded-proto", &["http"]),
        ("x-real-ip", &["127.0.0.1"]),
    ] {
        assert_eq!(asked.header(name), values, "{name}");
    }
    for name in [
        "te",
        "x-hop",
        "connection",
        "proxy-authorization",
        "keep-alive",
        "expect",
        "x-forwarded-port",
        "forwarded",
        "upgrade",
        "transfer-encoding",
    ] {
        assert_eq!(asked.header(name), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_added_to_its_chain() {
    let (storage, server) = with_storage("", "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]").await;
    let headers = "X-LC-Id: test-app\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 9.8.7.6\r\nX-Forwarded-Proto: https\r\n\
                   X-Forwarded-Host: public.example.com\r\n";
    server.ask(As::Headers(headers), "GET", "/1.1/date", Value::Null).await.ok();
    let asked = storage.only();
    assert_eq!(asked.header("x-forwarded-for"), ["6.6.6.6, 9.8.7.6, 127.0.0.1"]);
    assert_eq!(asked.header("x-real-ip"), ["9.8.7.6"], "who stands before that was written by the client");
    assert_eq!(asked.header("x-forwarded-proto"), ["https"]);
    assert_eq!(asked.header("x-forwarded-host"), ["public.example.com"]);
}

#[tokio::test]
async fn the_app_is_named_and_what_is_ours_stays() {
    let (storage, server) = with_storage("", "").await;
    for who in [
        As::Master,
        As::App,
        As::Headers("X-AVOSCloud-Application-Id: test-app\r\n"),
        As::Headers("X-Uluru-Application-Id: test-app\r\n"),
    ] {
        server.ask(who, "POST", "/1.1/functions/hello", json!({ "a": 1 })).await.ok();
    }
    assert_eq!(storage.asked().len(), 4);
    for (who, path) in [
        (As::OtherMaster, "/1.1/functions/hello"),
        (As::Headers("X-LC-Id: nobody\r\n"), "/1.1/functions/hello"),
        (As::Master, "/1.2/rtm/unheard-of"),
        (As::Master, "/1.1/rtm/unheard-of"),
        (As::Master, "/1.1/classes/_Conversation/a/b"),
    ] {
        let words = server.ask(who, "GET", path, Value::Null).await.refused(404, 404);
        assert!(words.contains("upstream") || words.contains(path), "{words}");
    }
    server.master("GET", "/1.1/classes/_Conversation", Value::Null).await.ok();
    server.master("PUT", "/1.1/classes/_Conversation", json!({})).await.refused(405, 405);
    assert_eq!(storage.asked().len(), 4, "none of these was passed on");
}

/// Whose request it is, nobody can know where there are several apps: it could be for another one's storage.
#[tokio::test]
async fn a_request_that_names_no_app_belongs_to_the_only_one() {
    let (storage, server) = with_storage("", "").await;
    let ask = async || server.ask(As::Nobody, "POST", "/1.1/functions/hello", json!({ "a": 1 })).await;
    let words = ask().await.refused(404, 404);
    assert!(words.contains("X-LC-Id is missing"), "{words}");
    let batch = json!({ "requests": [{ "method": "POST", "path": "/1.1/classes/Post" }] });
    server.ask(As::Nobody, "POST", "/1.1/batch", batch).await.refused(401, 401);
    assert!(storage.asked().is_empty(), "{:?}", storage.asked());

    let apps = server.node.apps.load();
    let alone = apps.iter().filter(|app| app.id.as_str() == APP).map(|app| App::clone(app)).collect();
    server.node.apps.replace(Apps::new(alone));
    server.node.follow_reload();
    ask().await.ok();
    assert_eq!(storage.only().line, "POST /1.1/functions/hello");
}

#[tokio::test]
async fn a_batch_goes_where_its_requests_belong() {
    let (storage, server) = with_storage("", "").await;
    let part = |path: &str| json!({ "method": "POST", "path": path, "body": { "name": "a", "tr": true } });
    let posts = json!({ "requests": [part("/1.1/classes/Post"), part("/1.1/classes/_ConversationX")] });
    server.ask(As::App, "POST", "/1.1/batch", posts.clone()).await.ok();
    let asked = storage.only();
    assert_eq!((asked.line.as_str(), asked.body), ("POST /1.1/batch", posts.to_string()));
    let rooms = json!({ "requests": [part("/1.1/classes/_Conversation"), part("/1.1/classes/Post")] });
    let answers = server.ask(As::App, "POST", "/1.1/batch", rooms).await.ok();
    assert!(answers[0]["success"]["objectId"].is_string(), "{answers}");
    assert_eq!(answers[1]["error"]["code"], 404);
    server.ask(As::OtherMaster, "POST", "/1.1/batch", posts).await.ok();
    assert_eq!(storage.asked().len(), 1, "another app's batch");
}

/// What is not for us need not fit into what is ours.
#[tokio::test]
async fn a_batch_may_be_as_large_as_the_upstream_takes() {
    let (storage, server) = with_storage("request = \"1MiB\"", "").await;
    let part = |path: &str| json!({ "method": "POST", "path": path, "body": { "text": "x".repeat(60_000) } });
    let batch = |parts: Vec<Value>| json!({ "requests": parts }).to_string();
    let posts = batch(vec![part("/1.1/classes/Post"); 10]);
    server.ask_raw(As::App, "POST", "/1.1/batch", &posts).await.ok();
    let asked = storage.only();
    assert_eq!(asked.header("content-length"), [posts.len().to_string()]);
    assert!(asked.body == posts, "as it was");
    let chunked = format!(
        "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{posts}\r\n0\r\n\r\n",
        posts.len()
    );
    server.send(&to_storage("POST /1.1/batch", &chunked)).await.ok();
    assert!(storage.asked()[1].body == posts, "in pieces, too");

    // About rooms it has to fit.
    let mut parts = vec![part("/1.1/classes/Post"); 9];
    parts.insert(2, part("/1.1/classes/_Conversation"));
    server.ask_raw(As::App, "POST", "/1.1/batch", &batch(parts)).await.refused(413, 413);
    let huge = batch(vec![part("/1.1/classes/Post"); 20]);
    server.ask_raw(As::App, "POST", "/1.1/batch", &huge).await.refused(413, 413);
    assert_eq!(storage.asked().len(), 2);
}

#[tokio::test]
async fn answers_come_back_as_they_are() {
    let (storage, server) = with_storage("", "").await;
    let teapot = server.ask(As::App, "GET", "/teapot", Value::Null).await;
    for line in ["x-own: yes", "access-control-allow-origin: null"] {
        assert!(teapot.head.contains(line), "{}", teapot.head);
    }
    assert!(!teapot.head.contains("timeout=5"), "{}", teapot.head);
    assert_eq!(teapot.refused(418, 142), "short and stout");
    let moved = server.ask(As::App, "GET", "/moved", Value::Null).await;
    assert_eq!(moved.status, 302);
    assert!(moved.head.contains("location: http://127.0.0.1:1/there"), "{}", moved.head);
    let head = server.send(&to_storage("HEAD /large", "Connection: close\r\n\r\n")).await;
    assert!(head.head.contains("content-length: 5000"), "{}", head.head);
    assert_eq!(storage.asked().len(), 3, "a redirect is for the client");
    let any = server.ask(As::App, "GET", "/any", Value::Null).await;
    assert!(any.head.contains("access-control-allow-origin: *"), "{}", any.head);
}

#[tokio::test]
async fn both_bodies_stream() {
    let (storage, server) = with_storage("", "").await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = to_storage("POST /held", "Connection: close\r\nContent-Length: 10\r\n\r\nfirst");
    stream.write_all(&head).await.unwrap();
    storage.until_arrived(5).await;
    stream.write_all(b"after").await.unwrap();
    let begin = read_until(&mut stream, "first \r\n").await;
    assert!(begin.starts_with("HTTP/1.1 200"), "{begin}");
    storage.release();
    read_until(&mut stream, "second\r\n0\r\n\r\n").await;
    assert_eq!(storage.only().body, "firstafter");
}

#[tokio::test]
async fn it_may_take_longer_than_other_requests_but_not_for_ever() {
    let (_storage, server) = with_storage("timeout = \"2s\"", "[limits]\nupgrade_timeout = \"300ms\"").await;
    assert_eq!(server.ask(As::App, "GET", "/later", Value::Null).await.ok(), "late");
    server.ask(As::App, "GET", "/silence", Value::Null).await.refused(504, 504);
    let half = to_storage("POST /any", "Connection: close\r\nContent-Length: 10\r\n\r\nhalf");
    server.send(&half).await.refused(408, 408);
}

#[tokio::test]
async fn bodies_have_an_end() {
    let (storage, server) = with_storage("request = 2000\nanswer = 4000", "").await;
    let large = "x".repeat(3000);
    server.ask_raw(As::App, "POST", "/any", &large).await.refused(413, 413);
    assert!(storage.asked().is_empty(), "what was announced as too large is not begun");
    let lines = format!("Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n{large}\r\n0\r\n\r\n");
    server.send(&to_storage("POST /any", &lines)).await.refused(413, 413);
    server.ask(As::App, "GET", "/large", Value::Null).await.refused(502, 502);

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&to_storage("GET /endless", "\r\n")).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert!(!answer.ends_with(b"0\r\n\r\n"), "a part must not look like the whole");
    let shown = answer.iter().filter(|byte| **byte == b'x').count();
    assert!((1..=4000).contains(&shown), "{shown}");
}

#[tokio::test]
async fn nobody_there_and_no_place() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let upstream = format!("[apps.upstream]\norigin = \"http://{free}\"\n");
    let server = Server::start_with(&upstream, "").await;
    server.ask(As::App, "GET", "/any", Value::Null).await.refused(502, 502);

    let (storage, server) = with_storage("concurrency = 1", "").await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(&to_storage("GET /held", "\r\n")).await.unwrap();
    read_until(&mut first, "first \r\n").await;
    server.ask(As::App, "GET", "/any", Value::Null).await.refused(503, 503);
    storage.release();
    read_until(&mut first, "0\r\n\r\n").await;
    // The place is given back when the answer has gone.
    let patience = std::time::Instant::now() + PATIENCE;
    while server.ask(As::App, "GET", "/any", Value::Null).await.status != 200 {
        assert!(std::time::Instant::now() < patience, "no place");
    }
}

#[tokio::test]
async fn circles_and_sockets_end_here() {
    let (storage, server) = with_storage("", "").await;
    server.ask(As::App, "GET", "/any", Value::Null).await.ok();
    let via = storage.only().header("via")[0].to_owned();
    let again = format!("X-LC-Id: {APP}\r\nVia: 1.0 elsewhere, {via}\r\n");
    server.ask(As::Headers(&again), "GET", "/any", Value::Null).await.refused(508, 508);
    let passed = "X-LC-Id: test-app\r\nVia: 1.1 elsewhere\r\n";
    server.ask(As::Headers(passed), "GET", "/any", Value::Null).await.ok();
    let upgrade = "X-LC-Id: test-app\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    server.ask(As::Headers(upgrade), "GET", "/socket", Value::Null).await.refused(400, 400);
    server.ask(As::App, "GET", "/a/%2e%2e/b", Value::Null).await.refused(400, 400);
    assert_eq!(storage.asked().len(), 2);
}

/// Behind each request stands another one, hidden where a lenient reader would find it.
#[tokio::test]
async fn a_request_is_not_smuggled_in_another() {
    let (storage, server) = with_storage("", "").await;
    let hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for lines in [
        "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 38\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Content-Length: 0, 38\r\n\r\n",
        "X-Any: a\r\n Content-Length: 38\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3 3\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ] {
        let answer = server.send(&to_storage("POST /any", &format!("{lines}{hidden}"))).await;
        assert!((400..500).contains(&answer.status), "{lines:?}: {answer:?}");
    }
    assert!(storage.asked().is_empty(), "{:?}", storage.asked());
    // Chunks as they should be are passed on, and nothing is read behind them.
    let chunks = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = server.send(&to_storage("POST /any", &format!("{chunks}{hidden}"))).await;
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert_eq!(answer.ok()["body"], "abc");
    assert_eq!(storage.only().line, "POST /any");
}
