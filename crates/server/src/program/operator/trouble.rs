//! What can go wrong between an operator and a server, in words that say what to do.

use std::{fmt, io, path::PathBuf, process::ExitCode};

use super::text::shown;

#[derive(Debug)]
pub(in crate::program) enum Trouble {
    /// Asked for in a way that cannot be.
    Usage {
        english: String,
        chinese: &'static str,
    },
    /// A key without the app that it is of.
    NoApp,
    /// An app without its key.
    NoKey,
    /// Neither app nor key, and no development server's folder.
    Nowhere {
        folder: PathBuf,
    },
    /// A key file with something else in it.
    NotAKey {
        path: PathBuf,
    },
    /// In somebody else's words, the Chinese ones too.
    Said(String),
    File {
        path: PathBuf,
        cause: io::Error,
    },
    /// Nobody said yes.
    Declined,
    Unreachable {
        server: String,
        cause: String,
    },
    TooSlow {
        server: String,
        seconds: u64,
    },
    /// The server, or what is in its place, sends elsewhere, where the key should not go unasked.
    SentElsewhere {
        server: String,
        place: String,
    },
    /// An answer that Grandstand would not give.
    Strange {
        server: String,
        status: u16,
        what: String,
    },
    /// The server says no.
    Refused(Box<Refused>),
    /// So many were done before the rest failed.
    Halfway {
        done: String,
        cause: Box<Trouble>,
    },
    /// Nothing to take back.
    NoRole {
        room: String,
        client: String,
    },
    /// A broadcast that these many rooms did not get.
    Missed {
        rooms: u64,
    },
    Runtime(io::Error),
    Output(io::Error),
}

/// A refusal, in the server's own words.
#[derive(Debug)]
pub(in crate::program) struct Refused {
    pub(super) server: String,
    pub(super) app: String,
    /// Where the key was found.
    pub(super) source: String,
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) error: String,
    pub(super) retry_after: Option<String>,
}

impl Trouble {
    pub(super) fn usage(english: impl Into<String>, chinese: &'static str) -> Self {
        Self::Usage { english: english.into(), chinese }
    }

