//! What was looked at, what was seen, and what to do: in English and Chinese.

use serde::Serialize;

/// The same in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// Both languages of one sentence.
pub(crate) fn text(en: impl Into<String>, zh: impl Into<String>) -> Text {
    Text { en: en.into(), zh: zh.into() }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not looked at, because something before it failed or was not given.
    Skipped,
    /// Works, but not for everybody, or not for long.
    Warning,
    /// Clients do not get through.
    Failed,
}

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The name's addresses.
    Dns,
    /// Connections to them.
    Tcp,
    /// TLS and the certificate.
    Certificate,
    /// Plain `http` beside `https`.
    PlainHttp,
    /// `/v1/route`, as each SDK asks it.
    Route,
    /// What browsers ask before they let a page call.
    Cors,
    /// The WebSocket upgrade, with each subprotocol.
    Upgrade,
    /// The app's key, over REST.
    AppKey,
    /// Two logins.
    Open,
    /// A room of the doctor's own.
    Create,
    /// The second client enters it.
    Join,
    /// The first one sends.
    Send,
    /// The second one gets it.
    Receive,
    /// It is in the history.
    History,
    /// A silent connection is left alone.
    Idle,
    /// Both leave.
    Quit,
    /// What was made is deleted.
    Cleanup,
    /// The server's clock against this machine's.
    Clock,
    /// How long an answer takes.
    Latency,
}

impl Check {
    /// Its name for people, as short as a column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Certificate => "certificate",
            Self::PlainHttp => "plain http",
            Self::Route => "/v1/route",
            Self::Cors => "CORS",
            Self::Upgrade => "WebSocket",
            Self::AppKey => "app key",
            Self::Open => "login",
            Self::Create => "create",
            Self::Join => "join",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::History => "history",
            Self::Idle => "idle",
            Self::Quit => "quit",
            Self::Cleanup => "clean up",
            Self::Clock => "clock",
            Self::Latency => "latency",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub seen: Text,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Text>,
}

impl Finding {
    pub(crate) fn ok(check: Check, seen: Text) -> Self {
        Self { check, state: State::Ok, seen, advice: None }
    }

    pub(crate) fn skipped(check: Check, seen: Text) -> Self {
        Self { check, state: State::Skipped, seen, advice: None }
    }

    pub(crate) fn warning(check: Check, seen: Text, advice: Text) -> Self {
        Self { check, state: State::Warning, seen, advice: Some(advice) }
    }

    pub(crate) fn failed(check: Check, seen: Text, advice: Text) -> Self {
        Self { check, state: State::Failed, seen, advice: Some(advice) }
    }
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The URL that was examined.
    pub server: String,
    /// The app.
    pub app: String,
    /// In the order in which they were made.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many findings are in this state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|finding| finding.state == state).count()
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.count(State::Failed) == 0
    }
}
