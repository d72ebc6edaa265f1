//! Login signatures for users of the app's accounts: who is asked, what comes back, and that nobody else gets one.

use grandstand_protocol::{Command, Event, Open, Signature};
use serde_json::{Value, json};

use crate::{
    engine::{Call, Engine, Reply},
    guest::Guest,
    server::{APP, As, KEY, START, Server},
};

const POSTED: &str = "/1.1/rtm/sign";

/// As LeanCloud's storage has it, with a column that the user wrote.
fn user(name: &str) -> Reply {
    Reply::Whole(
        200,
        "Content-Type: application/json\r\n",
        json!({ "objectId": name, "client_id": "victim", "level": 7 }).to_string(),
    )
}

/// A server whose accounts are the engine, and whose hooks too if `with_hooks`.
async fn server_with(engine: &Engine, with_hooks: bool) -> Server {
    let hooks = if with_hooks { engine.lines("") } else { String::new() };
    let url = format!("http://{}/1.1/users/me", engine.address);
    let accounts = format!("{hooks}\n[apps.accounts]\nurl = \"{url}\"\ntimeout = \"500ms\"\n");
    Server::start_with(&format!("{accounts}[apps.signatures]\nlogin = true\n"), "").await
}

fn asks_accounts(call: &Call) -> bool {
    call.path.ends_with("/users/me")
}

#[tokio::test]
async fn a_user_logs_in_with_what_it_is_given() {
    let engine = Engine::start(|call| match asks_accounts(call) {
        true if call.head.contains("x-lc-session: token-of-tom\r\n") => user("tom"),
        _ => Reply::Whole(400, "", json!({ "code": 211, "error": "Could not find user." }).to_string()),
    })
    .await;
    let server = server_with(&engine, false).await;
    let asked = json!({ "session_token": "token-of-tom" });
    let posted = server.ask(As::App, "POST", POSTED, asked.clone()).await.ok();
    let got =
        server.ask(As::App, "GET", "/1.2/rtm/clients/sign?session_token=token-of-tom", Value::Null).await;
    for signed in [posted, got.ok()] {
        assert_eq!(signed["client_id"], "tom");
        assert!(signed["timestamp"].as_i64().is_some_and(|time| time >= START), "{signed}");
        let signature = Signature {
            signature: signed["signature"].as_str().unwrap().to_owned(),
            timestamp: signed["timestamp"].as_i64().unwrap(),
            nonce: signed["nonce"].as_str().unwrap().to_owned(),
        };
        for (client, is_in) in [("ann", false), ("tom", true)] {
            let mut guest = Guest::connect(server.address, client).await;
            let open = Open { signature: Some(signature.clone()), ..Open::default() };
            let event = guest.ask(Command::Open(Box::new(open))).await;
            assert_eq!(matches!(event, Event::Opened { .. }), is_in, "{client}: {event:?}");
        }
    }
    let call = engine.called("me", |_| true).await;
    assert!(call.head.starts_with("get ") && call.head.contains(&format!("x-lc-id: {APP}\r\n")), "{call:?}");
    assert!(call.head.contains(&format!("x-lc-key: {KEY}\r\n")), "{call:?}");

    let unknown = json!({ "session_token": "another" });
    server.ask(As::App, "POST", POSTED, unknown).await.refused(400, 211);
    server.ask(As::Nobody, "POST", POSTED, asked).await.refused(401, 401);
    let calls = engine.calls("me").len();
    for odd in ["", "a\r\nX-LC-Key: b", "é", &"x".repeat(5000)] {
        server.ask(As::App, "POST", POSTED, json!({ "session_token": odd })).await.refused(400, 211);
    }
    assert_eq!(engine.calls("me").len(), calls, "such tokens are not asked about");
    server.ask(As::App, "POST", POSTED, json!({})).await.refused(400, 400);
}

#[tokio::test]
async fn the_hook_has_its_say_about_the_user() {
    let engine = Engine::start(|call| match (asks_accounts(call), call.hook.as_str()) {
        (true, _) if call.head.contains("token-of-tom") => user("tom"),
        (true, _) => user("ann"),
        (_, "_rtmClientSign") if call.body["objectId"] == "ann" => {
            Reply::Result(json!({ "result": false, "error": "not today" }))
        }
        _ => Reply::Result(Value::Null),
    })
    .await;
    let server = server_with(&engine, true).await;
    let ask =
        async |token: &str| server.ask(As::App, "POST", POSTED, json!({ "session_token": token })).await;
    assert_eq!(ask("token-of-tom").await.ok()["client_id"], "tom");
    assert_eq!(ask("token-of-ann").await.refused(403, 4102), "not today");
    let told = engine.called("_rtmClientSign", |call| call.body["objectId"] == "tom").await.body;
    assert_eq!(told["level"], 7, "all that the accounts said");
}