    /// 2 for what was asked wrongly, 1 for what was refused or failed.
    pub(in crate::program) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } | Self::NoApp | Self::NoKey | Self::Nowhere { .. } | Self::NotAKey { .. } => {
                ExitCode::from(2)
            }
            _ => ExitCode::FAILURE,
        }
    }

    /// Whether the server refused with this status.
    pub(super) fn is_status(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refused) if refused.status == status)
    }

    fn english(&self) -> String {
        match self {
            Self::Usage { english, .. } => english.clone(),
            Self::NoApp => {
                "there is a master key, but no app: name it with --app-id or GRANDSTAND_APP_ID".to_owned()
            }
            Self::NoKey => {
                "there is no master key: put it into a file that only you can read and name that with \
                --key-file, or set GRANDSTAND_MASTER_KEY"
                    .to_owned()
            }
            Self::Nowhere { folder } => format!(
                "which app? Name it with --app-id and --key-file, or with GRANDSTAND_APP_ID and GRANDSTAND_MASTER_KEY; \
                 {} holds no development server's app, either (--data DIR)",
                folder.display()
            ),
            Self::NotAKey { path } => {
                format!("{} holds no master key: one line, nothing else", path.display())
            }
            Self::Said(text) => text.clone(),
            Self::File { path, cause } => format!("{}: {cause}", path.display()),
            Self::Declined => "nothing was done".to_owned(),
            Self::Unreachable { server, cause } => {
                format!(
                    "cannot reach {server}: {cause}; is it running, and is that its URL (--url, GRANDSTAND_URL)?"
                )
            }
            Self::TooSlow { server, seconds } => format!(
                "{server} did not answer within {seconds} s; what was asked may have been done. --timeout waits longer"
            ),
            Self::SentElsewhere { server, place } => {
                format!("{server} sends elsewhere, to {}: if that is right, use it as --url", shown(place))
            }
            Self::Strange { server, status, what } => {
                format!("{server} answers {status} {what}: is that a Grandstand server's URL?")
            }
            Self::Refused(refused) => refused.to_string(),
            Self::Halfway { done, cause } => format!("{}; before that: {done}", cause.english()),
            Self::NoRole { room, client } => {
                let (room, client) = (shown(room), shown(client));
                format!(
                    "{client} was given no role in {room}: there is nothing to take back. Whoever made the room owns \
                     it without one; `roles set` changes that"
                )
            }
            Self::Missed { rooms } => {
                format!(
                    "{rooms} rooms did not get it, because the server could not store it; its log names them"
                )
            }
            Self::Runtime(cause) => format!("cannot start: {cause}"),
            Self::Output(cause) => format!("cannot write to standard output: {cause}"),
        }
    }

    fn chinese(&self) -> &'static str {
        match self {
            Self::Usage { chinese, .. } => chinese,
            Self::NoApp => "有 Master Key，但未指定应用：请用 --app-id 或 GRANDSTAND_APP_ID。",
            Self::NoKey => "缺少 Master Key：请用 --key-file 或 GRANDSTAND_MASTER_KEY。",
            Self::Nowhere { .. } => "未指定应用和 Master Key，数据目录里也没有开发应用。",
            Self::NotAKey { .. } => "密钥文件内容有误：应只有一行 Master Key。",
            // Its own is in it.
            Self::Said(_) => "",
            Self::File { .. } => "文件读不了，请检查路径和权限。",
            Self::Declined => "未做任何改动。",
            Self::Unreachable { .. } => "连不上服务器，请检查它是否在运行、地址是否正确。",
            Self::TooSlow { .. } => "服务器未及时应答，操作可能已经生效；可用 --timeout 延长等待。",
            Self::SentElsewhere { .. } => "服务器要求跳转；如无误，请直接把该地址用作 --url。",
            Self::Strange { .. } => "对方的应答不像 Grandstand，请检查地址。",
            Self::Refused(refused) => refused.chinese(),
            Self::Halfway { cause, .. } => cause.chinese(),
            Self::NoRole { .. } => {
                "没有给此人设置过角色，无需取消。创建者本来就是所有者，要改变请用 roles set。"
            }
            Self::Missed { .. } => "有聊天室没有收到：服务器未能存储，聊天室 ID 见服务器日志。",
            Self::Runtime(_) => "无法启动。",
            Self::Output(_) => "无法写入标准输出。",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(text) => f.write_str(text),
            _ => write!(f, "grandstand: {}\n{}", self.english(), self.chinese()),
        }
    }
}

/// Codes of the protocol that say more than their status does.
const NO_SUCH_ROOM: i64 = 4303;

impl Refused {
    fn chinese(&self) -> &'static str {
        match (self.status, self.code) {
            (401, _) => "密钥不对，或该应用不存在：请检查 --app-id 和 Master Key。",
            (_, NO_SUCH_ROOM) => "该应用没有这个聊天室。",
            (404, _) => "服务器上没有这一项。",
            (429, _) => "请求太频繁，请稍后再试。",
            (500.., _) => "服务器出错，详见其日志。",
            _ => "服务器拒绝了请求，原因见上。",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, app, source, status, code, error, retry_after } = self;
        write!(f, "{server} answered {status}")?;
        if *code != i64::from(*status) {
            write!(f, " (code {code})")?;
        }
        write!(f, ": {}", shown(error))?;
        match status {
            401 => {
                let app = shown(app);
                write!(f, " It has no app {app}, or the master key from {source} is not that app's")
            }
            429 => match retry_after {
                Some(seconds) => write!(f, "; try again in {} s", shown(seconds)),
                None => f.write_str("; try again later"),
            },
            500.. => f.write_str("; its log says why"),
            _ => Ok(()),
        }
    }
}
