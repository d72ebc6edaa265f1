//! What holds for everybody in a room, for as long as it is switched on: mute-all, slow mode, freeze.

use std::collections::{BTreeSet, HashSet};

use grandstand_protocol::{ClientId, Code};

use super::Role;
use crate::clock::Millis;

/// Most clients that may speak by name while all are muted.
pub const ALLOWED: usize = 500;
/// The longest time between two messages that slow mode asks for, in seconds: 6 hours.
pub const SLOWEST: u32 = 6 * 60 * 60;

/// What holds for all in a room, for as long as somebody leaves it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomSwitches {
    /// Only some may speak.
    pub mute_all: Option<MuteAll>,
    /// Everybody speaks seldom.
    pub slow_mode: Option<SlowMode>,
    /// Nobody but the back end changes anything. Joining and reading stay possible.
    pub frozen: bool,
}

/// Only some may speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteAll {
    /// When it ends by itself, if it does.
    pub until: Option<Millis>,
    /// Who may speak all the same.
    pub clients: HashSet<ClientId>,
    /// Whose role lets them speak all the same.
    pub roles: BTreeSet<Role>,
}

/// One message of a client, and then none for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowMode {
    /// Between two messages of a client.
    pub seconds: u32,
    /// Whose role lets them speak as often as they like.
    pub roles: BTreeSet<Role>,
}

/// What is to become of a room's switches. `None` leaves a switch as it is, `Some(None)` switches it off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwitchChange {
    pub mute_all: Option<Option<MuteAll>>,
    pub slow_mode: Option<Option<SlowMode>>,
    pub frozen: Option<bool>,
}

/// The roles that mute-all and slow mode pass over, unless somebody says otherwise.
#[must_use]
pub fn moderators() -> BTreeSet<Role> {
    [Role::Manager, Role::Owner].into()
}

impl RoomSwitches {
    /// These, changed.
    #[must_use]
    pub fn changed(self, change: SwitchChange) -> Self {
        Self {
            mute_all: change.mute_all.unwrap_or(self.mute_all),
            slow_mode: change.slow_mode.unwrap_or(self.slow_mode),
            frozen: change.frozen.unwrap_or(self.frozen),
        }
    }

    /// The mute that holds now.
    #[must_use]
    pub fn muted(&self, now: Millis) -> Option<&MuteAll> {
        self.mute_all.as_ref().filter(|mute| mute.until.is_none_or(|until| until > now))
    }

    /// The code that refuses what a client says, if one does. A frozen room is so for all, its owners too.
    #[must_use]
    pub fn refuses(&self, client: &ClientId, role: Role, now: Millis) -> Option<Code> {
        if self.frozen {
            return Some(Code::ConversationReadOnly);
        }
        let mute = self.muted(now)?;
        let may_speak = mute.roles.contains(&role) || mute.clients.contains(client);
        (!may_speak).then_some(Code::ConversationNotAllowed)
    }

    /// The code that refuses what comes from nobody in particular, such as whoever has the app's key.
    #[must_use]
    pub fn refuses_strangers(&self, now: Millis) -> Option<Code> {
        if self.frozen {
            return Some(Code::ConversationReadOnly);
        }
        self.muted(now).map(|_| Code::ConversationNotAllowed)
    }

    /// The seconds between two messages of a client with this role.
    #[must_use]
    pub fn slows(&self, role: Role) -> Option<u32> {
        self.slow_mode.as_ref().filter(|slow| !slow.roles.contains(&role)).map(|slow| slow.seconds)
    }
}
