//! The program behind proxies: PROXY protocol v2 and `X-Forwarded-…`, from trusted peers only.

use std::{io::Write, net::TcpStream};

use super::{
    folder,
    running::{Running, body, read_head, read_to_end, status, upgrade_request},
};

const TRUSTING: &str = "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n[limits]\nsockets_per_address = 1\n";

/// A PROXY v2 header for a TCP connection from this IPv4 address.
fn proxy_header(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    header.extend(source);
    header.extend([127, 0, 0, 1, 0x11, 0x5c, 0x1f, 0x90]);
    header
}

/// Sends bytes, then an upgrade request; the connection, and the status of the answer.
fn upgrade(server: &Running, before: &[u8], headers: &[(&str, &str)]) -> (TcpStream, u16) {
    let mut stream = server.connect();
    // A refused peer may be told before it has asked.
    let _ = stream.write_all(&[before, upgrade_request("/", headers).as_bytes()].concat());
    let head = read_head(&mut stream);
    (stream, status(&head))
}

#[test]
fn addresses_told_by_the_proxy_protocol_are_counted_apart() {
    let folder = folder();
    let config = TRUSTING.replace("[limits]", "proxy_protocol = true\n[limits]");
    let server = Running::start_with(folder.path(), &config);
    let (_held, first) = upgrade(&server, &proxy_header([203, 0, 113, 1]), &[]);
    let (_, second) = upgrade(&server, &proxy_header([203, 0, 113, 1]), &[]);
    let (_other, third) = upgrade(&server, &proxy_header([203, 0, 113, 2]), &[]);
    assert_eq!([first, second, third], [101, 503, 101]);

    let (_, without) = upgrade(&server, b"", &[]);
    assert_eq!(without, 0, "a trusted proxy that sends no header is cut off");
    server.wait_for_log("a proxy's connection was closed");
}

#[test]
fn addresses_told_by_x_forwarded_for_are_counted_apart() {
    let folder = folder();
    let server = Running::start_with(folder.path(), TRUSTING);
    let forwarded = |address| upgrade(&server, b"", &[("X-Forwarded-For", address)]);
    let (_held, first) = forwarded("203.0.113.1");
    let (_, second) = forwarded("198.51.100.7, 203.0.113.1");
    let (_other, third) = forwarded("203.0.113.2");
    assert_eq!([first, second, third], [101, 503, 101]);
}

#[test]
fn the_router_believes_trusted_proxies_only() {
    let told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "chat.example.com")];
    for (config, expected) in [(TRUSTING, "wss://chat.example.com/"), ("", "ws://127.0.0.1:")] {
        let folder = folder();
        let server = Running::start_with(folder.path(), config);
        let answer = server.get("/v1/route", &told);
        assert!(answer.contains(&format!("\"server\":\"{expected}")), "{answer}");
    }
}

#[test]
fn a_configured_public_url_wins() {
    let folder = folder();
    let server =
        Running::start_with(folder.path(), "[server]\npublic_url = \"https://chat.example.com:8443/\"\n");
    let answer = server.get("/v1/route", &[]);
    assert!(body(&answer).starts_with(r#"{"server":"wss://chat.example.com:8443/","#), "{answer}");
    assert!(server.announcement.contains("https://chat.example.com:8443/demo"), "{}", server.announcement);
}

#[test]
fn the_proxy_protocol_is_nothing_for_strangers() {
    let folder = folder();
    let config = "[server]\ntrusted_proxies = [\"192.0.2.1/32\"]\nproxy_protocol = true\n";
    let server = Running::start_with(folder.path(), config);
    let (_direct, plain) = upgrade(&server, b"", &[]);
    assert_eq!(plain, 101);
    let mut stream = server.connect();
    stream.write_all(&proxy_header([203, 0, 113, 1])).unwrap();
    let answer = read_to_end(&mut stream);
    assert!(status(&answer) == 400, "{answer}");
}

#[test]
fn wrong_keys_are_counted_by_the_address_behind_the_proxy() {
    let app =
        "[[apps]]\nid = \"guessed-app\"\nkey = \"guessed-app-key-01\"\nmaster_key = \"guessed-master-01\"\n";
    // From a trusted proxy each client is counted apart; whoever else writes the header is counted as itself.
    for (config, same_client, another) in [(TRUSTING, 429, 200), ("", 429, 429)] {
        let folder = folder();
        let server = Running::start_with(folder.path(), &format!("{config}{app}"));
        let ask = |address: &str, key: &str| {
            let headers = [("X-LC-Id", "guessed-app"), ("X-LC-Key", key), ("X-Forwarded-For", address)];
            status(&server.get("/1.2/rtm/stats", &headers))
        };
        let right = "guessed-master-01,master";
        assert_eq!(ask("203.0.113.1", right), 200);
        for number in 0..25 {
            // Of several addresses the last is the proxy's own word.
            let told = format!("198.51.100.{number}, 203.0.113.1");
            let told = if config.is_empty() { format!("203.0.113.{number}") } else { told };
            let answer = ask(&told, &format!("wrong-{number},master"));
            assert_eq!(answer, if number < 20 { 401 } else { 429 }, "{number}");
        }
        assert_eq!(ask("203.0.113.1", right), same_client, "the right key, too, for an hour");
        assert_eq!(ask("203.0.113.200", right), another);
    }
}
