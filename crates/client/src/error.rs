//! What can go wrong, by operation.

use std::{error::Error, io};

use grandstand_protocol::{Code, Fault, limits};

/// The builder was given something that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The server URL is none, or of a scheme other than ws, wss, http and https.
    #[error("{0:?} is no URL of the form ws://, wss://, http:// or https://host[:port]")]
    Server(String),
    /// The client id is empty or too long.
    #[error("a client id has 1 to {} characters", limits::CLIENT_ID_CHARS)]
    ClientId,
}

/// A session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The builder was given something that cannot work.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// `/v1/route` did not name a WebSocket URL.
    #[error("no WebSocket address from the router of the server: {0}")]
    Discovery(String),
    /// No connection to the server.
    #[error("no connection to {address}")]
    Dial {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server did not accept the WebSocket.
    #[error("the WebSocket was not accepted")]
    Upgrade(#[source] Box<dyn Error + Send + Sync>),
    /// The server refused the session.
    #[error("refused: {0}")]
    Refused(Fault),
    /// The connection ended before the session was open.
    #[error(transparent)]
    Lost(Lost),
    /// Not open within the request timeout.
    #[error("not open within the request timeout")]
    TimedOut,
}

impl OpenError {
    /// Why another attempt would not help, if so: the app or the client is not wanted (4100, 4102, 4103, 4106,
    /// 4110, 4111, 4115). Anything else may pass.
    #[must_use]
    pub fn final_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Refused(fault) if is_final(fault.code) => Some(CloseReason::Ended(fault.clone())),
            Self::Lost(lost) => lost.final_reason(),
            _ => None,
        }
    }
}

/// A request was not done, or nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused; [`Fault::code`] says why, e.g. 4116 when a client limit is exceeded.
    #[error("refused: {0}")]
    Refused(Fault),
    /// No answer within the request timeout, time without a connection included. It may have been done; sending
    /// the same [`crate::Outgoing`] again is safe.
    #[error("no answer within the request timeout")]
    TimedOut,
    /// The connection was lost before the answer, and asking twice could do it twice (creating a room, an update,
    /// a transient message).
    #[error("the connection was lost before the answer")]
    ConnectionLost,
    /// The session has ended; [`crate::Event::Closed`] said why.
    #[error("the session has ended")]
    Closed,
    /// The server answered with something else, or with JSON that cannot be read.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

impl RequestError {
    /// Whether the server refused with this code.
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        matches!(self, Self::Refused(fault) if fault.is(code))
    }
}

/// Why a connection is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// The server closed the WebSocket.
    #[error("closed by the server with {code} {reason}")]
    Closed {
        /// WebSocket close code; 1005 when the server gave none.
        code: u16,
        /// Its text.
        reason: String,
    },
    /// The server asked to connect anew: it is about to stop.
    #[error("the server asked to connect anew")]
    GoAway,
    /// Nothing was heard for two heartbeats.
    #[error("nothing heard from the server")]
    Silent,
    /// The transport failed or ended.
    #[error("connection failed: {0}")]
    Failed(String),
}

impl Lost {
    pub(crate) fn final_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Closed { code, reason } if is_final(i32::from(*code)) => {
                Some(CloseReason::Refused { code: *code, reason: reason.clone() })
            }
            _ => None,
        }
    }
}

/// Why a session has ended for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`crate::Client::close`] was answered.
    #[error("closed by the application")]
    Ordered,
    /// The server ended the session or refused to reopen it: a login of the same tag elsewhere (4111), a kick
    /// (4115), …
    #[error("ended by the server: {0}")]
    Ended(Fault),
    /// The server closed the connection with a code that makes another attempt useless.
    #[error("refused by the server with {code} {reason}")]
    Refused {
        /// WebSocket close code.
        code: u16,
        /// Its text.
        reason: String,
    },
}

fn is_final(number: i32) -> bool {
    use Code::{
        AppNotAvailable, Blacklisted, InvalidLogin, InvalidOrigin, KickedByApp, SessionConflict,
        SignatureFailed,
    };
    matches!(
        Code::from_number(number),
        Some(
            AppNotAvailable
                | Blacklisted
                | InvalidLogin
                | InvalidOrigin
                | KickedByApp
                | SessionConflict
                | SignatureFailed
        )
    )
}
