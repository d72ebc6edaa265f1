//! `grandstand compare`: the app's side of a recording said again, to another server, and what is answered otherwise.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use grandstand_rehearse::{
    Server,
    compare::{self, CompareError, Difference, Kind, Report, Settings},
    recording::{Recording, Unreadable},
};
use serde_json::Value;

use super::{
    failure::Failure,
    operator::{duration, harmless_json, read_key, shown},
    progress::Progress,
    record::{server, trusting},
};

pub(super) const HELP: &str = "\
Says again what apps said in a recording of `grandstand record`: to a test server, because it makes rooms, sends
messages and logs clients in. Each reply and push is compared field by field. Differences that are meant to be (ids,
times, tokens and so on) are counted and explained; all others are listed.
把 `grandstand record` 录下的应用请求重新发给 --to。会真的建房间、发消息、登录客户端，请用测试服务器。逐字段比较每个应答和
推送；意料之中的不同（ID、时间、令牌等）只计数并说明，其余逐条列出。

Texts that the recording does not hold are made up, of the same length. With the master key, commands that were signed
are signed anew, and calls of back ends are made; it comes from --key-file, else from GRANDSTAND_MASTER_KEY.
录制中没有的正文以等长的内容代替。提供 Master Key（--key-file 或环境变量 GRANDSTAND_MASTER_KEY）后，会重新签名，并重做后端的
REST 调用。

Exit codes / 退出码: 0 no unexplained difference 没有未说明的不同, 1 some, or failed 有不同或失败, 2 wrong use 用法错误.
More / 详见: docs/rehearsing.md";

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// A file of `grandstand record` · 录制文件
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// The server to compare with · 要比较的服务器地址
    #[arg(long, value_name = "URL", value_parser = server)]
    to: Server,
    /// PEM file of an authority to trust beside the public ones, as for `doctor` · 额外信任的根证书
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The app there · 该服务器上的应用 ID
    #[arg(long, value_name = "ID", env = "GRANDSTAND_APP_ID")]
    app_id: String,
    /// File that holds its master key · 存放 Master Key 的文件
    #[arg(long, value_name = "FILE", env = "GRANDSTAND_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// File that holds its app key; else GRANDSTAND_APP_KEY, if set · 存放 App Key 的文件
    #[arg(long, value_name = "FILE")]
    app_key_file: Option<PathBuf>,
    /// A field that does not count, by its name or its whole path as listed; may be repeated · 略去的字段，可重复
    #[arg(long, value_name = "FIELD")]
    ignore: Vec<String>,
    /// For each reply and push, 5s by default · 等待每个应答或推送的时间
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    /// Leave the pauses that there were: for rules that go by time, such as limits per minute · 保留原有的时间间隔
    #[arg(long)]
    keep_pauses: bool,
    /// The report as JSON · 以 JSON 输出报告
    #[arg(long)]
    json: bool,
}

pub(super) fn run(compare: Compare) -> Result<(), Failure> {
    let recording = read(&compare.recording)?;
    let master_key = key(compare.key_file.as_deref(), "GRANDSTAND_MASTER_KEY")?;
    let app_key = key(compare.app_key_file.as_deref(), "GRANDSTAND_APP_KEY")?;
    let wait = compare.wait.unwrap_or(Duration::from_secs(5));
    let Compare { to, ca, app_id: app, ignore, keep_pauses, json, .. } = compare;
    let to = trusting(to, ca.as_deref())?;
    let settings = Settings { to, app, master_key, app_key, ignore, wait, keep_pauses };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let progress = Progress::new();
    progress.begins("lines · 行", Some(recording.lines.len() as u64));
    let report = runtime.block_on(compare::run(&recording, settings, |_| progress.advances(1)));
    progress.ends();
    let report = report?;
    let written = if json { write_json(&report) } else { write_text(&report) };
    written.map_err(Failure::Output)?;
    match report.differences.len() + report.more {
        0 => Ok(()),
        count => Err(Failure::Said {
            english: format!("differences that nothing explains: {count}"),
            chinese: "存在未说明的不同，详见报告。",
            wrong_use: false,
        }),
    }
}

