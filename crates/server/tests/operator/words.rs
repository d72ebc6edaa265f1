//! `words`.

use serde_json::json;

use crate::desk::{Desk, run};

#[test]
fn a_list_is_loaded_shown_and_removed() {
    let desk = Desk::open();
    let room = desk.room("room");
    assert!(desk.refused(&["words", "show"], 1).contains("this app has no word list"));
    std::fs::write(desk.folder.path().join("words.txt"), "坏词\nugly\nugly\n").unwrap();
    assert_eq!(desk.ok(&["words", "load", "words.txt"]), "2 words in force, 1 stood there more than once\n");
    assert_eq!(desk.ok(&["words", "show"]), "坏词\nugly\n");
    assert_eq!(desk.json(&["words", "show"]), [json!({ "word": "坏词" }), json!({ "word": "ugly" })]);
    assert!(desk.ok(&["words", "hits"]).starts_with("no word was met since 20"));
    for text in ["坏词", "坏词 ugly"] {
        desk.ok(&["message", "send", &room, text, "--from", "host"]);
    }
    let hits = desk.ok(&["words", "hits"]);
    assert!(hits.starts_with("WORD  COUNT\n坏词  2\nugly  1\n2 words met since 20"), "{hits}");
    assert_eq!(desk.json(&["words", "hits", "--limit", "1"]), [json!({ "word": "坏词", "count": 2 })]);

    let said = run(desk.command().args(["words", "load", "-", "--json"]), "one\n");
    assert_eq!(said.out, "{\"words\":1,\"repeated\":0}\n");
    assert!(desk.refused(&["words", "load", "absent.txt"], 1).contains("absent.txt"));
    assert!(desk.refused(&["words", "clear"], 2).contains("say --yes"));
    assert_eq!(desk.ok(&["words", "clear", "--yes"]), "removed the list: nothing is filtered any more\n");
    assert!(desk.refused(&["words", "clear", "--yes"], 1).contains("404"));
}
