//! Servers that are down, slow, or no Grandstand at all.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use crate::desk::{Said, operator, run};

fn ask(address: SocketAddr, more: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let mut command = operator(&folder);
    command.args(["rooms", "list", "--url", &format!("http://{address}"), "--app-id", "app"]).args(more);
    run(command.env("GRANDSTAND_MASTER_KEY", "the-secret"), "")
}

/// A server that says this to whoever asks, and then nothing.
fn saying(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
            // Until the other side goes.
            let _ = stream.read(&mut [0; 1]);
        }
    });
    address
}

#[test]
fn a_server_that_is_down_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let said = ask(address, &[]);
    assert!(said.code == 1 && said.err.contains(&format!("cannot reach http://{address}")), "{said:?}");
    assert!(
        said.err.contains("refused") && said.err.contains("--url") && said.err.contains("连不上"),
        "{said:?}"
    );
}

#[test]
fn a_silent_server_is_not_waited_for_longer_than_said() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let begin = Instant::now();
        let said = ask(saying(answer), &["--timeout", "1s"]);
        assert!(said.code == 1 && said.err.contains("did not answer within 1 s"), "{said:?}");
        assert!(begin.elapsed() < Duration::from_secs(15));
    }
}

#[test]
fn answers_of_others_are_told_apart() {
    for (answer, words) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\x1b[2J\r\nContent-Length: 0\r\n\r\n",
            "cannot reach",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: https://chat.example/\r\nContent-Length: 0\r\n\r\n",
            "sends elsewhere, to https://chat.example/: if that is right, use it as --url",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "is that a Grandstand server's URL?"),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", "answers 502"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "did not answer"),
        ("SSH-2.0-OpenSSH\r\n", "cannot reach"),
        (
            "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 36\r\n\r\n{\"code\":429,\"error\":\"fast\\u001b[2J\"}",
            "429: fast\\u{1b}[2J; try again in 7 s",
        ),
    ] {
        let said = ask(saying(answer), &["--timeout", "2s"]);
        assert!(said.code == 1 && said.err.contains(words), "{words}: {said:?}");
        assert!(!said.err.contains('\u{1b}') && !said.err.contains("the-secret"), "{said:?}");
    }
}

#[test]
fn urls_are_checked_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["chat.example.com", "ftp://chat.example.com", "https://user:pw@chat.example.com"] {
        let said = run(operator(&folder).args(["stats", "--url", url]), "");
        assert!(said.code == 2 && said.err.contains("is no server URL"), "{said:?}");
    }
    // A reserved address, where nobody answers.
    let mut command = operator(&folder);
    command.args(["stats", "--url", "http://192.0.2.1:1", "--app-id", "app", "--timeout", "1s"]);
    let said = run(command.env("GRANDSTAND_MASTER_KEY", "the-secret"), "");
    assert!(said.code == 1 && said.err.contains("travels in clear"), "{said:?}");
}
