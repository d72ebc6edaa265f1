//! The program with TLS: certificates that fit, ones that do not, and new ones under running connections.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring, pki_types::CertificateDer,
};

use super::{
    command, folder,
    hostile_http::{LATE, MEMORY, PEERS},
    refusal,
    running::{Running, read_head, status, value},
};

const CONFIG: &str = "[tls]\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n";

/// Makes a certificate for `localhost` with its key, as files.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// Connects and trusts only this certificate.
fn connect(server: &Running, trusted: &CertificateDer<'static>) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(session, server.connect())
}

/// A request on a connection that stays open.
fn ask(stream: &mut (impl Read + Write)) -> u16 {
    if stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").is_err() {
        return 0;
    }
    let head = read_head(stream);
    if status(&head) == 200 {
        stream.read_exact(&mut [0; 2]).unwrap();
    }
    status(&head)
}

#[test]
fn a_new_certificate_reaches_new_connections_and_leaves_old_ones_alone() {
    let folder = folder();
    let first = issue(folder.path());
    let server = Running::start_with(folder.path(), CONFIG);
    assert_eq!(value(&server.announcement, "WebSocket"), format!("wss://{}/", server.public));
    let mut old = connect(&server, &first);
    assert_eq!(ask(&mut old), 200);

    let second = issue(folder.path());
    server.signal("HUP");
    server.wait_for_log("configuration reloaded");
    assert_eq!(ask(&mut connect(&server, &second)), 200);
    assert_eq!(ask(&mut connect(&server, &first)), 0, "the old certificate is gone");
    assert_eq!(ask(&mut old), 200, "a connection from before goes on");

    fs::write(folder.path().join("key.pem"), "nonsense").unwrap();
    server.signal("HUP");
    server.wait_for_log("the old one stays");
    assert_eq!(ask(&mut connect(&server, &second)), 200);
}

#[test]
fn the_router_answers_wss_behind_tls() {
    let folder = folder();
    let certificate = issue(folder.path());
    let server = Running::start_with(folder.path(), CONFIG);
    let mut stream = connect(&server, &certificate);
    stream.write_all(b"GET /v1/route HTTP/1.1\r\nHost: localhost:99\r\nConnection: close\r\n\r\n").unwrap();
    let answer = super::running::read_to_end(&mut stream);
    assert!(answer.contains(r#""server":"wss://localhost:99/""#), "{answer}");
}

#[test]
fn a_peer_that_never_ends_its_handshake_is_closed() {
    let folder = folder();
    issue(folder.path());
    let server = Running::start_with(folder.path(), &format!("[limits]\ntls_timeout = \"200ms\"\n{CONFIG}"));
    let mut silent = server.connect();
    let mut half = server.connect();
    half.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    for stream in [&mut silent, &mut half] {
        assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0, "closed without a word");
    }
}

#[test]
fn many_peers_that_never_end_their_handshake_disturb_nobody() {
    let folder = folder();
    let certificate = issue(folder.path());
    let server = Running::start_with(folder.path(), &format!("[limits]\ntls_timeout = \"3s\"\n{CONFIG}"));
    assert_eq!(ask(&mut connect(&server, &certificate)), 200);
    let before = server.memory();
    let mut half: Vec<TcpStream> = (0..PEERS).map(|_| server.connect()).collect();
    let start = Instant::now();
    for stream in &mut half {
        stream.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    }
    for _ in 0..20 {
        assert_eq!(ask(&mut connect(&server, &certificate)), 200);
    }
    assert!(server.overview()["connections"].as_u64() >= Some(PEERS), "all of them are held at this moment");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < MEMORY, "{grown} bytes more");
    for stream in &mut half {
        assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0, "closed without a word");
    }
    assert!(start.elapsed() < Duration::from_secs(3) + LATE, "by the deadline");
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("grandstand.toml"), CONFIG).unwrap();
    let says = |words: [&str; 2]| {
        let message = refusal(&mut command(folder.path()), 2);
        assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    };
    says(["cannot read the certificate", "cert.pem"]);

    issue(folder.path());
    let other_key = fs::read(path("key.pem")).unwrap();
    fs::remove_file(path("key.pem")).unwrap();
    says(["cannot read the private key", "key.pem"]);

    issue(folder.path());
    fs::write(path("key.pem"), other_key).unwrap();
    says(["does not belong to", "cert.pem"]);

    fs::write(path("cert.pem"), "no PEM at all").unwrap();
    says(["holds no certificate", "cert.pem"]);
}
