//! Quotas and wrong keys: 429 in LeanCloud's words, for those who overdo it and nobody else.

use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::server::{APP, Answer, As, MASTER_KEY, Server};

const ROOMS: &str = "/1.2/rtm/chatrooms";
const CLASS: &str = "/1.1/classes/_Conversation";
/// Lets a test come from several addresses.
const PROXIED: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]";

#[track_caller]
fn too_many(answer: Answer) -> u64 {
    let wait =
        answer.head.split("retry-after: ").nth(1).and_then(|rest| rest.lines().next()).map(str::to_owned);
    assert_eq!(answer.refused(429, 429), "Too many requests.");
    wait.unwrap().parse().unwrap()
}

#[tokio::test]
async fn messages_over_http_have_a_quota() {
    let server = Server::start_with("[apps.quotas]\nmessages_per_minute = 3", "").await;
    let room = server.master("POST", ROOMS, json!({})).await.ok()["objectId"].as_str().unwrap().to_owned();
    let path = format!("{ROOMS}/{room}/messages");
    let message = json!({ "from_client": "host", "message": "hello" });
    let sent = server.master("POST", &path, message.clone()).await.ok();
    let of_message = format!("{path}/{}", sent["msg-id"].as_str().unwrap());
    let edit = json!({ "from_client": "host", "message": "edited" });
    server.master("PUT", &of_message, edit.clone()).await.ok();
    server.master("PUT", &format!("{of_message}/recall"), json!({ "from_client": "host" })).await.ok();

    let old = json!({ "from_peer": "host", "conv_id": room, "message": "hello" });
    for (method, path, body) in
        [("POST", &*path, message), ("PUT", &*of_message, edit), ("POST", "/1.1/rtm/messages", old)]
    {
        let wait = too_many(server.master(method, path, body).await);
        assert!((1..=60).contains(&wait), "{wait}");
    }
    // Reading is free, and so are other apps.
    server.master("GET", &path, Value::Null).await.ok();
    let theirs = server.ask(As::OtherMaster, "POST", ROOMS, json!({})).await.ok();
    let path = format!("{ROOMS}/{}/messages", theirs["objectId"].as_str().unwrap());
    let message = json!({ "from_client": "host", "message": "hello" });
    server.ask(As::OtherMaster, "POST", &path, message).await.ok();
}

#[tokio::test]
async fn the_apps_key_opens_so_often_from_one_address() {
    let server = Server::start_with("[apps.quotas]\nby_key_per_minute = 3", PROXIED).await;
    let from =
        |address: &str| format!("X-LC-Id: {APP}\r\nX-LC-Key: test-key\r\nX-Forwarded-For: {address}\r\n");
    let (here, there) = (from("192.0.2.1"), from("192.0.2.2"));
    server.ask(As::Headers(&here), "GET", CLASS, Value::Null).await.ok();
    let request = json!({ "method": "GET", "path": CLASS });
    let batch = json!({ "requests": [request, request, request] });
    let answers = server.ask(As::Headers(&here), "POST", "/1.1/batch", batch).await.ok();
    assert!(answers[1]["success"].is_object() && answers[2]["error"]["code"] == 429, "{answers}");
    too_many(server.ask(As::Headers(&here), "POST", CLASS, json!({ "tr": true })).await);
    server.ask(As::Headers(&there), "GET", CLASS, Value::Null).await.ok();
    for _ in 0..5 {
        server.master("GET", CLASS, Value::Null).await.ok();
    }
}

#[tokio::test]
async fn a_guesser_gets_twenty_wrong_keys_an_hour() {
    let server = Server::start_with("", PROXIED).await;
    let with = |address: &str, key: &str| {
        format!("X-LC-Id: {APP}\r\nX-LC-Key: {key}\r\nX-Forwarded-For: {address}\r\n")
    };
    let ask =
        async |lines: String, path: &str| server.ask(As::Headers(&lines), "GET", path, Value::Null).await;
    let right = format!("{MASTER_KEY},master");
    for number in 0..20 {
        // The same wrong key again, as a device with an old one sends it, counts once.
        for _ in 0..if number < 19 { 3 } else { 1 } {
            ask(with("192.0.2.1", &format!("guess-{number},master")), ROOMS).await.refused(401, 401);
        }
    }
    for number in 20..1000 {
        if number % 100 == 0 {
            ask(with("192.0.2.2", &right), ROOMS).await.ok();
        }
        let wait = too_many(ask(with("192.0.2.1", &format!("guess-{number},master")), ROOMS).await);
        assert!((3500..=3600).contains(&wait), "{wait}");
    }
    too_many(ask(with("192.0.2.1", &right), ROOMS).await);
    // Not the other addresses, not the clients behind this one, not the other apps.
    ask(with("192.0.2.2", &right), ROOMS).await.ok();
    ask(with("192.0.2.1", "test-key"), CLASS).await.ok();
    let other = "X-LC-Id: other-app\r\nX-LC-Key: other-master,master\r\nX-Forwarded-For: 192.0.2.1\r\n";
    ask(other.to_owned(), ROOMS).await.ok();
}

/// Behind one address may be thousands of users, and the app's key is no secret.
#[tokio::test]
async fn wrong_app_keys_lock_out_no_neighbour() {
    let server = Server::start().await;
    let lines = |rest: &str| format!("X-LC-Id: {APP}\r\n{rest}\r\n");
    let ask = async |rest: &str| server.ask(As::Headers(&lines(rest)), "GET", CLASS, Value::Null).await;
    // An app that was built with an old key signs each request anew.
    for time in 0..30 {
        ask(&format!("X-LC-Sign: {},{time}", md5(&format!("{time}old-key")))).await.refused(401, 401);
        let both = format!("X-LC-Key: old-key\r\nX-LC-Sign: {},{time}", md5(&format!("{time}old-key")));
        ask(&both).await.refused(401, 401);
    }
    ask(&format!("X-LC-Key: {MASTER_KEY}")).await.ok();
    // What is not said to be the master key could be meant as one, and is counted.
    for number in 1..20 {
        ask(&format!("X-LC-Key: guess-{number}")).await.refused(401, 401);
    }
    too_many(ask("X-LC-Key: guess-20").await);
    too_many(ask(&format!("X-LC-Key: {MASTER_KEY}")).await);
    // The app's own key is looked at all the time, and so is who says that it is the back end.
    ask("X-LC-Key: test-key").await.ok();
    ask(&format!("X-LC-Sign: {},7", md5("7test-key"))).await.ok();
    server.master("GET", ROOMS, Value::Null).await.ok();
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_key_that_becomes_right_is_taken_at_once() {
    let server = Server::start().await;
    let new = format!("X-LC-Id: {APP}\r\nX-LC-Key: new-master,master\r\n");
    server.ask(As::Headers(&new), "GET", ROOMS, Value::Null).await.refused(401, 401);
    let app = grandstand::apps::App::new(APP, "test-key", "new-master");
    server.node.apps.replace(grandstand::apps::Apps::new(vec![app]));
    server.ask(As::Headers(&new), "GET", ROOMS, Value::Null).await.ok();
    server.master("GET", ROOMS, Value::Null).await.refused(401, 401);
}
