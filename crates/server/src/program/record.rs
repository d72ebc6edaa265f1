//! `grandstand record`: a proxy that writes down what an app and a server say to each other.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use grandstand_rehearse::{
    Server,
    record::{RecordError, Recorder, Settings, Totals},
};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{doctor::authorities, failure::Failure};

pub(super) const HELP: &str = "\
Point the app's server URL at the address of --listen. Discovery, the WebSocket and REST calls go on to --to unchanged;
only the addresses that discovery names are replaced by this one. Ctrl-C ends the recording.
把应用的服务器地址指向 --listen。除了把路由应答中的地址换成自身以外，所有内容原样转发。按 Ctrl-C 结束录制。

Texts of messages, tokens, keys, signatures and addresses are not written: their lengths and digests are. Ids of
clients and rooms, and attributes of rooms, are written as they are.
消息正文、令牌、密钥、签名和 IP 不会写入文件，只留长度和摘要；客户端 ID、聊天室 ID 和聊天室属性照原样写入。

More / 详见: docs/rehearsing.md";

#[derive(Debug, Args)]
pub(super) struct Record {
    /// Where apps connect, plain HTTP · 监听地址（HTTP）
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// The server that they mean: LeanCloud's or Grandstand's URL · 上游服务器地址
    #[arg(long, value_name = "URL", value_parser = server)]
    to: Server,
    /// PEM file of an authority to trust beside the public ones, as for `doctor` · 额外信任的根证书
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The recording, a file that does not exist yet · 录制文件，须尚不存在
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write texts of messages as they are: for test accounts only · 保留消息正文，仅用于测试账号
    #[arg(long)]
    keep_texts: bool,
    /// The closing figures as JSON · 结束时以 JSON 输出统计
    #[arg(long)]
    json: bool,
}

/// A server, whose certificate may come from the authorities in a file, too.
pub(super) fn trusting(server: Server, ca: Option<&Path>) -> Result<Server, Failure> {
    Ok(match ca {
        Some(file) => server.trusting(authorities(file)?),
        None => server,
    })
}

/// A URL of a server, for clap.
pub(super) fn server(text: &str) -> Result<Server, String> {
    Server::parse(text).map_err(|error| error.to_string())
}

pub(super) fn run(record: Record) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let json = record.json;
    let totals = runtime.block_on(recorded(record));
    runtime.shutdown_background();
    report(&totals?, json).map_err(Failure::Output)
}

async fn recorded(record: Record) -> Result<Totals, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
    let Record { listen, to, ca, out, keep_texts, .. } = record;
    let to = trusting(to, ca.as_deref())?;
    let to_url = to.to_string();
    let made_by = format!("grandstand {}", env!("CARGO_PKG_VERSION"));
    let settings = Settings { listen, to, out: out.clone(), keep_texts, made_by };
    let recorder = Recorder::bind(settings).await?;
    let sentence = format!(
        "recording http://{} to {to_url} into {}; Ctrl-C ends it. 正在录制，按 Ctrl-C 结束。",
        recorder.address(),
        out.display()
    );
    // Whoever started it reads where it listens.
    let _ = writeln!(io::stderr(), "{sentence}");
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(recorder.run(stop).await?)
}

fn report(totals: &Totals, as_json: bool) -> io::Result<()> {
    let Totals { lines, web_sockets, sent, received, calls, unread } = totals;
    if as_json {
        let figures = json!({
            "lines": lines, "web_sockets": web_sockets, "commands_of_apps": sent,
            "commands_of_the_server": received, "calls": calls, "unread": unread,
        });
        return writeln!(io::stdout(), "{figures}");
    }
    writeln!(
        io::stdout(),
        "{lines} events: {web_sockets} WebSockets, {sent} commands of apps, {received} of the server, {calls} calls, \
         {unread} messages that are no commands. 录制完成。"
    )
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let (chinese, wrong_use) = match &error {
            RecordError::Listen { .. } => ("无法监听该地址，请检查 --listen。", false),
            RecordError::Exists(_) => ("录制文件已存在，请换一个文件名。", true),
            RecordError::Write { .. } => ("无法写入录制文件，请检查磁盘空间和权限。", false),
        };
        Self::Said { english: error.to_string(), chinese, wrong_use }
    }
}
