//! One HTTP connection that stays open: a request, its answer, the next request.

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::endpoint::Endpoint;

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    /// Header lines of every request.
    head: String,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint, master_key: &str) -> Result<Self> {
        let stream = TcpStream::connect(endpoint.address).await.context("failed to reach the server")?;
        stream.set_nodelay(true)?;
        let head = format!(
            "Host: {}\r\nX-LC-Id: {}\r\nX-LC-Key: {master_key},master\r\nContent-Type: application/json\r\n",
            endpoint.address, endpoint.app
        );
        Ok(Self { stream: BufReader::new(stream), head })
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Answer> {
        self.post_text(path, &body.to_string()).await
    }

    pub(super) async fn post_text(&mut self, path: &str, body: &str) -> Result<Answer> {
        let length = body.len();
        let request = format!("POST {path} HTTP/1.1\r\n{}Content-Length: {length}\r\n\r\n{body}", self.head);
        self.stream.write_all(request.as_bytes()).await?;
        let (first, body) = read_message(&mut self.stream).await?.context("the server hung up")?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("no HTTP answer: {first:?}"))?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

/// The first line and the body of a request or an answer that says how long it is; `None` at the end of the connection.
pub(super) async fn read_message(stream: &mut BufReader<TcpStream>) -> Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("a length that is no number")?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((first.trim_end().to_owned(), body)))
}
