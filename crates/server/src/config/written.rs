//! The configuration as written: names and defaults of every key.

mod accounts;
mod hooks;
mod limits;
mod moderation;
mod quotas;
mod signatures;
mod upstream;
mod words;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use grandstand_protocol::limits as protocol;
use grandstand_room::{
    levels::Via,
    switches::{Audience, Counted, OneRoomPer, OwnSessions, Rejoin, RoomUpdate, RoomsByKey},
};
use ipnet::IpNet;
use serde::Deserialize;

use super::units::{Period, Size};

pub(super) use accounts::Accounts;
pub(super) use hooks::{Hooks, OnFailure, Webhook};
pub(super) use limits::AppLimits;
pub(super) use moderation::Moderation;
pub(super) use quotas::Quotas;
pub(super) use signatures::Signatures;
pub(super) use upstream::Upstream;
pub(super) use words::Words;

const KIB: usize = 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) server: Server,
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) fanout: Fanout,
    pub(super) client_limits: ClientLimits,
    pub(super) retention: Retention,
    pub(super) apps: Vec<App>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    pub(super) bind: SocketAddr,
    pub(super) admin_bind: SocketAddr,
    pub(super) data: PathBuf,
    pub(super) public_url: Option<String>,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) proxy_protocol: bool,
    pub(super) log: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_bind: SocketAddr::from(([127, 0, 0, 1], 8081)),
            data: PathBuf::from("./grandstand-data"),
            public_url: None,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            log: "info".to_owned(),
        }
    }
}

