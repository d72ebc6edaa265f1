//! A proxy before the server that does one thing wrong.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// What it does to each request; `None` and the identity are what a good proxy does.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    /// Its own answer in place of the server's, by the request's head.
    pub(crate) answer: fn(&str) -> Option<String>,
    pub(crate) request: fn(String) -> String,
    pub(crate) response: fn(String) -> String,
    /// What it does to WebSockets.
    pub(crate) sockets: Sockets,
}

/// How frames get through.
#[derive(Clone, Copy)]
pub(crate) enum Sockets {
    Pass,
    /// The server's are kept, as if there would be enough of them to fill a buffer.
    Hold,
    /// Until both sides have been silent for so long.
    CutAfter(Duration),
}

pub(crate) const GOOD: Faults =
    Faults { answer: |_| None, request: |head| head, response: |head| head, sockets: Sockets::Pass };

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
    let is_socket = head.starts_with("HTTP/1.1 101");
    if client.write_all((faults.response)(head).as_bytes()).await.is_err() {
        return;
    }
    match faults.sockets {
        Sockets::Hold if is_socket => {
            let (mut from, mut to) = server.into_split();
            let (mut heard, mut said) = (tokio::io::sink(), client);
            let _ = tokio::join!(copy(&mut from, &mut heard), copy(&mut said, &mut to));
        }
        Sockets::CutAfter(silence) if is_socket => cut_after(silence, client, server).await,
        _ => _ = copy_bidirectional(&mut client, &mut server).await,
    }
}

/// Ends without a word, as balancers do.
async fn cut_after(
    silence: Duration,
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: TcpStream,
) {
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        let moved = timeout(silence, async {
            tokio::select! {
                read = client.read(&mut up) => server.write_all(&up[..read.ok().filter(|read| *read > 0)?]).await.ok(),
                read = server.read(&mut down) => client.write_all(&down[..read.ok().filter(|read| *read > 0)?]).await.ok(),
            }
        });
        if !matches!(moved.await, Ok(Some(()))) {
            return;
        }
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
