//! Moderation: roles, who may do what to whom, and what a room's rules take from a client.

mod room_switches;

use std::collections::{HashMap, HashSet};

use grandstand_protocol::{ClientId, Code};
use serde::Deserialize;

use crate::clock::Millis;

pub use room_switches::{ALLOWED, MuteAll, RoomSwitches, SLOWEST, SlowMode, SwitchChange, moderators};

/// Most clients that a room silences, for good and for a time each (LeanCloud's REST guide of 2020, for rooms).
pub const SILENCES: u32 = 10_000;
/// Most clients that a room blocks (the same).
pub const BLOCKS: u32 = 10_000;
/// Most owners and managers of a room.
pub const ROLES: u32 = 500;
/// Most targets of one command.
pub const TARGETS: usize = 500;
/// The longest silence that has an end, in milliseconds: 24 hours (the same guides).
pub const LONGEST_TEMPORARY: i64 = 24 * 60 * 60 * 1000;
/// Most entries in one page of a list.
pub const PAGE: u32 = 100;
/// Entries of a page that names no limit (LeanCloud's guides).
pub const DEFAULT_PAGE: u32 = 10;

/// Who may moderate rooms of an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moderators {
    /// Owners and managers of a room, over the socket; and the app's back end.
    #[default]
    Roles,
    /// The app's back end alone.
    BackEnd,
}

/// What an app may switch about moderation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModerationSwitches {
    /// Who may moderate.
    pub by: Moderators,
    /// Whether clients can be silenced over the socket (else 4325).
    pub silence: bool,
    /// Whether clients can be blocked over the socket (else 4544).
    pub block: bool,
    /// Whether roles can be given over the socket (else 4325).
    pub roles: bool,
    /// The members of a room are told who was silenced or blocked while there are no more of them than this.
    pub notify_members: u32,
}

impl Default for ModerationSwitches {
    fn default() -> Self {
        Self { by: Moderators::default(), silence: true, block: true, roles: true, notify_members: 5000 }
    }
}

/// What a client is in a room. Whoever has no row is a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Anybody.
    #[default]
    Member,
    /// A moderator.
    Manager,
    /// The room's creator, or whoever the back end made one.
    Owner,
}

impl Role {
    /// All of them, the lowest first.
    pub const ALL: [Self; 3] = [Self::Member, Self::Manager, Self::Owner];

    /// As it stands on the wire and in `_ConversationMemberInfo`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "Member",
            Self::Manager => "Manager",
            Self::Owner => "Owner",
        }
    }

    /// Reads a name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// Who acts in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The app's back end, with its master key.
    BackEnd,
    /// A client with its role in this room.
    Client(Role),
}

/// What somebody does in a room that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Silence a client, or end its silence.
    Silence,
    /// Block a client, or end its block.
    Block,
    /// Give a client this role.
    SetRole(Role),
    /// Ask who is silenced.
    SeeSilences,
    /// Ask who is blocked.
    SeeBlocks,
    /// Change attributes where only moderators may.
    ChangeRoom,
}

/// Whether an act is allowed, on a target with this role (for acts without target: [`Role::Member`]).
///
/// The one table of who may do what to whom:
///
/// | act | back end | owner | manager | member |
/// |---|---|---|---|---|
/// | silence, block | all | managers, members | members | – |
/// | make a manager, or a member again | all | managers, members | – | – |
/// | make an owner | all | – | – | – |
/// | see who is silenced | yes | yes | yes | yes |
/// | see who is blocked | yes | yes | yes | – |
/// | change the room where only moderators may | yes | yes | yes | – |
#[must_use]
pub fn may(actor: Actor, act: Act, target: Role) -> bool {
    let Actor::Client(role) = actor else { return true };
    match act {
        Act::SeeSilences => true,
        Act::SeeBlocks | Act::ChangeRoom => role >= Role::Manager,
        Act::Silence | Act::Block => role >= Role::Manager && role > target,
        Act::SetRole(Role::Owner) => false,
        Act::SetRole(_) => role == Role::Owner && target < Role::Owner,
    }
}

/// The lists of a room that take something from clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Silenced for good.
    Silenced,
    /// Silenced for a time.
    SilencedForATime,
    /// Blocked, for good or for a time.
    Blocked,
}

impl List {
    /// How many it holds at most.
    #[must_use]
    pub fn limit(self) -> u32 {
        match self {
            Self::Silenced | Self::SilencedForATime => SILENCES,
            Self::Blocked => BLOCKS,
        }
    }

    /// The code that says it is full.
    #[must_use]
    pub fn full(self) -> Code {
        match self {
            Self::Silenced | Self::SilencedForATime => Code::SilencedMemberListFull,
            Self::Blocked => Code::BlacklistFull,
        }
    }
}

/// All rules of one room, as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomRules {
    /// Who made the room; empty when the app's back end did.
    pub creator: String,
    /// Rows of roles; who has none is a member, the creator an owner.
    pub roles: HashMap<ClientId, Role>,
    /// Who is silenced for good.
    pub silenced: HashSet<ClientId>,
    /// Who is silenced for a time, and until when.
    pub silenced_until: HashMap<ClientId, Millis>,
    /// Who is blocked, and until when if there is an end.
    pub blocked: HashMap<ClientId, Option<Millis>>,
    /// What holds for all.
    pub switches: RoomSwitches,
}

impl RoomRules {
    /// The role of a client.
    #[must_use]
    pub fn role(&self, client: &ClientId) -> Role {
        let created = !self.creator.is_empty() && self.creator == client.as_str();
        let default = if created { Role::Owner } else { Role::Member };
        self.roles.get(client).copied().unwrap_or(default)
    }

    /// Whether a client may not be here.
    #[must_use]
    pub fn is_blocked(&self, client: &ClientId, now: Millis) -> bool {
        self.blocked.get(client).is_some_and(|until| until.is_none_or(|until| until > now))
    }

    /// Whether a client may not speak here, for good or for a time.
    #[must_use]
    pub fn is_silenced(&self, client: &ClientId, now: Millis) -> bool {
        self.silenced.contains(client) || self.silenced_until.get(client).is_some_and(|until| *until > now)
    }

    /// The code that refuses what a client says, if one does: a message, an edit, a change of the room. What is about
    /// the client itself comes before what is about all.
    #[must_use]
    pub fn refuses_message(&self, client: &ClientId, now: Millis) -> Option<Code> {
        if self.is_blocked(client, now) {
            return Some(Code::BlockedByConv);
        }
        if self.silenced.contains(client) {
            return Some(Code::Silenced);
        }
        if self.is_silenced(client, now) {
            return Some(Code::ConversationTemporaryBlacklisted);
        }
        self.switches.refuses(client, self.role(client), now)
    }

    /// The code that refuses a recall, if one does. A recall says nothing new, so only a freeze stops it.
    #[must_use]
    pub fn refuses_recall(&self) -> Option<Code> {
        self.switches.frozen.then_some(Code::ConversationReadOnly)
    }

    /// The seconds between two messages of this client.
    #[must_use]
    pub fn slows(&self, client: &ClientId) -> Option<u32> {
        self.switches.slows(self.role(client))
    }

    /// How many clients are named here: what it takes of memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.roles.len()
            + self.silenced.len()
            + self.silenced_until.len()
            + self.blocked.len()
            + self.switches.mute_all.as_ref().map_or(0, |mute| mute.clients.len())
    }
}
