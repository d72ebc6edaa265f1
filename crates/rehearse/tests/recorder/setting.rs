//! A server of the test's own, a recorder before it, and what it wrote.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use grandstand_rehearse::{
    Server,
    record::{Recorder, Settings, Totals},
    recording::{Event, Line, Recording},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
    time::timeout,
};

/// For what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Setting {
    pub(crate) address: SocketAddr,
    pub(crate) out: PathBuf,
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
    totals: oneshot::Receiver<Totals>,
    _folder: TempDir,
}

impl Setting {
    /// A recorder before a server that does `serve` with each of its connections.
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        let server = listen(&mut tasks, serve).await;
        Self::before(server, tasks).await
    }

    /// A recorder before whatever is at this address.
    pub(crate) async fn before(server: SocketAddr, tasks: JoinSet<()>) -> Self {
        Self::to(Server::parse(&format!("http://{server}")).unwrap(), tasks).await
    }

    /// A recorder before a server. What that is made of ends with the recorder.
    pub(crate) async fn to(to: Server, mut tasks: JoinSet<()>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("recording.ndjson");
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            to,
            out: out.clone(),
            keep_texts: false,
            made_by: "a test".to_owned(),
        };
        let recorder = Recorder::bind(settings).await.unwrap();
        let address = recorder.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, totals) = oneshot::channel();
        tasks.spawn(async move {
            let recorded = recorder.run(async { drop(stopped.await) }).await.unwrap();
            sender.send(recorded).unwrap();
        });
        Self { address, out, stop, tasks, totals, _folder: folder }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of its own; what comes back until it ends.
    pub(crate) async fn ask(&self, bytes: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset ends it as well.
        let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("an end");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ends the recording and reads it.
    pub(crate) async fn finish(mut self) -> (Vec<Line>, String, Totals) {
        self.stop.send(()).unwrap();
        let totals = timeout(DEADLINE, self.totals).await.expect("an end").unwrap();
        self.tasks.abort_all();
        let text = std::fs::read_to_string(&self.out).unwrap();
        (Recording::read(text.as_bytes()).unwrap().lines, text, totals)
    }
}

/// A server that does `serve` with each of its connections.
pub(crate) async fn listen<F, Fut>(tasks: &mut JoinSet<()>, serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(serve(stream));
        }
    });
    address
}

/// Reads a request's head, byte by byte so that nothing behind it is lost.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// The names of events, with whoever caused them.
pub(crate) fn names(lines: &[Line]) -> Vec<String> {
    let name = |line: &Line| {
        let value = serde_json::to_value(&line.event).unwrap();
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("event"), text("from")).trim_end().to_owned()
    };
    lines.iter().map(name).collect()
}

/// The commands of one side.
pub(crate) fn commands(lines: &[Line]) -> Vec<serde_json::Value> {
    let fields = |line: &Line| match &line.event {
        Event::Command { fields, .. } => Some(serde_json::Value::Object(fields.clone())),
        _ => None,
    };
    lines.iter().filter_map(fields).collect()
}
