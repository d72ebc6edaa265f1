//! What the protocol's description promises of LeanCloud, asked of the stand-in itself: an export that passes here would
//! otherwise prove little.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    keys::{APP, APP_KEY, MASTER_KEY, signature},
    leancloud::{Habits, LeanCloud},
    world::{FIRST, Message, World},
};

/// One room with three messages, a second apart.
fn world() -> World {
    let mut world = World::default();
    let row = json!({ "objectId": "room", "tr": true, "createdAt": "2025-10-09T08:53:20.000Z" });
    world.rows.extend(row.as_object().cloned());
    world.messages.extend((1..=3).map(|n| Message {
        id: n.to_string(),
        conversation: "room".to_owned(),
        from: "ann".to_owned(),
        timestamp: FIRST + n * 1000,
        data: "hello".to_owned(),
        bin: false,
        ip: None,
        is_wordy: true,
    }));
    world
}

async fn ask(server: &LeanCloud, path: &str, headers: &[(&str, String)]) -> (StatusCode, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.get(format!("{}/1.2/rtm/{path}", server.url()));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_back_end_has_keys_of_three_eras_and_nobody_else_has() {
    let server = LeanCloud::start(1, world(), Habits::default()).await;
    let own = |text: &str| text.to_owned();
    let master = format!("{MASTER_KEY},master");
    let signed = |time: &str, key: &str| format!("{},{time},master", signature(time, key));
    let upper = signed("5", MASTER_KEY).to_uppercase().replace("MASTER", "master");
    for (headers, allowed) in [
        (vec![("x-lc-id", own(APP)), ("x-lc-key", master.clone())], true),
        (vec![("x-lc-id", own(APP)), ("x-lc-sign", signed("5", MASTER_KEY))], true),
        (vec![("x-lc-id", own(APP)), ("x-lc-sign", upper)], true),
        (vec![("x-avoscloud-application-id", own(APP)), ("x-avoscloud-master-key", own(MASTER_KEY))], true),
        (
            vec![
                ("x-avoscloud-application-id", own(APP)),
                ("x-avoscloud-request-sign", signed("5", MASTER_KEY)),
            ],
            true,
        ),
        (vec![("x-uluru-application-id", own(APP)), ("x-uluru-master-key", own(MASTER_KEY))], true),
        (vec![("x-uluru-application-id", own(APP)), ("x-uluru-application-key", master.clone())], true),
        (vec![], false),
        (vec![("x-lc-id", own(APP))], false),
        (vec![("x-lc-key", master.clone())], false),
        (vec![("x-lc-id", own("another")), ("x-lc-key", master.clone())], false),
        (vec![("x-lc-id", own(APP)), ("x-lc-key", own(APP_KEY))], false),
        (vec![("x-lc-id", own(APP)), ("x-lc-key", format!("{APP_KEY},master"))], false),
        // Without the word, it would be the app key.
        (vec![("x-lc-id", own(APP)), ("x-lc-key", own(MASTER_KEY))], false),
        (vec![("x-lc-id", own(APP)), ("x-lc-sign", signed("5", APP_KEY))], false),
        (vec![("x-lc-id", own(APP)), ("x-lc-sign", format!("{},5", signature("5", APP_KEY)))], false),
        (
            vec![("x-lc-id", own(APP)), ("x-lc-sign", format!("{},6,master", signature("5", MASTER_KEY)))],
            false,
        ),
        (
            vec![("x-avoscloud-application-id", own(APP)), ("x-avoscloud-application-key", own(APP_KEY))],
            false,
        ),
    ] {
        let (status, said) = ask(&server, "messages", &headers).await;
        assert_eq!(status.as_u16(), if allowed { 200 } else { 401 }, "{headers:?}");
        if !allowed {
            assert_eq!(said, json!({ "code": 401, "error": "Unauthorized." }), "{headers:?}");
        }
    }
}

#[tokio::test]
async fn pages_have_the_order_and_the_bounds_of_the_description() {
    let server = LeanCloud::start(1, world(), Habits::default()).await;
    let keys = [("x-lc-id", APP.to_owned()), ("x-lc-key", format!("{MASTER_KEY},master"))];
    let (one, three) = (FIRST + 1000, FIRST + 3000);
    let down = format!("timestamp={three}&msgid=3&till_timestamp={one}&till_msgid=1");
    let up = format!("reversed=true&timestamp={one}&msgid=1&till_timestamp={three}&till_msgid=3");
    let times_down = format!("timestamp={three}&till_timestamp={one}");
    for (query, expected) in [
        (String::new(), vec!["3", "2", "1"]),
        ("reversed=true".to_owned(), vec!["1", "2", "3"]),
        ("limit=1".to_owned(), vec!["3"]),
        (down.clone(), vec!["2"]),
        (format!("{down}&include_start=true"), vec!["3", "2"]),
        (format!("{down}&include_stop=true"), vec!["2", "1"]),
        (up.clone(), vec!["2"]),
        (format!("{up}&include_start=true"), vec!["1", "2"]),
        (format!("{up}&include_stop=true"), vec!["2", "3"]),
        (times_down.clone(), vec!["2"]),
        (format!("{times_down}&include_start=true&include_stop=true"), vec!["3", "2", "1"]),
    ] {
        for path in ["messages", "chatrooms/room/messages"] {
            let (status, page) = ask(&server, &format!("{path}?{query}"), &keys).await;
            assert_eq!(status, StatusCode::OK, "{query}: {page}");
            let ids: Vec<&str> =
                page.as_array().unwrap().iter().map(|item| item["msg-id"].as_str().unwrap()).collect();
            assert_eq!(ids, expected, "{path}?{query}");
        }
    }
    for query in
        ["limit=1001", "limit=x", "msgid=1", "till_msgid=1", "reversed=yes", "order=x", "limit=1&limit=2"]
    {
        let (status, said) = ask(&server, &format!("messages?{query}"), &keys).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(said["code"].is_number() && said["error"].is_string(), "{query}: {said}");
    }
    let (status, said) = ask(&server, "chatrooms/elsewhere/messages", &keys).await;
    assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!(4401)));
}
