//! What holds for everybody in a room, and for the wills that are left in it.

use std::collections::BTreeSet;

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    moderation::{MuteAll, Role, RoomRules, RoomSwitches, SlowMode, SwitchChange},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Changed, Unchanged, roles};
use crate::store::sqlite::{ledger::Ledger, row::json};

/// The switches of a room; no row, none is on.
pub(super) fn of(connection: &Connection, room: i64) -> rusqlite::Result<RoomSwitches> {
    let found = connection
        .prepare_cached(
            "SELECT mute_all, mute_until, allowed, mute_roles, slow_mode, slow_roles, frozen
             FROM room_switches WHERE room = ?1",
        )?
        .query_row([room], |row| {
            let clients: Vec<String> = json(2, row.get_ref(2)?.as_str()?)?;
            let mute = MuteAll {
                until: row.get::<_, Option<i64>>(1)?.map(Millis),
                clients: clients.iter().filter_map(|client| ClientId::new(client).ok()).collect(),
                roles: roles_of(&json::<Vec<String>>(3, row.get_ref(3)?.as_str()?)?),
            };
            let slow = SlowMode {
                seconds: row.get(4)?,
                roles: roles_of(&json::<Vec<String>>(5, row.get_ref(5)?.as_str()?)?),
            };
            Ok(RoomSwitches {
                mute_all: row.get::<_, bool>(0)?.then_some(mute),
                slow_mode: (slow.seconds > 0).then_some(slow),
                frozen: row.get(6)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Changes some of them.
pub(super) fn change(
    ledger: &mut Ledger,
    (app, room): (&AppId, &RoomId),
    change: &SwitchChange,
) -> rusqlite::Result<Changed<RoomSwitches>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unchanged::NoRoom)) };
    let row = ledger.head(&key).row;
    let switches = of(&ledger.connection, row)?.changed(change.clone());
    if switches == RoomSwitches::default() {
        ledger.connection.prepare_cached("DELETE FROM room_switches WHERE room = ?1")?.execute([row])?;
        return Ok(Ok(switches));
    }
    let mute = switches.mute_all.as_ref();
    let mut allowed: Vec<&str> =
        mute.map_or_else(Vec::new, |mute| mute.clients.iter().map(ClientId::as_str).collect());
    allowed.sort_unstable();
    ledger
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO room_switches
                 (room, mute_all, mute_until, allowed, mute_roles, slow_mode, slow_roles, frozen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row,
            mute.is_some(),
            mute.and_then(|mute| mute.until).map(|until| until.0),
            serde_json::Value::from(allowed).to_string(),
            names(mute.map(|mute| &mute.roles)),
            switches.slow_mode.as_ref().map_or(0, |slow| slow.seconds),
            names(switches.slow_mode.as_ref().map(|slow| &slow.roles)),
            switches.frozen,
        ])?;
    Ok(Ok(switches))
}

/// Whether a room's switches let a client's will be delivered. `first`: it is the first of its session there.
pub(in crate::store::sqlite) fn let_will_pass(
    connection: &Connection,
    room: i64,
    sender: &ClientId,
    first: bool,
    now: Millis,
) -> rusqlite::Result<bool> {
    let switches = of(connection, room)?;
    if switches == RoomSwitches::default() {
        return Ok(true);
    }
    let creator = connection
        .prepare_cached("SELECT creator FROM rooms WHERE row = ?1")?
        .query_row([room], |row| row.get(0))?;
    let mut rules = RoomRules { creator, switches, ..RoomRules::default() };
    if let Some(role) = roles::of(connection, room, sender)? {
        rules.roles.insert(sender.clone(), role);
    }
    let too_many = !first && rules.slows(sender).is_some();
    Ok(!too_many && rules.refuses_message(sender, now).is_none())
}

fn names(roles: Option<&BTreeSet<Role>>) -> String {
    let names: Vec<&str> = roles.into_iter().flatten().map(|role| role.name()).collect();
    serde_json::Value::from(names).to_string()
}

fn roles_of(names: &[String]) -> BTreeSet<Role> {
    names.iter().filter_map(|name| Role::from_name(name)).collect()
}
