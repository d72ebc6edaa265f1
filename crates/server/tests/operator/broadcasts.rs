//! `broadcast`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use grandstand_protocol::{Body, RoomId};
use serde_json::{Value, json};

use crate::{
    desk::{Desk, Said, operator, run},
    guest::Guest,
};

async fn member(desk: &Desk, client: &str, room: &str) -> Guest {
    let (mut guest, _) = Guest::log_in(desk.server.public, client).await;
    guest.join(&RoomId::from(room)).await;
    guest
}

#[tokio::test]
async fn all_rooms_get_it_or_those_that_match() {
    let desk = Desk::open();
    let (news, sports) = (desk.room("news"), desk.room("sports"));
    let (mut ann, mut bob) = (member(&desk, "ann", &news).await, member(&desk, "bob", &sports).await);

    let words = desk.refused(&["broadcast", "x", "--from", "host"], 2);
    assert!(
        words.contains("Send this to all rooms, 2 of them? Nobody can be asked here: say --yes"),
        "{words}"
    );
    let some = ["--from", "host", "--where", r#"{"name":"news"}"#];
    let words = desk.refused(&[&["broadcast", "x"], &some[..]].concat(), 2);
    assert!(words.contains("Send this to the rooms that match, 1 of them?"), "{words}");

    let said = desk.ok(&["broadcast", "hello 世界", "--from", "host", "--yes"]);
    assert_eq!(said, "sent to 2 rooms\n", "none of the questions before sent anything");
    for (guest, room) in [(&mut ann, &news), (&mut bob, &sports)] {
        let heard = guest.hear().await;
        let Body::Text(text) = &heard.body else { panic!("a text") };
        let expected = json!({ "_lctype": -1, "_lctext": "hello 世界" });
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
        assert_eq!((heard.from.as_str(), heard.transient), ("host", false));
        assert!(desk.ok(&["message", "trace", room, heard.message.as_str()]).contains("level     HIGH"));
    }
    let low = ["--level", "low", "--raw", "--yes", "--json"];
    let answer = &desk.json(&[&["broadcast", "to some"], &some[..], &low[..4]].concat())[0];
    assert_eq!((&answer["rooms"], &answer["failed"], &answer["more"]), (&json!(1), &json!(0), &json!(false)));
    let heard = ann.hear().await;
    assert_eq!(heard.body, Body::Text("to some".to_owned()));
    assert!(desk.ok(&["message", "trace", &news, heard.message.as_str()]).contains("level     LOW"));

    let mut command = desk.command();
    command.args(["broadcast", "-", "--from", "host", "--raw", "--transient", "--yes"]);
    assert_eq!(run(&mut command, "two\nlines\n").out, "sent to 2 rooms\n");
    let heard = bob.hear().await;
    assert!(
        heard.transient && heard.body == Body::Text("two\nlines".to_owned()),
        "the first since: {heard:?}"
    );
}

#[tokio::test]
async fn the_same_id_is_the_same_broadcast() {
    let desk = Desk::open();
    let room = desk.room("room");
    let mut ann = member(&desk, "ann", &room).await;
    for text in ["first", "first", "second"] {
        let said = desk.say(&["broadcast", text, "--from", "host", "--raw", "--yes", "--id", "news-1"]);
        let expected = if text == "first" { (0, "sent to 1 room\n") } else { (1, "") };
        assert_eq!((said.code, said.out.as_str()), expected, "{said:?}");
    }
    desk.ok(&["broadcast", "last", "--from", "host", "--raw", "--yes"]);
    assert_eq!(ann.hear_until("last").await, ["first", "last"]);
    let wrong = ["--from", "host", "--where", r#"{"$no":1}"#];
    for yes in [&["--yes"][..], &[]] {
        let arguments = [&["broadcast", "x"], &wrong[..], yes].concat();
        assert!(desk.say(&arguments).code > 0, "{arguments:?}");
    }
    let words = desk.refused(&[&["broadcast", "x", "--yes"], &wrong[..]].concat(), 1);
    assert!(words.contains("code 4310") && !words.contains("--id"), "nothing has begun: {words}");
    assert_eq!(desk.say(&["broadcast", "x", "--yes"]).code, 2, "--from is needed");
    assert!(desk.refused(&["broadcast", "-", "--from", "host", "--yes"], 2).contains("the text is empty"));
}

/// A server that gives these answers, one to a connection, and is gone then; the bodies that it got.
fn giving(answers: Vec<Value>) -> (SocketAddr, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || answers.iter().map(|answer| give(listener.accept().unwrap().0, answer)).collect();
    (address, thread::spawn(serve))
}

fn give(mut stream: TcpStream, answer: &Value) -> Value {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().to_lowercase().strip_prefix("content-length: ") {
            Some(bytes) => length = bytes.parse().unwrap(),
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
    stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn broadcast(server: SocketAddr, more: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let mut command = operator(&folder);
    command.args(["broadcast", "x", "--from", "host", "--yes", "--url", &format!("http://{server}")]);
    command.args(["--app-id", "app"]).args(more).env("GRANDSTAND_MASTER_KEY", "the-secret");
    run(&mut command, "")
}

fn progress(rooms: u32, failed: u32, more: bool) -> Value {
    json!({ "id": "any", "rooms": rooms, "failed": failed, "more": more })
}

#[test]
fn a_long_one_is_followed_to_its_end() {
    let (server, bodies) =
        giving(vec![progress(900, 0, true), progress(1800, 0, true), progress(2000, 0, false)]);
    let said = broadcast(server, &["--json"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{said:?}");
    assert!(said.out.contains("\"rooms\":2000"), "{said:?}");
    assert!(said.err.contains("900 rooms have it so far") && said.err.contains("已发到 1800 个"), "{said:?}");
    let bodies = bodies.join().unwrap();
    assert!(bodies[0]["id"].as_str().is_some_and(|id| id.len() == 32), "{bodies:?}");
    assert!(bodies.iter().all(|body| *body == bodies[0]), "the same is asked again: {bodies:?}");
}

#[test]
fn whoever_fails_halfway_is_told_how_to_go_on() {
    let (server, bodies) = giving(vec![progress(900, 0, true)]);
    let said = broadcast(server, &["--id", "news-1"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.contains("cannot reach") || said.err.contains("closed"), "{said:?}");
    assert!(said.err.contains("900 rooms had it. The same command with --id news-1 goes on"), "{said:?}");
    assert_eq!(bodies.join().unwrap()[0]["id"], "news-1");
}

#[test]
fn rooms_that_did_not_get_it_are_a_failure() {
    let (server, _bodies) = giving(vec![progress(7, 3, false)]);
    let said = broadcast(server, &[]);
    assert_eq!((said.code, said.out.as_str()), (1, "sent to 7 rooms\n"), "{said:?}");
    assert!(said.err.contains("3 rooms did not get it") && said.err.contains("服务器日志"), "{said:?}");
}