fn read(path: &Path) -> Result<Recording, Failure> {
    let failed = |cause: Unreadable| Failure::Said {
        english: format!("{}: {cause}", path.display()),
        chinese: "录制文件读不了，或内容有误。",
        wrong_use: true,
    };
    let file = File::open(path).map_err(|cause| failed(cause.into()))?;
    Recording::read(BufReader::new(file)).map_err(failed)
}

fn key(file: Option<&Path>, variable: &str) -> Result<Option<String>, Failure> {
    match file {
        Some(file) if !file.as_os_str().is_empty() => Ok(Some(read_key(file)?)),
        _ => Ok(std::env::var(variable).ok().filter(|key| !key.is_empty())),
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        let chinese = match &error {
            CompareError::Unreadable(_) => "录制文件读不了，或内容有误。",
            CompareError::Unreachable { .. } => "连不上服务器，请检查它是否在运行、地址是否正确。",
            CompareError::NoRoute { .. } => "服务器没有给出连接地址，请检查 --to 和 --app-id。",
            CompareError::BadRoute { .. } => "服务器给出的连接地址无法使用，请检查其配置。",
        };
        Self::Said { english: error.to_string(), chinese, wrong_use: false }
    }
}

fn write_json(report: &Report) -> io::Result<()> {
    let value = serde_json::to_value(report)?;
    writeln!(io::stdout(), "{}", harmless_json(&value))
}

fn write_text(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Report { web_sockets, commands, calls, replies, pushes, answers, .. } = report;
    writeln!(
        out,
        "recorded · 录制: {}, compared with · 对比: {}",
        shown(&report.recorded),
        shown(&report.compared_with)
    )?;
    writeln!(
        out,
        "said again · 重新发送: {web_sockets} WebSockets, {commands} commands · 命令, {calls} calls · 调用"
    )?;
    writeln!(
        out,
        "compared · 已比较: {replies} replies · 应答, {pushes} pushes · 推送, {answers} answers · 调用应答"
    )?;
    if report.signed > 0 {
        writeln!(out, "signed anew with the master key · 用 Master Key 重新签名: {}", report.signed)?;
    }
    if report.unsigned > 0 {
        let words =
            "signed then, and sent without a signature for want of the master key · 因缺少 Master Key 未签名";
        writeln!(out, "{words}: {}", report.unsigned)?;
    }
    if !report.skipped.is_empty() {
        writeln!(out, "\nleft out · 略过:")?;
    }
    for skipped in &report.skipped {
        writeln!(out, "  {:>6}  {}\n          {}", skipped.count, skipped.what, skipped.what_zh)?;
    }
    if !report.known.is_empty() {
        writeln!(out, "\nknown differences · 意料之中的不同:")?;
    }
    for known in &report.known {
        writeln!(out, "  {:>6}  {}\n          {}", known.count, known.reason, known.reason_zh)?;
    }
    let count = report.differences.len() + report.more;
    writeln!(out, "\nunexplained differences · 未说明的不同: {count}")?;
    for difference in &report.differences {
        writeln!(out, "  {}", sentence(difference))?;
    }
    if report.more > 0 {
        writeln!(out, "  … and {} more · 另有 {} 处", report.more, report.more)?;
    }
    Ok(())
}

fn sentence(difference: &Difference) -> String {
    let Difference { line, connection, what, kind, field, recorded, actual } = difference;
    let place = if *line == 0 { "end · 末尾".to_owned() } else { format!("line · 第 {line} 行") };
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing · 无".to_owned(), brief);
    let what = shown(what);
    let happened = match kind {
        Kind::Field => {
            let field = field.as_deref().map(shown).unwrap_or_default();
            format!("{field}: {} → {}", value(recorded), value(actual))
        }
        Kind::Missing => format!("did not come · 没有收到: {}", value(recorded)),
        Kind::Unexpected => format!("came, and had not come then · 多出: {}", value(actual)),
        Kind::Order => "came before what it had come after · 顺序颠倒".to_owned(),
        Kind::Close | Kind::Upgrade | Kind::Status => format!("{} → {}", value(recorded), value(actual)),
    };
    format!("{place}, connection · 连接 {connection}, {what}: {happened}")
}

/// A value in one line, not too long.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 300;
    let text = harmless_json(value);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
