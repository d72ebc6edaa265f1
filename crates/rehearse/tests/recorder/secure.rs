//! Servers with TLS: one whose certificate is right is recorded like any other, and no other certificate will do.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use grandstand_rehearse::{
    Server,
    recording::{Event, Line},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{ClientRequestBuilder, Message, handshake::derive_accept_key, protocol::Role},
};

use crate::setting::{Setting, commands, head, listen, names};

const ROUTE: &str = "GET /v1/route?appId=a HTTP/1.1\r\nHost: recorder\r\nConnection: close\r\n\r\n";

/// A certificate for a name, and that of the authority which signed it.
fn certificate(name: &str) -> (TlsAcceptor, CertificateDer<'static>) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = CertificateDer::from(authority.self_signed(&authority_key).unwrap().der().to_vec());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let made = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), root)
}

/// Names itself when it is asked where to connect, else takes a WebSocket and sends back what it gets.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let asked = head(&mut stream).await;
    let header = |name: &str| {
        asked.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix(name).map(|_| line[name.len()..].trim().to_owned())
        })
    };
    let Some(key) = header("sec-websocket-key:") else {
        let body = json!({ "server": format!("wss://{}/socket", header("host:").unwrap()) }).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        return stream.shutdown().await.unwrap();
    };
    assert!(asked.starts_with("GET /socket "), "{asked}");
    let agreed = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: lc.json.3\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(agreed.as_bytes()).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            socket.send(message).await.unwrap();
        }
    }
}

/// A recorder before such a server at `localhost`, with a certificate for `name`.
async fn before(name: &str, trusts: bool) -> Setting {
    let (acceptor, root) = certificate(name);
    let mut tasks = JoinSet::new();
    let address = listen(&mut tasks, move |stream: TcpStream| {
        let acceptor = acceptor.clone();
        async move {
            // Whoever does not trust it goes away during the handshake.
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    })
    .await;
    let to = Server::parse(&format!("https://localhost:{}", address.port())).unwrap();
    Setting::to(if trusts { to.trusting(vec![root]) } else { to }, tasks).await
}

#[tokio::test]
async fn calls_and_sockets_go_on_over_tls() {
    let setting = before("localhost", true).await;
    let answer = setting.ask(ROUTE).await;
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        body,
        json!({ "server": "ws://recorder/rehearsal/1" }),
        "the app's own connection stays as it is"
    );

    let request = ClientRequestBuilder::new("ws://recorder/rehearsal/1".parse().unwrap())
        .with_sub_protocol("lc.json.3");
    let (mut socket, _) = client_async(request, setting.connect().await).await.unwrap();
    let message =
        Message::text(json!({ "cmd": "session", "op": "open", "peerId": "ann", "i": 1 }).to_string());
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}

    let (lines, ..) = setting.finish().await;
    let expected = ["request", "answer", "upgrade", "upgraded", "command app", "command server"];
    assert_eq!(names(&lines)[..expected.len()], expected);
    assert_eq!(commands(&lines)[1]["peerId"], "ann");
}

/// What the file says of a call that got no answer.
fn reasons(lines: &[Line]) -> Vec<String> {
    let note = |line: &Line| match &line.event {
        Event::Unanswered { note, .. } => Some(note.clone()),
        _ => None,
    };
    lines.iter().filter_map(note).collect()
}

#[tokio::test]
async fn a_wrong_certificate_is_no_server_and_the_file_says_so() {
    for (name, trusts) in [("localhost", false), ("other.example", true)] {
        let setting = before(name, trusts).await;
        assert_eq!(setting.ask(ROUTE).await, "", "{name}");
        let (lines, ..) = setting.finish().await;
        let reasons = reasons(&lines);
        assert!(reasons.len() == 1 && reasons[0].contains("certificate"), "{name}: {reasons:?}");
    }
}
