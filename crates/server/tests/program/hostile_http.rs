//! Hostile peers of the public port, up to the upgrade: each gets its answer by its deadline, nobody else notices.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use super::{
    folder,
    running::{Running, body, close_code, read_head, read_to_end, status, upgrade_request},
};

/// Deadlines shortened, as protocol 2.5 wants them to be possible.
const SHORT: &str = "[limits]\nupgrade_timeout = \"400ms\"\n";
const DEADLINE: Duration = Duration::from_millis(400);
/// On a busy machine an answer is this late at most.
pub(super) const LATE: Duration = Duration::from_secs(10);
/// Hostile peers at one time.
pub(super) const PEERS: u64 = 300;
/// What hostile peers may cost, in bytes.
pub(super) const MEMORY: usize = 10 * 1024 * 1024;

#[test]
fn a_slow_request_gets_408() {
    let folder = folder();
    let server = Running::start_with(folder.path(), SHORT);
    for sent in [&b""[..], b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let start = Instant::now();
        let mut stream = server.connect();
        stream.write_all(sent).unwrap();
        let answer = read_to_end(&mut stream);
        assert_eq!(status(&answer), 408, "{answer}");
        assert!(body(&answer).starts_with(r#"{"code":408,"error":"#), "{answer}");
        assert!((DEADLINE..LATE).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
}

#[test]
fn a_second_request_that_never_ends_is_cut_off_too() {
    let folder = folder();
    let server = Running::start_with(folder.path(), SHORT);
    let mut stream = server.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX-Slow: ").unwrap();
    let start = Instant::now();
    let answer = read_to_end(&mut stream);
    assert_eq!(status(&answer), 200);
    assert!(start.elapsed() < LATE);
}

#[test]
fn a_request_that_is_too_large_gets_431() {
    let folder = folder();
    let server = Running::start(folder.path());
    let headers = |count: usize| "X: y\r\n".repeat(count);
    let long = "a".repeat(17 * 1024);
    for (request, expected) in [
        (format!("GET /healthz HTTP/1.1\r\nConnection: close\r\n{}\r\n", headers(63)), 200),
        (format!("GET /healthz HTTP/1.1\r\nConnection: close\r\n{}\r\n", headers(64)), 431),
        (format!("GET /healthz HTTP/1.1\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET /{long}"), 431),
        (format!("GET /healthz HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n{}\r\n", headers(65)), 200),
    ] {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_to_end(&mut stream);
        assert_eq!(status(&answer), expected, "{}…", &request[..40]);
        assert!(!request.contains("\r\n\r\nGET") || answer.contains("HTTP/1.1 431"), "the second one, too");
    }
}

#[test]
fn an_endless_header_costs_nothing() {
    let folder = folder();
    let server = Running::start(folder.path());
    let before = server.memory();
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    let chunk = vec![b'a'; 64 * 1024];
    // 20 MB, or until the server no longer listens.
    let sent = (0..320).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 320, "the server read on");
    assert!(server.memory() < before + MEMORY);
    assert_eq!(status(&server.get("/healthz", &[])), 200);
}

#[test]
fn what_is_no_request_for_us_is_refused_at_once() {
    let folder = folder();
    let server = Running::start(folder.path());
    for (request, expected) in [
        (upgrade_request("/", &[("Sec-WebSocket-Protocol", "lc.msgpack.3")]), 400),
        (upgrade_request("/?subprotocol=chat", &[]), 400),
        (upgrade_request("/", &[("Sec-WebSocket-Version", "8")]), 400),
        (upgrade_request("/", &[("Sec-WebSocket-Key", "short")]), 400),
        (upgrade_request("/", &[("Upgrade", "h2c")]), 400),
        (upgrade_request("/", &[("Connection", "keep-alive")]), 400),
        (upgrade_request("/", &[]).replace("HTTP/1.1", "HTTP/1.0"), 400),
        (upgrade_request("/elsewhere", &[]), 404),
        ("\x16\x03\x01 a greeting of TLS".to_owned(), 400),
        ("what is this?\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_owned(), 405),
    ] {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(status(&read_head(&mut stream)), expected, "{request}");
    }
}

/// Compression is never agreed on, so nothing is unpacked that could burst.
#[test]
fn an_offer_of_compression_is_passed_over_and_what_comes_packed_is_refused() {
    let folder = folder();
    let server = Running::start(folder.path());
    let before = server.memory();
    for _ in 0..PEERS {
        let offer = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame";
        let mut stream = server.connect();
        let request = upgrade_request("/", &[("Sec-WebSocket-Extensions", offer)]);
        // A kilobyte that says it is a megabyte, masked with 0.
        let bomb = [&[0xc2, 0xfe, 4, 0, 0, 0, 0, 0][..], &[0; 1024]].concat();
        stream.write_all(&[request.as_bytes(), &bomb].concat()).unwrap();
        let head = read_head(&mut stream).to_ascii_lowercase();
        assert!(status(&head) == 101 && !head.contains("sec-websocket-extensions"), "{head}");
        assert_eq!(close_code(&mut stream), 1002);
    }
    assert!(server.memory() < before + MEMORY);
}

/// What an attacker without a login can have the server hold: documented as 8 KiB for each socket, for so long.
#[test]
fn messages_that_never_end_cost_what_came_of_them_until_their_deadline() {
    const FRAME: usize = 8 * 1024;
    let folder = folder();
    let server = Running::start_with(folder.path(), "[limits]\nmessage_timeout = \"5s\"\n");
    let before = server.memory();
    // All but the last byte, masked with 0.
    let begun = [&[0x82, 0xfe, 0x20, 0, 0, 0, 0, 0][..], &vec![1; FRAME - 1]].concat();
    let mut peers: Vec<TcpStream> = (0..PEERS).map(|_| server.upgrade()).collect();
    for peer in &mut peers {
        peer.write_all(&begun).unwrap();
    }
    let start = Instant::now();
    let held = PEERS as usize * FRAME;
    let mut most = 0;
    while most < held && start.elapsed() < Duration::from_secs(4) {
        most = most.max(server.memory().saturating_sub(before));
    }
    eprintln!("{} KiB for each", most / 1024 / PEERS as usize);
    assert!(most < held + held / 4 + MEMORY, "{most} bytes for {held}");
    for peer in &mut peers {
        assert_eq!(close_code(peer), 4107);
    }
}

#[test]
fn frames_sent_along_with_the_upgrade_are_read() {
    let folder = folder();
    let server = Running::start(folder.path());
    let mut stream = server.connect();
    // A ping "hi" with the mask 0.
    let ping = [0x89, 0x82, 0, 0, 0, 0, b'h', b'i'];
    stream.write_all(&[upgrade_request("/", &[]).as_bytes(), &ping].concat()).unwrap();
    assert_eq!(status(&read_head(&mut stream)), 101);
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(pong, [0x8a, 2, b'h', b'i']);
}

#[test]
fn many_slow_peers_disturb_nobody() {
    let folder = folder();
    let server = Running::start_with(folder.path(), "[limits]\nupgrade_timeout = \"3s\"\n");
    assert_eq!(status(&server.get("/healthz", &[])), 200);
    let before = server.memory();
    let mut slow: Vec<TcpStream> = (0..PEERS).map(|_| server.connect()).collect();
    for stream in &mut slow {
        stream.write_all(format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(4000)).as_bytes()).unwrap();
    }
    for _ in 0..20 {
        assert_eq!(status(&server.get("/healthz", &[])), 200);
    }
    assert!(server.overview()["connections"].as_u64() >= Some(PEERS), "all of them are held at this moment");
    assert!(server.memory() < before + MEMORY, "{} more", server.memory() - before);
    for stream in &mut slow {
        assert_eq!(status(&read_to_end(stream)), 408);
    }
    drop(slow);
    let start = Instant::now();
    while server.overview()["connections"] != 0 {
        assert!(start.elapsed() < LATE, "their places were given back");
    }
}

#[test]
fn a_full_server_refuses_quickly_and_takes_the_next_when_one_goes() {
    let folder = folder();
    let server = Running::start_with(folder.path(), "[limits]\nconnections = 3\n");
    let mut held: Vec<TcpStream> = (0..3).map(|_| server.upgrade()).collect();
    let refused = server.get("/healthz", &[]);
    assert_eq!(status(&refused), 503, "{refused}");
    assert!(body(&refused).contains("as many connections as it may"), "{refused}");
    assert_eq!(server.overview()["connections"], 3, "the admin port answers still");

    held.pop();
    let start = Instant::now();
    while status(&server.get("/healthz", &[])) != 200 {
        assert!(start.elapsed() < LATE, "the place was given back");
    }
}

#[test]
fn an_address_has_its_own_limit() {
    let folder = folder();
    let server = Running::start_with(folder.path(), "[limits]\nsockets_per_address = 2\n");
    let _held = [server.upgrade(), server.upgrade()];
    let refused = server.get("/healthz", &[]);
    assert!(status(&refused) == 503 && body(&refused).contains("this address"), "{refused}");
}

#[test]
fn the_oldest_socket_without_a_session_makes_room() {
    let folder = folder();
    let server = Running::start_with(folder.path(), "[limits]\nsessionless_sockets = 3\n");
    let mut sockets: Vec<TcpStream> = (0..3).map(|_| server.upgrade()).collect();
    sockets.push(server.upgrade());
    assert_eq!(close_code(&mut sockets[0]), 4108);
    assert_eq!(server.counter("grandstand_sockets_displaced_total"), 1);
    // The others answer pings.
    for stream in &mut sockets[1..] {
        stream.write_all(&[0x89, 0x80, 0, 0, 0, 0]).unwrap();
        let mut pong = [0; 2];
        stream.read_exact(&mut pong).unwrap();
        assert_eq!(pong, [0x8a, 0]);
    }
}

/// Sets how many files a running process may open.
fn allow_files(server: &Running, soft: usize) {
    let pid = server.pid().to_string();
    let status =
        Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={soft}:")]).status().unwrap();
    assert!(status.success());
}

#[test]
fn without_file_descriptors_the_server_waits_and_recovers() {
    let folder = folder();
    let server = Running::start(folder.path());
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    allow_files(&server, open);
    // A few may still find a number below the limit, and keep it.
    let mut peers: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    server.wait_for_log("cannot accept connections for now");
    // Long enough for a loop without pauses to fail a hundred thousand times.
    let waiting = &mut peers[19];
    waiting.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!(waiting.read(&mut [0; 1]).is_err(), "nobody is served without descriptors");

    allow_files(&server, open + 100);
    server.wait_for_log("accepting connections again");
    waiting.set_read_timeout(Some(LATE)).unwrap();
    assert_eq!(status(&read_head(waiting)), 200, "who waited is served");
    let failures = server.counter("grandstand_accept_failures_total");
    assert!((1..100).contains(&failures), "{failures} attempts");
}
