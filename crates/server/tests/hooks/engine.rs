//! An engine of our own: a small HTTP server that records what it is asked and answers as a test wants it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
    time::timeout,
};

use crate::raw::PATIENCE;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `_messageReceived`, or whatever stands behind the last slash.
    pub(crate) hook: String,
    pub(crate) path: String,
    /// In lower case, with their ends.
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// What comes back.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// `{"result": …}`
    Result(Value),
    /// A status line's number, further header lines, and a body.
    Whole(u16, &'static str, String),
    /// Bytes as they are, and then the end.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Silence,
    /// No opinion, once the test says so.
    Held,
    /// The end, at once.
    HangUp,
    /// A body that goes on and on, with this many bytes in each piece.
    Endless(usize),
    /// A head, and then one byte a second.
    Drip,
}

type Answers = Box<dyn Fn(&Call) -> Reply + Send + Sync>;

/// Runs until it is dropped.
pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    calls: Mutex<Vec<Call>>,
    came: Notify,
    answers: Answers,
    /// Bytes of endless bodies that were taken.
    poured: AtomicUsize,
    /// Endless bodies that were cut off.
    cut: AtomicUsize,
    /// Whether what was held may go.
    released: watch::Sender<bool>,
    /// `None`: the list of functions is refused.
    functions: Option<Vec<&'static str>>,
}

impl Engine {
    /// Has every function, and answers so.
    pub(crate) async fn start(answers: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_functions(None, answers).await
    }

    /// Says that it has these functions.
    pub(crate) async fn with_functions(
        functions: Option<Vec<&'static str>>,
        answers: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            came: Notify::new(),
            answers: Box::new(answers),
            poured: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            released: watch::Sender::new(false),
            functions,
        });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _serving: serving }
    }

    /// Lines of configuration of an app that asks it.
    pub(crate) fn lines(&self, more: &str) -> String {
        format!("[apps.hooks]\nengine = \"http://{}\"\nhook_key = \"the-hook-key\"\n{more}\n", self.address)
    }

    /// What it was asked so far, in the order in which it came.
    pub(crate) fn calls(&self, hook: &str) -> Vec<Call> {
        self.shared.calls.lock().unwrap().iter().filter(|call| call.hook == hook).cloned().collect()
    }

    /// Waits for the first call of a hook that fits.
    pub(crate) async fn called(&self, hook: &str, fits: impl Fn(&Call) -> bool) -> Call {
        let look = async {
            loop {
                let came = self.shared.came.notified();
                if let Some(call) = self.calls(hook).into_iter().find(&fits) {
                    return call;
                }
                came.await;
            }
        };
        timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("a call of {hook}"))
    }

    /// Lets go what was held.
    pub(crate) fn release(&self) {
        self.shared.released.send_replace(true);
    }

    pub(crate) fn poured(&self) -> usize {
        self.shared.poured.load(Ordering::Relaxed)
    }

    /// Waits until so many endless bodies were cut off.
    pub(crate) async fn cut_off(&self, count: usize) {
        let look = async {
            while self.shared.cut.load(Ordering::Relaxed) < count {
                self.shared.came.notified().await;
            }
        };
        timeout(PATIENCE, look).await.expect("an endless body is cut off");
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut input = Vec::new();
    while let Some(call) = read(&mut stream, &mut input).await {
        let reply = match (call.hook.as_str(), &shared.functions) {
            ("metadatas", Some(names)) => Reply::Result(json!(names)),
            ("metadatas", None) => Reply::Whole(500, "", String::new()),
            _ => (shared.answers)(&call),
        };
        shared.calls.lock().unwrap().push(call);
        shared.came.notify_waiters();
        if !answer(&mut stream, reply, &shared).await {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<Call> {
    loop {
        if let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8(input[..end + 2].to_vec()).unwrap();
            let lower = head.to_ascii_lowercase();
            let length = lower
                .split_once("content-length: ")
                .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
            if input.len() >= end + 4 + length {
                let text = String::from_utf8(input[end + 4..end + 4 + length].to_vec()).unwrap();
                input.drain(..end + 4 + length);
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let hook = path.rsplit('/').next().unwrap().to_owned();
                let body = serde_json::from_str(&text).unwrap_or_default();
                return Some(Call { hook, path, head: lower, text, body });
            }
        }
        if stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    }
}

/// False when the connection has ended with it.
async fn answer(stream: &mut TcpStream, reply: Reply, shared: &Shared) -> bool {
    match reply {
        Reply::Result(result) => {
            let body = json!({ "result": result }).to_string();
            let kind = "Content-Type: application/json\r\n";
            stream.write_all(&whole(200, kind, &body)).await.is_ok()
        }
        Reply::Whole(status, lines, body) => stream.write_all(&whole(status, lines, &body)).await.is_ok(),
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            false
        }
        Reply::HangUp => false,
        Reply::Held => {
            shared.released.subscribe().wait_for(|released| *released).await.unwrap();
            stream.write_all(&whole(200, "", "{}")).await.is_ok()
        }
        Reply::Silence => {
            // Until the other side gives up.
            let _ = stream.read_u8().await;
            false
        }
        Reply::Endless(piece) => {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut chunk = format!("{piece:x}\r\n").into_bytes();
            chunk.extend(vec![b' '; piece]);
            chunk.extend(b"\r\n");
            let mut written = stream.write_all(head).await;
            while written.is_ok() {
                written = stream.write_all(&chunk).await;
                shared.poured.fetch_add(piece, Ordering::Relaxed);
            }
            shared.cut.fetch_add(1, Ordering::Relaxed);
            shared.came.notify_waiters();
            false
        }
        Reply::Drip => {
            let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
            while written.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                written = stream.write_all(b" ").await;
            }
            false
        }
    }
}

fn whole(status: u16, lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} So\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
