//! Sessions: who they are, and what an open does to the sessions that are there.

use std::fmt;

use grandstand_protocol::ClientId;

/// A login: kept by its token and by its device over reconnects. 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({:032x})", self.0)
    }
}

/// What a client said of its device. ObjC and Swift send a token, the others an id, some nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// `deviceId`.
    pub id: Option<String>,
    /// `deviceToken`.
    pub token: Option<String>,
}

/// Who a session is, as persisted and as signed into its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The login.
    pub session: SessionId,
    /// Its client id.
    pub client: ClientId,
    /// Its tag; `None` and "default" are the same.
    pub tag: Option<String>,
    /// Its device.
    pub device: Device,
}
