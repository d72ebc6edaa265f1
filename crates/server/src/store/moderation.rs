//! The part of a [`Store`](super::Store) that is about moderation: lists of rooms, roles, bans.

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    ban::{Ban, Banned},
    clock::Millis,
    moderation::{List, Role, RoomRules, RoomSwitches, SwitchChange},
};

use super::StoreError;

/// Why a room's rules were not changed.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// There is no such room.
    #[error("no such room")]
    NoRoom,
    /// The list, or the role, has as many as it may have.
    #[error("the list is full")]
    Full,
    /// The room would be without an owner, and had one.
    #[error("the room would be without an owner")]
    NeedOwner,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Somebody on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub client: ClientId,
    /// When it ends, if it does.
    pub until: Option<Millis>,
}

/// A row of `_ConversationMemberInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// `objectId`.
    pub id: String,
    pub client: ClientId,
    pub role: Role,
    pub updated_at: Millis,
}

/// What rooms and apps take from clients, and who may. The promises are those of [`Store`](super::Store).
#[async_trait]
pub trait ModerationStore: Send + Sync + 'static {
    /// All rules of a room; `None` when there is no such room. What is over is left out.
    async fn room_rules(
        &self,
        app: &AppId,
        room: &RoomId,
        now: Millis,
    ) -> Result<Option<RoomRules>, StoreError>;

    /// Puts clients on a list, until a time or for good; who is there already gets the new end. Their wills for the
    /// room are discarded. Blocking takes them out of the room: dropped sessions do not return to it. All of them, or
    /// none when the list would get too long. Returns whom a block took out of the room.
    async fn put_on_list(
        &self,
        app: &AppId,
        room: &RoomId,
        list: List,
        clients: Vec<ClientId>,
        until: Option<Millis>,
        now: Millis,
    ) -> Result<Vec<ClientId>, RuleError>;

    /// Takes clients out of a room: dropped sessions do not return to it, and their wills for it are discarded. Returns
    /// who was there.
    async fn expel(
        &self,
        app: &AppId,
        room: &RoomId,
        clients: Vec<ClientId>,
    ) -> Result<Vec<ClientId>, RuleError>;

    /// Takes clients off these lists; who is on none stays as it is.
    async fn take_off_lists(
        &self,
        app: &AppId,
        room: &RoomId,
        lists: &[List],
        clients: Vec<ClientId>,
    ) -> Result<(), RuleError>;

    /// Who is on one of these lists, each once, by client id: `limit` of them after the first `skip`.
    async fn listed(
        &self,
        app: &AppId,
        room: &RoomId,
        lists: &[List],
        (skip, limit): (u32, u32),
        now: Millis,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Gives a client a role. A client without a row gets one with the id `new_row`.
    async fn set_role(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        role: Role,
        new_row: String,
        now: Millis,
    ) -> Result<RoleRow, RuleError>;

    /// Removes a row: the creator is an owner again, anybody else a member. Returns what it held.
    async fn remove_role(&self, app: &AppId, room: &RoomId, row: &str) -> Result<Option<RoleRow>, RuleError>;

    /// Rows of a room, of one role or all, by client id: `limit` of them after the first `skip`.
    async fn roles(
        &self,
        app: &AppId,
        room: &RoomId,
        role: Option<Role>,
        (skip, limit): (u32, u32),
    ) -> Result<Vec<RoleRow>, StoreError>;

    /// Changes what holds for all in a room. Changes of different switches do not undo each other. Returns all of them
    /// as they are then.
    async fn change_room_switches(
        &self,
        app: &AppId,
        room: &RoomId,
        change: SwitchChange,
    ) -> Result<RoomSwitches, RuleError>;

    /// Notes that a client wants nobody to put it into a room, or (`refuses` false) that it does not mind any more.
    async fn refuse_room(
        &self,
        app: &AppId,
        client: &ClientId,
        room: &RoomId,
        refuses: bool,
    ) -> Result<(), RuleError>;

    /// The rooms that a client refuses, by id: `limit` of them after the first `skip`.
    async fn refused_rooms(
        &self,
        app: &AppId,
        client: &ClientId,
        (skip, limit): (u32, u32),
    ) -> Result<Vec<RoomId>, StoreError>;

    /// Bans somebody from the app, or gives a ban a new end. [`RuleError::Full`] when there are too many.
    async fn ban(&self, app: &AppId, ban: Ban) -> Result<(), RuleError>;

    /// Ends a ban; `false` when there is none.
    async fn unban(&self, app: &AppId, banned: &Banned) -> Result<bool, StoreError>;

    /// All bans of an app that are not over, clients first.
    async fn bans(&self, app: &AppId, now: Millis) -> Result<Vec<Ban>, StoreError>;
}
