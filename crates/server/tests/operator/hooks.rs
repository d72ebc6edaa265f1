//! What the server's log says to whoever sets up a webhook.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::desk::Desk;

#[test]
fn a_webhook_with_another_secret_is_named_in_the_log() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let desk = Desk::open_with(&format!(
        "[apps.webhook]\nurl = \"http://{address}/\"\nsecret = \"not-theirs\"\nevents = [\"messageReceived\"]\n\
         [apps.hooks.on_failure]\nmessage_received = \"refuse\"\n"
    ));
    let room = desk.room("room");
    for _ in 0..3 {
        let words = desk.refused(&["message", "send", &room, "text", "--from", "host"], 1);
        assert!(words.contains("its log says why"), "{words}");
    }
    let line = desk.server.wait_for_log("a hook failed");
    assert!(line.contains("hook=\"messageReceived\"") && line.contains("error=\"refused\""), "{line}");
    assert!(line.contains("WARN") && !line.contains("not-theirs"), "{line}");
    desk.server.signal("TERM");
    let rest = desk.server.rest_of_log();
    assert!(!rest.iter().any(|line| line.contains("a hook failed")), "once a minute: {rest:?}");
}
