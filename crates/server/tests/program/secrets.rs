//! Keys and signatures never reach the log, however much it says and however wrong they are.

use super::{
    folder,
    running::{Running, body, read_to_end, request, status},
};
use std::io::Write;

const CONFIG: &str = "[server]\nlog = \"trace\"\n\
    [[apps]]\nid = \"secret-app-0123\"\nkey = \"right-app-key\"\nmaster_key = \"right-master-key\"\n";

const ID: (&str, &str) = ("X-LC-Id", "secret-app-0123");

#[test]
fn no_key_is_logged_or_sent_back() {
    let folder = folder();
    let server = Running::start_with(folder.path(), CONFIG);
    let mut answers = Vec::new();
    // Right ones, wrong ones until none is looked at, and those of older days.
    for (name, value, expected) in [
        ("X-LC-Key", "right-master-key,master", 200),
        ("X-AVOSCloud-Master-Key", "right-master-key", 200),
        ("X-LC-Key", "right-app-key", 401),
        ("X-LC-Sign", "wrong-signature,1453014943466,master", 401),
        ("X-LC-Session", "somebodys-session-token", 401),
    ] {
        let answer = request(server.public, "GET", "/1.2/rtm/chatrooms", &[ID, (name, value)]);
        assert_eq!(status(&answer), expected, "{name}: {answer}");
        answers.push(answer);
    }
    for number in 0..25 {
        let key = format!("wrong-master-key-{number},master");
        answers.push(request(server.public, "GET", "/1.2/rtm/chatrooms", &[ID, ("X-LC-Key", &key)]));
    }
    assert_eq!(status(answers.last().unwrap()), 429);
    // In an address they prove nothing, and are not repeated.
    let target = "/1.1/classes/_Conversation?key=right-app-key&master=right-master-key";
    answers.push(request(server.public, "GET", target, &[ID]));
    assert_eq!(status(answers.last().unwrap()), 401);
    // Heads that are refused before anybody looks at keys.
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nX-LC-Key: right-master-key,master\r\nX-LC-Key\r\n\r\n").unwrap();
    answers.push(read_to_end(&mut stream));
    for answer in &answers {
        assert!(!answer.contains("-key") && !answer.contains("signature"), "{}", body(answer));
    }

    server.signal("TERM");
    let said = server.rest_of_log();
    let warned = |line: &String| line.contains("too many guesses") && line.contains("secret-app-0123");
    assert!(said.iter().any(warned), "the log says who is guessed at: {said:?}");
    for line in &said {
        for secret in ["right-", "wrong-master", "wrong-signature", "somebodys-session"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