#[tokio::test]
async fn accounts_that_misbehave_give_nobody_a_signature() {
    let engine = Engine::start(|call| {
        let body = |text: &str| Reply::Whole(200, "", text.to_owned());
        match call.head.split("x-lc-session: ").nth(1).and_then(|rest| rest.split("\r\n").next()) {
            Some("redirect") => Reply::Whole(302, "Location: /1.1/users/tom\r\n", String::new()),
            // With the method kept, and to another name of the same machine.
            Some("elsewhere") => Reply::Whole(308, "Location: //localhost/1.1/users/tom\r\n", String::new()),
            Some("packed") => Reply::Whole(200, "Content-Encoding: gzip\r\n", "\u{1f}not packed".to_owned()),
            Some("failure") => Reply::Whole(500, "", String::new()),
            Some("silence") => Reply::Silence,
            Some("hangup") => Reply::HangUp,
            Some("endless") => Reply::Endless(16 * 1024),
            Some("drip") => Reply::Drip,
            Some("list") => body("[]"),
            Some("nobody") => body("{}"),
            Some("nameless") => body("{\"objectId\": \"\"}"),
            Some("number") => body("{\"objectId\": 7}"),
            Some("text") => body("tom"),
            Some("parted") => body("{\"objectId\": \"to:m\"}"),
            _ => user("tom"),
        }
    })
    .await;
    let server = server_with(&engine, false).await;
    for (token, status, code) in [
        ("redirect", 503, 503),
        ("elsewhere", 503, 503),
        ("packed", 503, 503),
        ("failure", 503, 503),
        ("silence", 503, 503),
        ("hangup", 503, 503),
        ("endless", 503, 503),
        ("drip", 503, 503),
        ("list", 503, 503),
        ("nobody", 503, 503),
        ("nameless", 503, 503),
        ("number", 503, 503),
        ("text", 503, 503),
        ("parted", 400, 400),
    ] {
        let answer = server.ask(As::App, "POST", POSTED, json!({ "session_token": token })).await;
        let words = answer.refused(status, code);
        assert!(!words.contains(token), "{token}: {words}");
    }
    assert!(engine.calls("tom").is_empty(), "no redirect is followed");
    assert_eq!(
        server.ask(As::App, "POST", POSTED, json!({ "session_token": "good" })).await.ok()["client_id"],
        "tom"
    );
}

#[tokio::test]
async fn without_accounts_there_is_nothing_to_sign() {
    let server = Server::start().await;
    server.ask(As::App, "POST", POSTED, json!({ "session_token": "any" })).await.refused(404, 404);
}

#[tokio::test]
async fn without_an_address_the_upstream_knows_whose_a_token_is() {
    let storage = Engine::start(|call| match asks_accounts(call) {
        true if call.head.contains("x-lc-session: token-of-tom\r\n") => user("tom"),
        _ => Reply::Whole(400, "", json!({ "code": 211, "error": "Could not find user." }).to_string()),
    })
    .await;
    let upstream = format!("[apps.upstream]\norigin = \"http://{}\"\n", storage.address);
    let server = Server::start_with(&upstream, "").await;
    let asked = json!({ "session_token": "token-of-tom" });
    assert_eq!(server.ask(As::App, "POST", POSTED, asked.clone()).await.ok()["client_id"], "tom");
    let call = storage.called("me", |_| true).await;
    assert_eq!(call.path, "/1.1/users/me", "{call:?}");
    assert!(call.head.contains(&format!("x-lc-key: {KEY}\r\n")), "{call:?}");
    let unknown = json!({ "session_token": "another" });
    server.ask(As::App, "POST", POSTED, unknown).await.refused(400, 211);

    let accounts = Engine::start(|_| user("tim")).await;
    let lines = format!("{upstream}[apps.accounts]\nurl = \"http://{}/whose\"\n", accounts.address);
    let server = Server::start_with(&lines, "").await;
    let asked_before = storage.calls("me").len();
    assert_eq!(server.ask(As::App, "POST", POSTED, asked).await.ok()["client_id"], "tim", "its own address");
    assert_eq!(storage.calls("me").len(), asked_before, "the upstream is not asked then");
}

/// As long as the accounts may take, the request waits, also where any other would have been too slow.
#[tokio::test]
async fn a_request_waits_for_the_accounts() {
    let engine = Engine::start(|_| Reply::Silence).await;
    let url = format!("http://{}/1.1/users/me", engine.address);
    let accounts = format!("[apps.accounts]\nurl = \"{url}\"\ntimeout = \"900ms\"\n");
    let server = Server::start_with(&accounts, "[limits]\nupgrade_timeout = \"500ms\"").await;
    server.ask(As::App, "POST", POSTED, json!({ "session_token": "any" })).await.refused(503, 503);
    let path = "/1.2/rtm/clients/sign?session_token=any";
    server.ask(As::App, "GET", path, Value::Null).await.refused(503, 503);
}
