//! The word list of an app: uploaded, in force at once, counted; and what becomes of messages.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use grandstand_protocol::{
    Body, Command, Event, Level, Mentions, MessageId, Patch, PatchRequest, RoomId, Send,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    guest::{Guest, message},
    server::{APP, As, MASTER_KEY, Server},
};

const WORDS: &str = "/1.2/rtm/words";

#[tokio::test]
async fn a_list_is_taken_over_shown_and_removed() {
    let server = Server::start().await;
    assert_eq!(server.master("GET", WORDS, Value::Null).await.status, 404);
    assert_eq!(server.master("DELETE", WORDS, Value::Null).await.status, 404);
    assert_eq!(server.master("GET", "/1.2/rtm/words/hits", Value::Null).await.status, 404);

    let list = "\u{feff}傻瓜\r\nfool\n\nfool\n";
    let answer = server.ask_raw(As::Master, "PUT", WORDS, list).await.ok();
    assert_eq!(answer, json!({ "words": 2, "repeated": 1 }));
    assert_eq!(server.text(WORDS).await, "傻瓜\nfool\n");
    assert_eq!(server.ask(As::OtherMaster, "GET", WORDS, Value::Null).await.status, 404, "apps are apart");

    for (list, status) in [("ok\nbad\0word\n", 400), (&"x".repeat(65), 400), (&"long ".repeat(20_000), 400)] {
        let answer = server.ask_raw(As::Master, "PUT", WORDS, list).await;
        assert_eq!(answer.status, status, "{:.40}", list);
    }
    let too_many: String = (0..=100_000).map(|n| format!("w{n}\n")).collect();
    let words = server.ask_raw(As::Master, "PUT", WORDS, &too_many).await.refused(413, 413);
    assert!(words.contains("100000"), "{words}");
    // As much as there may be of the costliest kind: words that share no beginnings, and such that share many.
    let costly: String = (0..32_000u32)
        .map(|n| format!("{:063}\n", u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let begun = Instant::now();
    server.ask_raw(As::Master, "PUT", WORDS, &costly).await.ok();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    server.ask_raw(As::Master, "PUT", WORDS, list).await.ok();
    for too_large in [costly.replace('0', "零"), "\n".repeat(9 << 20), "fool\n".repeat(2 << 20)] {
        let words = server.ask_raw(As::Master, "PUT", WORDS, &too_large).await.refused(413, 413);
        assert!(words.contains("bytes"), "{words}");
    }
    let head = format!(
        "PUT {WORDS} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX-LC-Id: {APP}\r\n\
         X-LC-Key: {MASTER_KEY},master\r\nContent-Length: 4\r\n\r\n"
    );
    let latin = [head.as_bytes(), b"caf\xe9"];
    assert_eq!(server.send(&latin.concat()).await.refused(400, 400), "line 1 is not UTF-8");
    assert_eq!(server.text(WORDS).await, "傻瓜\nfool\n", "what is refused changes nothing");

    for who in [As::App, As::Nobody, As::Headers("X-LC-Id: test-app\r\nX-LC-Key: test-master\r\n")] {
        for method in ["GET", "PUT", "DELETE"] {
            assert_eq!(server.ask(who, method, WORDS, Value::Null).await.status, 401, "{who:?} {method}");
        }
        assert_eq!(server.ask(who, "GET", "/1.2/rtm/words/hits", Value::Null).await.status, 401);
    }
    server.master("DELETE", WORDS, Value::Null).await.ok();
    assert_eq!(server.master("GET", WORDS, Value::Null).await.status, 404);
}

#[tokio::test]
async fn words_are_replaced_for_all_and_the_sender_is_told() {
    let server = Server::start().await;
    server.ask_raw(As::Master, "PUT", WORDS, "傻瓜\nfool").await.ok();
    let mut ann = enter(&server, "ann").await;
    let room = ann.create().await;
    let mut bob = enter(&server, "bob").await;
    bob.join(&room).await;

    // Ann is not in the room, and hears all the same what became of her message.
    let typed = r#"{"_lctype":-1,"_lctext":"Ｆool！","_lcattrs":{"fool":1}}"#;
    let masked = r#"{"_lctype":-1,"_lctext":"***！","_lcattrs":{"fool":1}}"#;
    let sent = Send { dedupe: Some("d".to_owned()), ..say(&room, text(typed)) };
    let (message, timestamp) = accepted(&mut ann, &sent).await;
    let patch = patched(&mut ann).await;
    assert_eq!((patch.message, patch.body), (message.clone(), text(masked)));
    assert_eq!((patch.code, patch.timestamp, patch.patched_at), (Some(-4408), timestamp, timestamp));
    assert_eq!((patch.from.as_str(), patch.recall), ("ann", false));
    assert!(patch.reason.is_some());
    let push = bob.hear().await;
    assert_eq!((push.message, push.body, push.patched_at), (message.clone(), text(masked), None));

    // A retry is answered and corrected like the first.
    assert_eq!(accepted(&mut ann, &sent).await, (message.clone(), timestamp));
    assert_eq!(patched(&mut ann).await.message, message);

    // An edit: the reply, then the correction; the others get what is left of it.
    let edit = PatchRequest {
        room: room.clone(),
        message: message.clone(),
        timestamp,
        recall: false,
        body: Some(text("still a fool")),
        mentions: Mentions::default(),
    };
    let reply = ann.ask(Command::Modify { patches: vec![edit] }).await;
    assert!(matches!(reply, Event::Modified { .. }), "{reply:?}");
    let correction = patched(&mut ann).await;
    assert_eq!((correction.body, correction.code), (text("still a ***"), Some(-4408)));
    let edited = patched(&mut bob).await;
    assert_eq!((edited.body, edited.code), (text("still a ***"), None));

    // By the back end, and transient: bob's next is this one.
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let body = json!({ "from_client": "ann", "message": "傻瓜 fool", "transient": true });
    server.master("POST", &path, body).await.ok();
    let push = bob.hear().await;
    assert_eq!(push.body, text("*** ***"));

    // What has no word, and bytes, are left alone; nobody hears of a correction in between.
    for body in [text("foo"), Body::Binary(b"fool".to_vec().into())] {
        accepted(&mut ann, &say(&room, body.clone())).await;
        let push = bob.hear().await;
        assert_eq!(push.body, body);
    }
    let history = server.master("GET", &path, Value::Null).await.ok();
    assert!(history.as_array().unwrap().iter().all(|item| item["data"] != typed), "{history}");

    let hits = server.master("GET", "/1.2/rtm/words/hits?limit=1", Value::Null).await.ok();
    assert_eq!(hits["results"], json!([{ "word": "fool", "count": 4 }]), "{hits}");
    assert_eq!(hits["met"], 2);
    // Words that stay in the list keep their hits.
    server.ask_raw(As::Master, "PUT", WORDS, "fool\nnew").await.ok();
    let hits = server.master("GET", "/1.2/rtm/words/hits", Value::Null).await.ok();
    assert_eq!(hits["results"], json!([{ "word": "fool", "count": 4 }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_words_are_replaced_under_load_and_no_message_is_lost() {
    const MESSAGES: usize = 300;
    let server = Arc::new(Server::start().await);
    let list = |extra: &str| (1..100_000).map(|n| word(n) + "\n").collect::<String>() + extra;
    server.ask_raw(As::Master, "PUT", WORDS, &list("first")).await.ok();
    let mut ann = enter(&server, "ann").await;
    let room = ann.create().await;
    let mut bob = enter(&server, "bob").await;
    bob.join(&room).await;

    let mut reloading = JoinSet::new();
    let (worker, lists) = (Arc::clone(&server), [list("second"), list("third")]);
    reloading.spawn(async move {
        for list in lists {
            worker.ask_raw(As::Master, "PUT", WORDS, &list).await.ok();
        }
    });
    let mut heard = Vec::new();
    let mut sent = 0;
    // On and on until the reloads are over, and a good number in any case.
    while sent < MESSAGES || !reloading.is_empty() {
        let sending = say(&room, text(&format!("{sent} {} third", word(77_777))));
        accepted(&mut ann, &sending).await;
        let _ = patched(&mut ann).await;
        sent += 1;
        let push = bob.hear().await;
        heard.push(push.body);
        if let Some(done) = reloading.try_join_next() {
            done.unwrap();
        }
    }
    assert_eq!(heard.len(), sent);
    for (number, body) in heard.iter().enumerate() {
        let by = |last: &str| text(&format!("{number} *** {last}"));
        assert!([by("third"), by("***")].contains(body), "{body:?}");
    }
    let last = say(&room, text("first second third"));
    accepted(&mut ann, &last).await;
    let push = bob.hear().await;
    assert_eq!(push.body, text("first second ***"), "at once, for all");
}

#[tokio::test]
async fn foldings_are_the_apps_to_choose() {
    let server = Server::start_with("[apps.words]\nany_case = false\nany_script = false", "").await;
    server.ask_raw(As::Master, "PUT", WORDS, "fool\n骂").await.ok();
    let mut ann = enter(&server, "ann").await;
    let room = ann.create().await;
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let body = json!({ "from_client": "bob", "message": "fool Fool ｆool 骂 罵" });
    server.master("POST", &path, body).await.ok();
    let history = server.master("GET", &path, Value::Null).await.ok();
    assert_eq!(history[0]["data"], "*** Fool *** *** 罵");
}

/// Three characters.
fn word(number: usize) -> String {
    let digit = |n: usize| char::from_u32(0xac00 + u32::try_from(n).unwrap()).unwrap();
    [number % 100, number / 100 % 100, number / 10_000].map(digit).iter().collect()
}

fn text(text: &str) -> Body {
    Body::Text(text.to_owned())
}

fn say(room: &RoomId, body: Body) -> Send {
    Send { body, ..message(room, Level::Normal, "") }
}

async fn enter(server: &Server, client: &str) -> Guest {
    Guest::log_in(server.address, client).await.0
}

async fn accepted(guest: &mut Guest, send: &Send) -> (MessageId, i64) {
    match guest.ask(Command::Send(Box::new(send.clone()))).await {
        Event::Accepted { message, timestamp } => (message, timestamp),
        other => panic!("an ack, not {other:?}"),
    }
}

async fn patched(guest: &mut Guest) -> Patch {
    match guest.hear_event(|event| matches!(event, Event::Patched(_))).await {
        Event::Patched(patch) => *patch,
        other => panic!("a patch, not {other:?}"),
    }
}
