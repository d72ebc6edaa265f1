//! A proxy before the server that does one thing wrong.

use std::{net::SocketAddr, sync::Arc};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// What it does to each request; `None` and the identity are what a good proxy does.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    /// Its own answer in place of the server's, by the request's head.
    pub(crate) answer: fn(&str) -> Option<String>,
    pub(crate) request: fn(String) -> String,
    pub(crate) response: fn(String) -> String,
}

pub(crate) const GOOD: Faults = Faults { answer: |_| None, request: |head| head, response: |head| head };

/// Passes connections on until it is dropped.
pub(crate) fn start(
    listener: TcpListener,
    server: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    faults: Faults,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let tls = tls.clone();
            connections.spawn(async move {
                match tls {
                    Some(tls) => {
                        // Whoever does not like the certificate goes away here.
                        let Ok(client) = TlsAcceptor::from(tls).accept(client).await else { return };
                        pass(client, server, faults).await;
                    }
                    None => pass(client, server, faults).await,
                }
            });
        }
    });
    tasks
}

async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, server: SocketAddr, faults: Faults) {
    let Some(head) = read_head(&mut client).await else { return };
    if let Some(answer) = (faults.answer)(&head) {
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    }
    let mut server = TcpStream::connect(server).await.unwrap();
    server.write_all((faults.request)(head).as_bytes()).await.unwrap();
    let Some(head) = read_head(&mut server).await else { return };
    if client.write_all((faults.response)(head).as_bytes()).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// The head without the lines of one header.
pub(crate) fn without(head: &str, header: &str) -> String {
    let is_it = |line: &str| line.to_ascii_lowercase().starts_with(&format!("{header}:"));
    head.split_inclusive("\r\n").filter(|line| !is_it(line)).collect()
}
