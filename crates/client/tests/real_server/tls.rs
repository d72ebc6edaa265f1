//! TLS: a server with a certificate of its own authority, over discovery and directly.

use std::{error::Error, fs, sync::Arc};

use grandstand_client::{Client, HistoryQuery, OpenError, Outgoing};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Map;
use tempfile::TempDir;

use crate::server::{APP, Server};

/// A server for 127.0.0.1, and settings that trust it.
fn start() -> (Server, Arc<ClientConfig>, TempDir) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    let server =
        Server::start_with(&format!("[tls]\ncertificate = {certificate:?}\nprivate_key = {key:?}\n"));
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let trusting = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (server, Arc::new(trusting), folder)
}

#[tokio::test]
async fn a_trusted_certificate_carries_the_session() {
    let (server, trusting, _folder) = start();
    assert!(server.url.starts_with("https://") && server.websocket.starts_with("wss://"));
    for url in [&server.url, &server.websocket] {
        let (client, _events) =
            Client::builder(url, APP, "ann").tls(Arc::clone(&trusting)).open().await.unwrap();
        let room = client.create_room("Sealed", Map::new()).await.unwrap();
        client.send(&room, Outgoing::text("hi")).await.unwrap();
        assert_eq!(client.history(&room, HistoryQuery::newest()).await.unwrap().len(), 1);
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_refused() {
    let (server, _trusting, _folder) = start();
    let error = Client::builder(&server.websocket, APP, "ann").open().await.unwrap_err();
    assert!(matches!(error, OpenError::Dial { .. }), "{error}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("certificate"), "{cause}");
}
