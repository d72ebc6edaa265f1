//! What an app may switch: the choices that protocol.md leaves to the operator.

use serde::Deserialize;

use crate::budget::RoomLimits;

/// Who may do something in a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Every client that is logged in.
    #[default]
    Anyone,
    /// Only sessions that are in the room.
    Members,
}

/// Which login brings a dropped client back into its room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejoin {
    /// Any login of the client id, as the guide says, when no other session of it is online.
    #[default]
    Any,
    /// Only a resume of the same login: its token, or a reopen with the same tag and device.
    ResumeOnly,
}

/// Whether the one-room rule holds for a client id or for each of its sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OneRoomPer {
    /// All sessions of a client id are in at most one room.
    #[default]
    Client,
    /// Each session is in at most one room.
    Session,
}

/// What the online count counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Distinct client ids.
    #[default]
    Clients,
    /// Sessions.
    Sessions,
}

/// Who may change a room's attributes over the socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomUpdate {
    /// Sessions that are in the room.
    #[default]
    Members,
    /// Its owners and managers.
    Moderators,
    /// Nobody: only the app's back end.
    BackEnd,
}

/// What whoever has an app's key, which every client carries, may do with rooms over HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomsByKey {
    /// Look at them.
    Read,
    /// And make new ones.
    #[default]
    Create,
    /// And change and delete those whose access list lets everybody write, as LeanCloud did.
    Change,
}

/// Whether a sender's other sessions in the room get a copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnSessions {
    /// They do; the sending session never does.
    #[default]
    Deliver,
    /// No session of the sender's client id does.
    Exclude,
}

/// The switches of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switches {
    /// Who may send (else 4401).
    pub send: Audience,
    /// Who may read history (else 4312).
    pub history: Audience,
    /// Which login brings a client back.
    pub rejoin: Rejoin,
    /// Scope of the one-room rule.
    pub one_room_per: OneRoomPer,
    /// What the online count counts.
    pub count: Counted,
    /// Who may change attributes.
    pub room_update: RoomUpdate,
    /// What an app's key allows over HTTP.
    pub rooms_by_key: RoomsByKey,
    /// Copies to the sender's other sessions.
    pub own_sessions: OwnSessions,
    /// Whether messages may be edited (else 4406).
    pub edit: bool,
    /// Whether messages may be recalled (else 4407).
    pub recall: bool,
    /// Whether the per-client rates hold.
    pub client_limits: bool,
    /// Whether HIGH messages are confirmed, and the missed ones delivered at a return.
    pub high_replay: bool,
    /// Deliveries of messages on one node; `None` means all.
    pub max_deliveries_per_second: Option<u32>,
    /// What each room shows.
    pub room_limits: RoomLimits,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
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
            room_limits: RoomLimits::default(),
        }
    }
}