// Not `default`: a certificate without its key is a mistake that serde names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    pub(super) private_key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// From the file limit when absent.
    pub(super) connections: Option<usize>,
    pub(super) sockets_per_address: usize,
    pub(super) sessionless_sockets_per_address: usize,
    /// A quarter of the file limit when absent.
    pub(super) sessionless_sockets: Option<usize>,
    pub(super) handshakes_per_second: u32,
    pub(super) handshakes_per_second_per_address: u32,
    pub(super) opens_at_once: usize,
    pub(super) upgrade_timeout: Period,
    pub(super) tls_timeout: Period,
    pub(super) request_head: Size,
    pub(super) request_headers: usize,
    pub(super) first_command_timeout: Period,
    pub(super) read_timeout: Period,
    pub(super) message_timeout: Period,
    pub(super) frame: Size,
    pub(super) fragments: usize,
    pub(super) message: Size,
    pub(super) high_backlog: Size,
    pub(super) backlog: Size,
    pub(super) backlog_age: Period,
    pub(super) room_attributes: Size,
    pub(super) will_grace: Period,
    pub(super) wills_per_session: u32,
    pub(super) resume: Period,
    pub(super) replay: u32,
    pub(super) drain: Period,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = |n| Period(Duration::from_secs(n));
        Self {
            connections: None,
            sockets_per_address: 5_000,
            sessionless_sockets_per_address: 5_000,
            sessionless_sockets: None,
            handshakes_per_second: 10_000,
            handshakes_per_second_per_address: 1_000,
            opens_at_once: 1_000,
            upgrade_timeout: seconds(10),
            tls_timeout: seconds(5),
            request_head: Size(16 * KIB),
            request_headers: 64,
            first_command_timeout: seconds(60),
            read_timeout: seconds(400),
            message_timeout: seconds(30),
            frame: Size(protocol::FRAME_BYTES),
            fragments: 64,
            message: Size(protocol::MESSAGE_BYTES),
            high_backlog: Size(1024 * KIB),
            backlog: Size(256 * KIB),
            backlog_age: seconds(30),
            room_attributes: Size(16 * KIB),
            will_grace: seconds(10),
            wills_per_session: 8,
            resume: seconds(30 * 60),
            // All that may wait for a member that this server is late for: four times `high_backlog`, in small messages.
            replay: 40_000,
            drain: seconds(5),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fanout {
    pub(super) pace: Period,
    pub(super) lag: Period,
}

impl Default for Fanout {
    fn default() -> Self {
        let milliseconds = |n| Period(Duration::from_millis(n));
        Self { pace: milliseconds(20), lag: milliseconds(150) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ClientLimits {
    pub(super) enabled: bool,
    pub(super) send: u32,
    pub(super) history: u32,
    pub(super) other: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { enabled: true, send: 60, history: 120, other: 30 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) messages: Period,
    pub(super) rooms: Period,
    pub(super) audit: Period,
    pub(super) audit_entries: u32,
    pub(super) originals: Period,
    pub(super) addresses: Period,
}

impl Default for Retention {
    fn default() -> Self {
        let half_a_year = Period(Duration::from_secs(180 * 24 * 3600));
        Self {
            messages: half_a_year,
            rooms: half_a_year,
            audit: half_a_year,
            audit_entries: 100_000,
            originals: Period(Duration::from_secs(30 * 24 * 3600)),
            addresses: half_a_year,
        }
    }
}

/// Ids and keys have no default; they are checked afterwards, so that an environment variable can bring them.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) master_key: String,
    pub(super) previous_master_key: Option<String>,
    pub(super) name: Option<String>,
    pub(super) demo: bool,
    pub(super) send: Audience,
    pub(super) history: Audience,
    pub(super) rejoin: Rejoin,
    pub(super) one_room_per: OneRoomPer,
    pub(super) count: Counted,
    pub(super) room_update: RoomUpdate,
    pub(super) rooms_by_key: RoomsByKey,
    pub(super) own_sessions: OwnSessions,
    pub(super) edit: bool,
    pub(super) recall: bool,
    pub(super) client_limits: bool,
    pub(super) high_replay: bool,
    pub(super) max_deliveries_per_second: Option<u32>,
    pub(super) allowed_origins: Vec<String>,
    pub(super) room_limits: RoomLimits,
    pub(super) quotas: Quotas,
    pub(super) levels: Vec<LevelRule>,
    pub(super) moderation: Moderation,
    pub(super) limits: AppLimits,
    pub(super) signatures: Signatures,
    pub(super) accounts: Accounts,
    pub(super) words: Words,
    pub(super) hooks: Option<Hooks>,
    pub(super) webhook: Option<Webhook>,
    pub(super) upstream: Option<Upstream>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            id: String::new(),
            key: String::new(),
            master_key: String::new(),
            previous_master_key: None,
            name: None,
            demo: false,
            send: Audience::default(),
            history: Audience::default(),
            rejoin: Rejoin::default(),
            one_room_per: OneRoomPer::default(),
            count: Counted::default(),
            room_update: RoomUpdate::default(),
            rooms_by_key: RoomsByKey::default(),
            own_sessions: OwnSessions::default(),
            edit: true,
            recall: true,
            client_limits: true,
            high_replay: true,
            max_deliveries_per_second: None,
            allowed_origins: Vec::new(),
            room_limits: RoomLimits::default(),
            quotas: Quotas::default(),
            levels: Vec::new(),
            moderation: Moderation::default(),
            limits: AppLimits::default(),
            signatures: Signatures::default(),
            accounts: Accounts::default(),
            words: Words::default(),
            hooks: None,
            webhook: None,
            upstream: None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RoomLimits {
    pub(super) normal: Option<u32>,
    pub(super) low: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelRule {
    pub(super) lctype: Option<i32>,
    pub(super) sender: Option<String>,
    pub(super) via: Option<Via>,
    pub(super) level: Level,
    #[serde(rename = "override", default)]
    pub(super) overrides: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    High,
    Normal,
    Low,
}

impl From<Level> for grandstand_protocol::Level {
    fn from(written: Level) -> Self {
        match written {
            Level::High => Self::High,
            Level::Normal => Self::Normal,
            Level::Low => Self::Low,
        }
    }
}
