//! Signatures over REST: history where an app wants it signed, and both master keys.

use hmac::{Hmac, KeyInit, Mac};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::server::{APP, As, MASTER_KEY, START, Server};

fn signed(text: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(MASTER_KEY.as_bytes()).unwrap().chain_update(text).finalize();
    mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn history_is_signed_for_this_room_and_reader() {
    // The test and the server share a thread, so this records what the server counts.
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start_with("[apps.signatures]\nhistory = true\n", "").await;
    let made = server.master("POST", "/1.2/rtm/chatrooms", json!({ "name": "room" })).await.ok();
    let room = made["objectId"].as_str().unwrap().to_owned();
    let good = signed(&format!("{APP}:reader:{room}:n:{START}"));
    for (path, who) in [
        (format!("/1.2/rtm/chatrooms/{room}/messages?"), "client_id"),
        (format!("/1.1/rtm/messages/history?convid={room}&"), "peerid"),
    ] {
        let ask =
            async |parameters: &str| server.master("GET", &format!("{path}{parameters}"), Value::Null).await;
        let rest = format!("nonce=n&signature_ts={START}");
        assert_eq!(ask(&format!("{who}=reader&{rest}&signature={good}")).await.ok(), json!([]));
        ask(&format!("{who}=another&{rest}&signature={good}")).await.refused(403, 4302);
        ask(&format!("{who}=reader&nonce=m&signature_ts={START}&signature={good}")).await.refused(403, 4302);
        ask(&format!("{who}=reader&{rest}")).await.refused(403, 4302);
        ask(&format!("{rest}&signature={good}")).await.refused(400, 400);
    }
    server.master("GET", "/1.2/rtm/chatrooms/another/messages", Value::Null).await.refused(403, 4302);
    let figures = counted.render();
    assert!(figures.contains("grandstand_signatures_refused_total{kind=\"history\"} 7"), "{figures}");
}

#[tokio::test]
async fn both_master_keys_are_the_back_end() {
    let server = Server::start_with("previous_master_key = \"the-old-one\"\n", "").await;
    for (key, status) in [(MASTER_KEY, 200), ("the-old-one", 200), ("an-older-one", 401)] {
        let keys = format!("X-LC-Id: {APP}\r\nX-LC-Key: {key},master\r\n");
        let answer = server.ask(As::Headers(&keys), "GET", "/1.2/rtm/stats", Value::Null).await;
        assert_eq!(answer.status, status, "{key}");
    }
}

/// A request with the app's key has no place for a signature.
#[tokio::test]
async fn where_rooms_are_signed_the_apps_key_makes_none() {
    let server = Server::start_with("[apps.signatures]\nrooms = true\n", "").await;
    let (class, room) = ("/1.1/classes/_Conversation", json!({ "name": "room", "tr": true }));
    let words = server.ask(As::App, "POST", class, room.clone()).await.refused(403, 4302);
    assert!(words.contains("signed") && words.contains("master key"), "{words}");
    let batch = json!({ "requests": [{ "method": "POST", "path": class, "body": room }] });
    let answers = server.ask(As::App, "POST", "/1.1/batch", batch).await.ok();
    assert_eq!(answers[0]["error"]["code"], 4302, "{answers}");
    let none = server.ask(As::App, "GET", class, Value::Null).await.ok();
    assert_eq!(none["results"], json!([]));
    server.master("POST", class, room).await.ok();
}
