//! The configuration as used: durations and sizes as types, `None` for what is switched off.

mod check;
mod overrides;
mod units;
mod written;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use grandstand_room::rates::RateLimits;
use ipnet::IpNet;

use crate::apps::App;

use self::written::Written;

/// Everything an operator can choose. Made by [`Config::load`], which also checks it as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The public port: WebSocket, discovery, REST, demo room.
    pub bind: SocketAddr,
    /// The operator's port: metrics.
    pub admin_bind: SocketAddr,
    pub data: PathBuf,
    /// What `/v1/route` tells clients; `None` means whatever they asked.
    pub public_url: Option<PublicUrl>,
    /// Peers whose `X-Forwarded-…` and PROXY headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether trusted proxies send a PROXY protocol v2 header first.
    pub proxy_protocol: bool,
    /// Filter of the log, such as `info` or `info,grandstand::gateway=debug`.
    pub log: String,
    pub tls: Option<Tls>,
    pub limits: Limits,
    pub fanout: Fanout,
    /// Rates of each client; `None` when they do not hold.
    pub client_limits: Option<RateLimits>,
    pub retention: Retention,
    pub apps: Vec<App>,
}

/// The URL under which clients reach this server: an origin, since Java drops any path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    pub secure: bool,
    /// Host, with a port where it is not the usual one.
    pub authority: String,
}

/// Files of the certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Sockets of the public port in all.
    pub connections: usize,
    pub sockets_per_address: usize,
    /// Sockets without a session, the oldest of which go first (4108).
    pub sessionless_sockets_per_address: usize,
    pub sessionless_sockets: usize,
    /// Sockets accepted in a second; more wait in the kernel's queue.
    pub handshakes_per_second: u32,
    /// More are refused (503).
    pub handshakes_per_second_per_address: u32,
    /// Logins under way at one time; more wait.
    pub opens_at_once: usize,
    /// From accept to the end of the request head, and for each later request of the connection.
    pub upgrade_timeout: Duration,
    pub tls_timeout: Duration,
    /// Bytes of a request head (431).
    pub request_head: usize,
    /// Header lines of a request (431).
    pub request_headers: usize,
    /// No command at all (4108).
    pub first_command_timeout: Duration,
    /// Nothing received (4107).
    pub read_timeout: Duration,
    /// From the first fragment of a message to its last (4107).
    pub message_timeout: Duration,
    /// Bytes of a WebSocket message (4109).
    pub frame: usize,
    /// Fragments of a WebSocket message (4109).
    pub fragments: usize,
    /// Bytes of a chat message with its push data, mentions and `dt` (4109 in the ack).
    pub message: usize,
    /// Bytes of HIGH messages that may wait for one connection; more close it, and it comes back for them.
    pub high_backlog: usize,
    /// Bytes of NORMAL and LOW messages that may wait for one connection; of more, LOW is left out first.
    pub backlog: usize,
    /// NORMAL that has waited longer for one connection is left out; LOW at half of it.
    pub backlog_age: Duration,
    /// Bytes of a room's attributes.
    pub room_attributes: usize,
    /// How long a will waits for its session to return.
    pub will_grace: Duration,
    pub wills_per_session: u32,
    /// How long a dropped client finds its room again.
    pub resume: Duration,
    /// HIGH messages that a returning client gets at most, the newest ones.
    pub replay: u32,
    /// How long a stopping server waits for its connections.
    pub drain: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fanout {
    /// The longest that a write waits for company in a busy room.
    pub pace: Duration,
    /// When writes come later than this, messages are thinned.
    pub lag: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub messages: Duration,
    pub rooms: Duration,
    pub audit: Duration,
    pub originals: Duration,
    pub addresses: Duration,
    /// Entries of the audit log: so many of each app and each kind of actor.
    pub audit_entries: u32,
}

/// What the command line says; it wins over file and environment.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub bind: Option<SocketAddr>,
    pub admin_bind: Option<SocketAddr>,
    pub data: Option<PathBuf>,
    /// Apps beside those of the file; the first has its demo room on.
    pub apps: Vec<App>,
    pub client_limits: Option<bool>,
    pub log: Option<String>,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// Environment variables; only `GRANDSTAND_SECTION__KEY` ones matter.
    pub environment: Vec<(String, String)>,
    pub flags: Flags,
    /// How many files the process may open.
    pub file_limit: usize,
}

/// Why a configuration cannot be used, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{place}: {problem}")]
    Malformed { place: String, problem: String },
    /// Values that do not fit together or make no sense.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
}

impl Config {
    /// Reads file, environment and flags, in this order, and checks the whole.
    ///
    /// # Errors
    /// [`ConfigError`], whose text names the key and its place.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let (name, text) = match &sources.file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|cause| ConfigError::Unreadable { path: path.clone(), cause })?;
                (path.display().to_string(), text)
            }
            None => (String::new(), String::new()),
        };
        let written = overrides::parse(&name, &text, &sources.environment)?;
        check::into_config(written, &sources.flags, sources.file_limit)
    }

    /// A configuration from the text of a file alone, as tests write it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_toml_with(text, &[])
    }

    /// The same with variables over it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml_with(text: &str, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let written = overrides::parse("grandstand.toml", text, environment)?;
        check::into_config(written, &Flags::default(), file_limit())
    }
}

/// How many files this process may open; the soft limit is raised to the hard one first.
#[must_use]
pub fn file_limit() -> usize {
    // 1024 is what most systems start with, where the limit cannot be read.
    rlimit::increase_nofile_limit(u64::MAX).ok().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1024)
}

impl std::str::FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no http:// or https:// URL");
        let url: http::Uri = text.parse().map_err(|_| wrong())?;
        let secure = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = url.authority().ok_or_else(wrong)?.as_str();
        if authority.contains('@') || url.query().is_some() || !matches!(url.path(), "" | "/") {
            return Err(format!("{text:?} must be a scheme and a host only: clients use it as an origin"));
        }
        Ok(Self { secure, authority: authority.to_owned() })
    }
}
