//! Discovery: the router is asked where to connect, and asked again when that fails.

use grandstand_client::OpenError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::{Dialling, Fake, opening};

/// Answers one GET; returns its first line.
async fn answer(dialling: Dialling, status: &str, body: &str) -> String {
    let mut stream = dialling.stream();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(head).unwrap().lines().next().unwrap().to_owned()
}

const ROUTE: &str = r#"{"server":"wss://node-1.example.com/ws","secondary":"wss://node-1.example.com/ws","ttl":3600,"groupId":"g0"}"#;

#[tokio::test(start_paused = true)]
async fn an_http_url_is_asked_for_the_websocket() {
    let (mut fake, builder) = Fake::at("http://chat.example.com");
    let opening = opening(builder);
    let asked = fake.dialled().await;
    assert_eq!(asked.to, "chat.example.com:80 tls=false");
    assert_eq!(answer(asked, "200 OK", ROUTE).await, "GET /v1/route?appId=app-id&secure=0 HTTP/1.1");
    let dialling = fake.dialled().await;
    assert_eq!(dialling.to, "node-1.example.com:443 tls=true");
    dialling.accept().await.grant("token-1").await;
    opening.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_route_is_kept_until_it_fails() {
    let (mut fake, builder) = Fake::at("https://chat.example.com");
    let opening = opening(builder);
    answer(fake.dialled().await, "200 OK", ROUTE).await;
    let mut peer = fake.accept().await;
    peer.grant("token-1").await;
    let _session = opening.await.unwrap().unwrap();
    drop(peer);

    let dialling = fake.dialled().await;
    assert_eq!(dialling.to, "node-1.example.com:443 tls=true", "known");
    dialling.refuse();
    let dialling = fake.dialled().await;
    assert_eq!(dialling.to, "chat.example.com:443 tls=true", "asked again");
    answer(dialling, "200 OK", &ROUTE.replace("node-1", "node-2")).await;
    assert_eq!(fake.dialled().await.to, "node-2.example.com:443 tls=true");
}

#[tokio::test(start_paused = true)]
async fn a_router_that_refuses_is_reported() {
    let (mut fake, builder) = Fake::at("http://chat.example.com");
    let opening = opening(builder);
    answer(fake.dialled().await, "404 Not Found", r#"{"code":404,"error":"no such app"}"#).await;
    let error = opening.await.unwrap().unwrap_err();
    assert!(matches!(&error, OpenError::Discovery(text) if text.contains("404")), "{error}");
}
