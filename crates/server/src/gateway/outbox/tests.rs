//! Who may write to a socket that is busy.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Waker},
};

use bytes::Bytes;
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
    server,
};

use super::{Outbox, Way};

/// More than the kernel holds for two sockets with small buffers, and less than what TLS takes at once.
const REPLY: usize = 48 * 1024;

#[tokio::test]
async fn while_tls_holds_bytes_back_nobody_but_the_connection_writes() {
    let (ours, mut theirs) = pair().await;
    let outbox = Outbox::new(ours.into());
    outbox.push_control(Bytes::from(vec![0; REPLY]));
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(outbox.poll_drain(&mut nobody).is_pending(), "the socket takes it all");
    assert!(outbox.is_drained(), "TLS has not taken it");
    assert_eq!(outbox.way(), Way::Full, "a flusher would write, and take the wake-up");

    let reading = async { theirs.read_exact(&mut vec![0; REPLY]).await };
    let writing = poll_fn(|cx| outbox.poll_drain(cx));
    let (read, written) = tokio::join!(reading, writing);
    assert_eq!((read.unwrap(), written.unwrap()), (REPLY, ()));
    assert_eq!(outbox.way(), Way::Clear);
}

type Ends = (server::TlsStream<TcpStream>, client::TlsStream<TcpStream>);

/// Both ends of a TLS connection whose sockets hold little.
async fn pair() -> Ends {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));

    let listening = narrow();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(1).unwrap();
    let connecting = narrow().connect(listener.local_addr().unwrap());
    let (accepted, connected) = tokio::join!(listener.accept(), connecting);
    let name = "localhost".try_into().unwrap();
    let (ours, theirs) =
        tokio::join!(acceptor.accept(accepted.unwrap().0), connector.connect(name, connected.unwrap()));
    (ours.unwrap(), theirs.unwrap())
}

fn narrow() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket
}
