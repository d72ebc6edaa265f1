//! The leanest engine of hooks that there can be: it has one function, and no opinion.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::connection::read_message;

/// Runs until it is dropped.
pub(super) struct Engine {
    pub(super) url: String,
    asked: Arc<AtomicU64>,
    _serving: JoinSet<()>,
}

impl Engine {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("failed to start an engine")?;
        let url = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(AtomicU64::new(0));
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&asked)));
        Ok(Self { url, asked, _serving: serving })
    }

    /// How often it was asked about a message.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, asked: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, Arc::clone(&asked)));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request after the other; a connection that breaks was the server's to end.
async fn answer(stream: TcpStream, asked: Arc<AtomicU64>) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some((first, _))) = read_message(&mut stream).await {
        let body = if first.contains("_ops/metadatas") {
            r#"{"result":["_messageReceived"]}"#
        } else {
            asked.fetch_add(1, Ordering::Relaxed);
            r#"{"result":{}}"#
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
