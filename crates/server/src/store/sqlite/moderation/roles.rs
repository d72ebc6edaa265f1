//! Roles in a room: the rows of `_ConversationMemberInfo`.

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    moderation::{ROLES, Role},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Changed, Unchanged};
use crate::store::{
    RoleRow,
    sqlite::{ledger::Ledger, sessions},
};

fn column(role: Role) -> i64 {
    match role {
        Role::Member => 0,
        Role::Manager => 1,
        Role::Owner => 2,
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<RoleRow> {
    let number: i64 = row.get(1)?;
    let role = Role::ALL.into_iter().find(|role| column(*role) == number);
    Ok(RoleRow {
        client: sessions::client(row, 0)?,
        role: role.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))?,
        id: row.get(2)?,
        updated_at: Millis(row.get(3)?),
    })
}

/// Writes a row, with the id that the client's row has, if it has one.
pub(super) fn set(
    ledger: &mut Ledger,
    (app, room): (&AppId, &RoomId),
    new: RoleRow,
) -> rusqlite::Result<Changed<RoleRow>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unchanged::NoRoom)) };
    let room = ledger.head(&key).row;
    let connection = &ledger.connection;
    let known = of_client(connection, room, &new.client)?;
    let is_new = known.as_ref().is_none_or(|known| known.role == Role::Member);
    if new.role > Role::Member && is_new && moderators(connection, room)? >= i64::from(ROLES) {
        return Ok(Err(Unchanged::Full));
    }
    if new.role < Role::Owner && is_last_owner(connection, room, &new.client)? {
        return Ok(Err(Unchanged::NeedOwner));
    }
    let new = RoleRow { id: known.map_or(new.id, |known| known.id), ..new };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO roles (room, client, role, id, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![room, new.client.as_str(), column(new.role), new.id, new.updated_at.0])?;
    Ok(Ok(new))
}

/// Removes a row by its id.
pub(super) fn remove(
    ledger: &mut Ledger,
    (app, room): (&AppId, &RoomId),
    id: &str,
) -> rusqlite::Result<Changed<Option<RoleRow>>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unchanged::NoRoom)) };
    let room = ledger.head(&key).row;
    let connection = &ledger.connection;
    let known = connection
        .prepare_cached("SELECT client, role, id, updated_at FROM roles WHERE room = ?1 AND id = ?2")?
        .query_row(params![room, id], row)
        .optional()?;
    let Some(known) = known else { return Ok(Ok(None)) };
    // Without its row the creator is an owner.
    if creator(connection, room)? != known.client.as_str() && is_last_owner(connection, room, &known.client)?
    {
        return Ok(Err(Unchanged::NeedOwner));
    }
    connection
        .prepare_cached("DELETE FROM roles WHERE room = ?1 AND client = ?2")?
        .execute(params![room, known.client.as_str()])?;
    Ok(Ok(Some(known)))
}

pub(super) fn page(
    connection: &Connection,
    room: i64,
    role: Option<Role>,
    (skip, limit): (u32, u32),
) -> rusqlite::Result<Vec<RoleRow>> {
    connection
        .prepare_cached(
            "SELECT client, role, id, updated_at FROM roles WHERE room = ?1 AND (?2 IS NULL OR role = ?2)
             ORDER BY client LIMIT ?3 OFFSET ?4",
        )?
        .query_map(params![room, role.map(column), limit, skip], row)?
        .collect()
}

/// The role that a client's row gives it.
pub(super) fn of(connection: &Connection, room: i64, client: &ClientId) -> rusqlite::Result<Option<Role>> {
    Ok(of_client(connection, room, client)?.map(|row| row.role))
}

fn of_client(connection: &Connection, room: i64, client: &ClientId) -> rusqlite::Result<Option<RoleRow>> {
    connection
        .prepare_cached("SELECT client, role, id, updated_at FROM roles WHERE room = ?1 AND client = ?2")?
        .query_row(params![room, client.as_str()], row)
        .optional()
}

/// How many have a row as owner or manager.
fn moderators(connection: &Connection, room: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT count(*) FROM roles WHERE room = ?1 AND role > 0")?
        .query_row([room], |row| row.get(0))
}

/// Whether a client is an owner, and there is no other: by row, or the creator, whose row may say otherwise.
fn is_last_owner(connection: &Connection, room: i64, client: &ClientId) -> rusqlite::Result<bool> {
    let creator = creator(connection, room)?;
    let is_owner = match of_client(connection, room, client)? {
        Some(known) => known.role == Role::Owner,
        None => client.as_str() == creator,
    };
    let others: bool = connection
        .prepare_cached("SELECT 1 FROM roles WHERE room = ?1 AND role = 2 AND client <> ?2")?
        .exists(params![room, client.as_str()])?;
    let creator_is_another = !creator.is_empty() && creator != client.as_str() && {
        let has_row = connection
            .prepare_cached("SELECT 1 FROM roles WHERE room = ?1 AND client = ?2")?
            .exists(params![room, creator])?;
        !has_row
    };
    Ok(is_owner && !others && !creator_is_another)
}

fn creator(connection: &Connection, room: i64) -> rusqlite::Result<String> {
    connection.prepare_cached("SELECT creator FROM rooms WHERE row = ?1")?.query_row([room], |row| row.get(0))
}
