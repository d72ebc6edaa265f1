//! Moderation in the embedded store.

pub(super) mod bans;
pub(super) mod lists;
mod roles;
pub(super) mod switches;

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    ban::{Ban, Banned},
    clock::Millis,
    moderation::{List, Role, RoomRules, RoomSwitches, SwitchChange},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteStore, ledger::Ledger, sessions};
use crate::store::{Listed, ModerationStore, RoleRow, RuleError, StoreError};

/// Why a change was refused; found before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unchanged {
    NoRoom,
    Full,
    NeedOwner,
}

/// What a change of rules comes to.
type Changed<T> = Result<T, Unchanged>;

impl From<Unchanged> for RuleError {
    fn from(refusal: Unchanged) -> Self {
        match refusal {
            Unchanged::NoRoom => Self::NoRoom,
            Unchanged::Full => Self::Full,
            Unchanged::NeedOwner => Self::NeedOwner,
        }
    }
}

#[async_trait]
impl ModerationStore for SqliteStore {
    async fn room_rules(
        &self,
        app: &AppId,
        room: &RoomId,
        now: Millis,
    ) -> Result<Option<RoomRules>, StoreError> {
        self.read_room(app, room, move |connection, room| rules(connection, room, now)).await
    }

    async fn put_on_list(
        &self,
        app: &AppId,
        room: &RoomId,
        list: List,
        clients: Vec<ClientId>,
        until: Option<Millis>,
        now: Millis,
    ) -> Result<Vec<ClientId>, RuleError> {
        let (app, room) = (app.clone(), room.clone());
        let put = move |ledger: &mut Ledger| lists::put(ledger, (&app, &room), list, &clients, until, now);
        Ok(self.writer.run(put).await??)
    }

    async fn expel(
        &self,
        app: &AppId,
        room: &RoomId,
        clients: Vec<ClientId>,
    ) -> Result<Vec<ClientId>, RuleError> {
        let (app, room) = (app.clone(), room.clone());
        let expel = move |ledger: &mut Ledger| lists::expel(ledger, (&app, &room), &clients);
        Ok(self.writer.run(expel).await??)
    }

    async fn take_off_lists(
        &self,
        app: &AppId,
        room: &RoomId,
        lists: &[List],
        clients: Vec<ClientId>,
    ) -> Result<(), RuleError> {
        let (app, room, from) = (app.clone(), room.clone(), lists.to_vec());
        let take = move |ledger: &mut Ledger| lists::take_off(ledger, (&app, &room), &from, &clients);
        Ok(self.writer.run(take).await??)
    }

    async fn listed(
        &self,
        app: &AppId,
        room: &RoomId,
        lists: &[List],
        page: (u32, u32),
        now: Millis,
    ) -> Result<Vec<Listed>, StoreError> {
        let of = lists.to_vec();
        self.read_room(app, room, move |connection, room| lists::page(connection, room, &of, page, now)).await
    }

    async fn set_role(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        role: Role,
        new_row: String,
        now: Millis,
    ) -> Result<RoleRow, RuleError> {
        let (app, room, client) = (app.clone(), room.clone(), client.clone());
        let set = move |ledger: &mut Ledger| {
            let row = RoleRow { id: new_row.clone(), client: client.clone(), role, updated_at: now };
            roles::set(ledger, (&app, &room), row)
        };
        Ok(self.writer.run(set).await??)
    }

    async fn remove_role(&self, app: &AppId, room: &RoomId, row: &str) -> Result<Option<RoleRow>, RuleError> {
        let (app, room, row) = (app.clone(), room.clone(), row.to_owned());
        Ok(self.writer.run(move |ledger| roles::remove(ledger, (&app, &room), &row)).await??)
    }

    async fn roles(
        &self,
        app: &AppId,
        room: &RoomId,
        role: Option<Role>,
        page: (u32, u32),
    ) -> Result<Vec<RoleRow>, StoreError> {
        self.read_room(app, room, move |connection, room| roles::page(connection, room, role, page)).await
    }

    async fn change_room_switches(
        &self,
        app: &AppId,
        room: &RoomId,
        change: SwitchChange,
    ) -> Result<RoomSwitches, RuleError> {
        let (app, room) = (app.clone(), room.clone());
        let set = move |ledger: &mut Ledger| switches::change(ledger, (&app, &room), &change);
        Ok(self.writer.run(set).await??)
    }

    async fn refuse_room(
        &self,
        app: &AppId,
        client: &ClientId,
        room: &RoomId,
        refuses: bool,
    ) -> Result<(), RuleError> {
        let (app, client, room) = (app.clone(), client.clone(), room.clone());
        let refuse = move |ledger: &mut Ledger| lists::refuse(ledger, (&app, &client), &room, refuses);
        Ok(self.writer.run(refuse).await??)
    }

    async fn refused_rooms(
        &self,
        app: &AppId,
        client: &ClientId,
        page: (u32, u32),
    ) -> Result<Vec<RoomId>, StoreError> {
        let (app, client) = (app.clone(), client.clone());
        self.read(move |connection| lists::refused(connection, &app, &client, page)).await
    }

    async fn ban(&self, app: &AppId, ban: Ban) -> Result<(), RuleError> {
        let app = app.clone();
        Ok(self.writer.run(move |ledger| bans::put(ledger, &app, &ban)).await??)
    }

    async fn unban(&self, app: &AppId, banned: &Banned) -> Result<bool, StoreError> {
        let (app, banned) = (app.clone(), banned.clone());
        self.writer.run(move |ledger| bans::remove(ledger, &app, &banned)).await
    }

    async fn bans(&self, app: &AppId, now: Millis) -> Result<Vec<Ban>, StoreError> {
        let app = app.clone();
        self.read(move |connection| bans::all(connection, &app, now)).await
    }
}

/// Everything about one room. It is read in several statements: whoever keeps it has to see whether it changed.
fn rules(connection: &Connection, room: i64, now: Millis) -> rusqlite::Result<Option<RoomRules>> {
    let creator: Option<String> = connection
        .prepare_cached("SELECT creator FROM rooms WHERE row = ?1")?
        .query_row([room], |row| row.get(0))
        .optional()?;
    let Some(creator) = creator else { return Ok(None) };
    let mut rules = RoomRules { creator, ..RoomRules::default() };
    let mut statement = connection.prepare_cached(
        "SELECT list, client, until FROM restrictions WHERE room = ?1 AND (until IS NULL OR until > ?2)",
    )?;
    let mut rows = statement.query(params![room, now.0])?;
    while let Some(row) = rows.next()? {
        let (client, until) = (sessions::client(row, 1)?, row.get::<_, Option<i64>>(2)?.map(Millis));
        match (lists::from_column(row.get(0)?), until) {
            (Some(List::Silenced), _) => drop(rules.silenced.insert(client)),
            (Some(List::SilencedForATime), Some(until)) => drop(rules.silenced_until.insert(client, until)),
            (Some(List::Blocked), until) => drop(rules.blocked.insert(client, until)),
            (Some(List::SilencedForATime), None) | (None, _) => {}
        }
    }
    for row in roles::page(connection, room, None, (0, u32::MAX))? {
        rules.roles.insert(row.client, row.role);
    }
    rules.switches = switches::of(connection, room)?;
    Ok(Some(rules))
}
