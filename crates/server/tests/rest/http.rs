//! HTTP as such: every failure is JSON with a code and words, whatever was asked.

use serde_json::Value;

use crate::server::{As, Server};

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_json() {
    let server = Server::start().await;
    let words = server.master("GET", "/1.2/rtm/nothing", Value::Null).await.refused(404, 404);
    assert!(words.contains("/1.2/rtm/nothing"), "{words}");
    server.ask(As::Nobody, "GET", "/elsewhere", Value::Null).await.refused(404, 404);
    let answer = server.master("DELETE", "/v1/route", Value::Null).await;
    assert!(answer.head.contains("allow: get"), "{}", answer.head);
    let words = answer.refused(405, 405);
    assert!(words.contains("DELETE"), "{words}");
}

#[tokio::test]
async fn keys_are_asked_for() {
    let server = Server::start().await;
    let path = "/1.2/rtm/chatrooms/nowhere/account";
    for who in [
        As::Nobody,
        As::App,
        As::Headers("X-LC-Id: test-app\r\nX-LC-Key: test-key,master\r\n"),
        As::Headers("X-LC-Id: test-app\r\nX-LC-Key: other-master,master\r\n"),
        As::Headers("X-LC-Id: other-app\r\nX-LC-Key: test-master,master\r\n"),
    ] {
        let words = server.ask(who, "GET", path, Value::Null).await.refused(401, 401);
        assert_eq!(words, "Unauthorized.", "{who:?}");
    }
    // Right keys get past: there is just no such room.
    server.ask(As::Master, "GET", path, Value::Null).await.refused(404, 404);
    server.ask(As::OtherMaster, "GET", path, Value::Null).await.refused(404, 404);
}

#[tokio::test]
async fn what_stands_in_the_url_is_bounded() {
    let server = Server::start().await;
    let long = format!("/1.2/rtm/chatrooms/{}/account", "x".repeat(600));
    for path in ["/1.2/rtm/chatrooms/%ff/account", &long] {
        let answer = server.master("GET", path, Value::Null).await;
        assert!(!answer.refused(400, 400).contains("xxxxxxxxxx"));
    }
    let words = server.ask(As::App, "GET", "/1.1/rtm/transient_group/onlines?gid=1&gid=2", Value::Null).await;
    assert!(words.refused(400, 400).contains("gid"));
}
