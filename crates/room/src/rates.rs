//! Per-client rates: a minute's worth at once, then a steady drip.

use std::time::Duration;

use grandstand_protocol::{ClientId, Command};

use crate::client_pattern::ClientPattern;

/// How many commands of a kind a client id may send in a minute. 0 = none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Messages.
    pub send: u32,
    /// Pages of history.
    pub history: u32,
    /// Each other kind of command, counted apart.
    pub other: u32,
}

impl Default for RateLimits {
    /// LeanCloud's documented limits (protocol.md 9.2).
    fn default() -> Self {
        Self { send: 60, history: 120, other: 30 }
    }
}

/// What an app says about the rates of its clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppRates {
    /// In place of the server's.
    pub send: Option<u32>,
    pub history: Option<u32>,
    pub other: Option<u32>,
    /// For whom there are none.
    pub exempt: Vec<ClientPattern>,
}

impl AppRates {
    /// The limits of a client, where the server's are these; `None` when it has none.
    #[must_use]
    pub fn of(&self, client: &ClientId, server: &RateLimits) -> Option<RateLimits> {
        if self.exempt.iter().any(|pattern| pattern.matches(client.as_str())) {
            return None;
        }
        Some(RateLimits {
            send: self.send.unwrap_or(server.send),
            history: self.history.unwrap_or(server.history),
            other: self.other.unwrap_or(server.other),
        })
    }
}

/// A kind of command that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Send,
    History,
    PushLogin,
    Open,
    Refresh,
    Close,
    QueryOnline,
    UploadToken,
    Start,
    Join,
    Quit,
    Query,
    Count,
    Members,
    IsMember,
    Update,
    Mute,
    MaxRead,
    Moderate,
    SetRole,
    Modify,
    Read,
    Unsupported,
}

impl Kind {
    /// The kind of a command; `None` for those that are never counted: heartbeats, and acknowledgements, which clients
    /// send for each message they receive.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        Some(match command {
            Command::Heartbeat | Command::Echo | Command::DeliveryAck | Command::PatchAck => return None,
            Command::Send(_) => Self::Send,
            Command::History(_) => Self::History,
            Command::Login { .. } => Self::PushLogin,
            Command::Open(_) => Self::Open,
            Command::Refresh { .. } => Self::Refresh,
            Command::Close => Self::Close,
            Command::QueryOnline { .. } => Self::QueryOnline,
            Command::UploadToken => Self::UploadToken,
            Command::Start(_) => Self::Start,
            Command::Join { .. } => Self::Join,
            Command::Quit { .. } => Self::Quit,
            Command::Query(_) => Self::Query,
            Command::Count { .. } => Self::Count,
            Command::Members { .. } => Self::Members,
            Command::IsMember { .. } => Self::IsMember,
            Command::Update { .. } => Self::Update,
            Command::Mute { .. } => Self::Mute,
            Command::MaxRead { .. } => Self::MaxRead,
            Command::Moderate(_) => Self::Moderate,
            Command::SetRole { .. } => Self::SetRole,
            Command::Modify { .. } => Self::Modify,
            Command::Read => Self::Read,
            Command::Unsupported { .. } => Self::Unsupported,
        })
    }

    fn per_minute(self, limits: &RateLimits) -> u32 {
        match self {
            Self::Send => limits.send,
            Self::History => limits.history,
            _ => limits.other,
        }
    }
}

/// Too fast: how long to wait until the next one is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

const MINUTE: Duration = Duration::from_secs(60);

/// The rates of one client id. Empty while nothing was sent lately, and then it may be forgotten.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// For each kind used lately: when its debt is paid off (the "theoretical arrival time" of GCRA).
    paid: Vec<(Kind, Duration)>,
}

impl Rates {
    /// Counts a command. A refused one costs nothing.
    ///
    /// # Errors
    /// [`Wait`] when the client was too fast.
    pub fn allow(&mut self, kind: Kind, limits: &RateLimits, now: Duration) -> Result<(), Wait> {
        let amount = kind.per_minute(limits);
        if amount == 0 {
            return Err(Wait(MINUTE));
        }
        let known = self.paid.iter().position(|(other, _)| *other == kind);
        let before = known.map_or(now, |index| self.paid[index].1.max(now));
        let after = before + MINUTE / amount;
        if after > now + MINUTE {
            return Err(Wait(after - now - MINUTE));
        }
        if let Some(index) = known {
            self.paid[index].1 = after;
        } else {
            self.paid.retain(|(_, paid)| *paid > now);
            self.paid.push((kind, after));
        }
        Ok(())
    }

    /// Whether forgetting this value would change nothing.
    #[must_use]
    pub fn is_idle(&self, now: Duration) -> bool {
        self.paid.iter().all(|(_, paid)| *paid <= now)
    }
}
