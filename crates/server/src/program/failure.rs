//! Why the program ends early, in words that say what to do.

use std::{fmt, io, net::SocketAddr, path::PathBuf, process::ExitCode};

use super::operator::Trouble;
use crate::{
    config::ConfigError,
    gateway::tls::TlsError,
    store::{OpenError, StoreError},
};

#[derive(Debug)]
pub(super) enum Failure {
    Config(ConfigError),
    Tls(TlsError),
    /// The folder of data, or a file in it, cannot be written or read.
    Data {
        path: PathBuf,
        cause: io::Error,
    },
    /// The development app's file was changed into something else.
    DevelopmentApp {
        path: PathBuf,
        problem: String,
    },
    Bind {
        what: &'static str,
        address: SocketAddr,
        cause: io::Error,
    },
    Open(OpenError),
    Store(StoreError),
    Runtime(io::Error),
    Output(io::Error),
    /// A port takes no connections any more, and was not told to stop.
    Deaf,
    /// A second signal while connections were ending.
    Interrupted,
    /// A command did not come to its end, in its own words.
    Said {
        english: String,
        chinese: &'static str,
        wrong_use: bool,
    },
    /// An operator's command did not come to its end.
    Operator(Trouble),
}

impl Failure {
    /// 2 for what was written wrongly, as for a wrong command line; 1 for what the machine refused.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Tls(_) | Self::DevelopmentApp { .. } => ExitCode::from(2),
            Self::Said { wrong_use: true, .. } => ExitCode::from(2),
            Self::Operator(trouble) => trouble.exit_code(),
            _ => ExitCode::FAILURE,
        }
    }
}

const DEAF: &str = "grandstand: a port stopped accepting connections by itself, which is a bug; the log says more. \
    Clients were sent away; start the server again";

const INTERRUPTED: &str = "grandstand: stopped at once, by a second signal; acknowledged messages are safe";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chinese = match self {
            Self::Config(error) => config(f, error)?,
            Self::Tls(error) => {
                writeln!(f, "grandstand: {error}")?;
                "证书或私钥不可用。"
            }
            Self::Data { path, cause } => {
                writeln!(f, "grandstand: cannot use the data folder: {}: {cause}", path.display())?;
                "数据目录不可用，请检查权限，或用 --data 换一个目录。"
            }
            Self::DevelopmentApp { path, problem } => {
                writeln!(
                    f,
                    "grandstand: {}: {problem}; remove the file to have a new app made",
                    path.display()
                )?;
                "开发应用的文件有误；删除后会重新生成。"
            }
            Self::Bind { what, address, cause } => {
                writeln!(
                    f,
                    "grandstand: cannot listen on {address} for the {what}: {}",
                    why_not_bound(cause)
                )?;
                "无法监听该地址，请检查端口是否被占用，或用 --bind、--admin-bind 换一个。"
            }
            Self::Open(error) => {
                writeln!(f, "grandstand: {error}")?;
                match error {
                    OpenError::Held { .. } => {
                        "数据目录正被另一个进程使用，请先停掉它，或用 --data 换一个目录。"
                    }
                    _ => "无法打开数据目录。",
                }
            }
            Self::Store(error) => {
                writeln!(f, "grandstand: {error}")?;
                "数据库出错。"
            }
            Self::Runtime(cause) => {
                writeln!(f, "grandstand: cannot start: {cause}")?;
                "无法启动。"
            }
            Self::Output(cause) => {
                writeln!(f, "grandstand: cannot write to standard output: {cause}")?;
                "无法写入标准输出。"
            }
            Self::Deaf => {
                writeln!(f, "{DEAF}")?;
                "端口意外停止接受连接，这是程序缺陷，详见日志。客户端已断开，请重新启动服务器。"
            }
            Self::Interrupted => {
                writeln!(f, "{INTERRUPTED}")?;
                "收到第二个信号，立即停止；已确认的消息不会丢失。"
            }
            Self::Said { english, chinese, .. } => {
                writeln!(f, "grandstand: {english}")?;
                chinese
            }
            Self::Operator(trouble) => return trouble.fmt(f),
        };
        write!(f, "{chinese}")
    }
}

/// What is wrong with a configuration; returns the Chinese words.
fn config(f: &mut fmt::Formatter<'_>, error: &ConfigError) -> Result<&'static str, fmt::Error> {
    for line in error.to_string().lines() {
        writeln!(f, "grandstand: {line}")?;
    }
    Ok(match error {
        ConfigError::Unreadable { .. } => "读不到配置文件，请检查路径和权限。",
        ConfigError::Malformed { .. } | ConfigError::Refused(_) => "配置有误，请按上面的提示修改。",
    })
}

fn why_not_bound(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has this port; stop it, or choose another port".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege".to_owned(),
        _ => cause.to_string(),
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Operator(trouble)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
