//! `grandstand doctor`: checks a deployment from outside, as the SDKs see it.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use grandstand_doctor::{Report, Settings, State, Target, examine};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    failure::Failure,
    operator::{Trouble, duration},
};

pub(super) const HELP: &str = "\
Give the URL that apps have. It looks at DNS, TCP, the certificate, discovery as each SDK asks for it, CORS and the
WebSocket; then two clients log in, and send a message in a room of their own, named \"Grandstand doctor\". With the
master key the room is deleted afterwards, and logins are signed where the app asks for that.
请给出应用使用的地址。依次检查 DNS、TCP、证书、各 SDK 的路由请求、CORS 和 WebSocket，然后用两个客户端登录并在专用聊天室中
收发消息。提供 Master Key 时会自动签名，并在结束后删除该聊天室。

The app key comes from --app-key-file, else from GRANDSTAND_APP_KEY; the master key from --key-file, else from
GRANDSTAND_MASTER_KEY. Keys are sent only where the certificate is right.
密钥来自文件或环境变量；证书无效时不会发送密钥。

Examples / 示例:
  grandstand doctor https://chat.example.com --app-id ID --app-key-file app.key --key-file master.key
  grandstand doctor https://chat.example.com --app-id ID --address 203.0.113.9
      The new server, before DNS knows it. 切换 DNS 之前检查新服务器。
  grandstand config questions > grandstand.toml
      Not a check: asks for the settings of the LeanCloud console, and prints the configuration that says the same.
      不是检查：逐项询问 LeanCloud 控制台设置，生成对应的配置文件。

Exit codes / 退出码: 0 nothing failed 正常, 1 something failed 有故障, 2 wrong use 用法错误.  More / 详见: docs/doctor.md";

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The server's URL as apps have it: scheme and host · 应用使用的服务器地址
    #[arg(value_name = "URL", value_parser = target)]
    url: Target,
    /// App id · 应用 ID
    #[arg(long, value_name = "ID", env = "GRANDSTAND_APP_ID")]
    app_id: String,
    /// File that holds the app key · 存放 App Key 的文件
    #[arg(long, value_name = "FILE")]
    app_key_file: Option<PathBuf>,
    /// File that holds the master key · 存放 Master Key 的文件
    #[arg(long, value_name = "FILE", env = "GRANDSTAND_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Where the server is, whatever DNS says: to look before a switch · 指定服务器 IP，不查询 DNS，用于切换之前
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// PEM file of an authority that your devices trust beside the public ones · 额外信任的根证书
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Where plain http is beside https, 80 beside 443 unless given · 明文 http 的端口
    #[arg(long, value_name = "PORT")]
    http_port: Option<u16>,
    /// Where your web app is, such as https://www.example.com · 网页应用的来源
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// Also stay silent for so long, as 200s: does the proxy end idle connections? · 静默一段时间，检查空闲断开
    #[arg(long, value_name = "TIME", value_parser = duration)]
    idle: Option<Duration>,
    /// For each answer, 10s by default · 等待应答的时间
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", hide_default_value = true)]
    timeout: Duration,
    /// The report as JSON · 输出 JSON
    #[arg(long)]
    json: bool,
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse(text).map_err(|error| error.to_string())
}

/// Whether nothing failed.
pub(super) fn run(doctor: Doctor) -> Result<bool, Failure> {
    let app_key = key(doctor.app_key_file.as_deref(), "GRANDSTAND_APP_KEY")?;
    let master_key = key(doctor.key_file.as_deref(), "GRANDSTAND_MASTER_KEY")?;
    let authorities = doctor.ca.as_deref().map(authorities).transpose()?.unwrap_or_default();
    let settings = Settings {
        target: doctor.url,
        app: doctor.app_id,
        app_key,
        master_key,
        address: doctor.address,
        authorities,
        http_port: doctor.http_port,
        origin: doctor.origin,
        idle: doctor.idle,
        patience: doctor.timeout,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Runtime)?;
    let report = runtime.block_on(examine(&settings));
    // A name that is being looked up would be waited for.
    runtime.shutdown_background();
    let printed = if doctor.json { print_json(&report) } else { print(&report) };
    printed.map_err(Failure::Output)?;
    Ok(report.is_healthy())
}

/// From the file, else from the environment.
fn key(file: Option<&Path>, variable: &str) -> Result<Option<String>, Failure> {
    match file.filter(|file| !file.as_os_str().is_empty()) {
        Some(file) => Ok(Some(super::operator::read_key(file)?)),
        None => Ok(std::env::var(variable).ok().filter(|key| !key.is_empty())),
    }
}

/// The certificates of a PEM file.
pub(super) fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failed = |cause| Failure::from(Trouble::File { path: file.to_owned(), cause });
    let text = fs::read(file).map_err(failed)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let none = || failed(io::Error::new(io::ErrorKind::InvalidData, "no certificate is in it"));
    read.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(none)
}

fn print_json(report: &Report) -> io::Result<()> {
    let mut value = serde_json::to_value(report).map_err(io::Error::other)?;
    value["healthy"] = report.is_healthy().into();
    value["failed"] = report.count(State::Failed).into();
    value["warnings"] = report.count(State::Warning).into();
    writeln!(io::stdout(), "{value}")
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for finding in &report.findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Skipped => "-",
            State::Warning => "warning",
            State::Failed => "FAILED",
        };
        let name = finding.check.name();
        line(&mut out, &format!("{state:<8} {name:<12} "), &finding.seen.en)?;
        if finding.state != State::Ok {
            line(&mut out, &" ".repeat(22), &finding.seen.zh)?;
        }
        if let Some(advice) = &finding.advice {
            line(&mut out, &format!("{:22}-> ", ""), &advice.en)?;
            line(&mut out, &format!("{:22}-> ", ""), &advice.zh)?;
        }
    }
    let (failed, warnings) = (report.count(State::Failed), report.count(State::Warning));
    match (failed, warnings) {
        (0, 0) => writeln!(out, "{} is fine. 一切正常。", report.server),
        (0, _) => {
            writeln!(out, "{} works; {warnings} warnings. 可以使用，有 {warnings} 条警告。", report.server)
        }
        _ => writeln!(
            out,
            "{}: {failed} failed, {warnings} warnings. {failed} 项故障，{warnings} 条警告。",
            report.server
        ),
    }
}

/// One line; what strangers said in it cannot move the cursor.
fn line(out: &mut impl Write, start: &str, words: &str) -> io::Result<()> {
    let shown: String =
        words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(2000).collect();
    writeln!(out, "{start}{shown}")
}
