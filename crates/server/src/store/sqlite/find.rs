//! Room queries: SQL narrows and sorts by columns, the rules decide the rest row by row.

mod narrowing;

use std::time::Duration;

use grandstand_protocol::{AppId, RoomId};
use grandstand_room::{
    query::{Filter, RoomQuery, SortKey},
    room::Room,
};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use rustix::time::{ClockId, clock_gettime};

use super::{
    readers::failed,
    rooms::{self, room, room_columns},
};
use crate::store::{StoreError, Walked};
use narrowing::{Narrowing, column};

/// Rooms that one query looks at, at most: about a seventh of a second of one thread, where they are small (decision
/// record 0003).
const EXAMINED: usize = 100_000;

/// How much of a processor one query may take: a hostile pattern takes milliseconds for each room. Not by the clock on
/// the wall, which would refuse honest queries when the machine is busy.
const PATIENCE: Duration = Duration::from_millis(80);

/// Rooms that are held to be sorted by a key that is no column.
const SORTED: usize = 10_000;

/// Whether a query is sure to be a matter of microseconds.
pub(super) fn is_lookup(filter: &Filter) -> bool {
    filter.ids().is_some()
}

pub(super) fn find(connection: &Connection, app: &AppId, query: &RoomQuery) -> Result<Vec<Room>, StoreError> {
    let (skip, limit) = (query.skip as usize, query.limit as usize);
    if limit == 0 || query.filter.is_nothing() {
        return Ok(Vec::new());
    }
    if let Some(listed) = listed(connection, app, &query.filter).map_err(|error| failed(&error))? {
        return Ok(page(listed, query));
    }
    let order = order_by(query);
    let Some(mut scan) = Scan::of(connection, app, &query.filter, query.sort.first())? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    if let Some(order) = &order {
        scan.narrowing.sql.push_str(order);
        let mut passed = 0;
        scan.each(connection, |room| {
            passed += 1;
            if passed > skip {
                found.push(room);
            }
            found.len() < limit
        })?;
        return Ok(found);
    }
    let wanted = skip + limit;
    if wanted > SORTED {
        return Err(StoreError::TooCostly);
    }
    scan.each(connection, |room| {
        found.push(room);
        if found.len() >= 2 * wanted + 1000 {
            found.sort_by(|a, b| query.compare(a, b));
            found.truncate(wanted);
        }
        true
    })?;
    Ok(page(found, query))
}

pub(super) fn count(connection: &Connection, app: &AppId, filter: &Filter) -> Result<u64, StoreError> {
    if filter.is_nothing() {
        return Ok(0);
    }
    if let Some(listed) = listed(connection, app, filter).map_err(|error| failed(&error))? {
        return Ok(listed.len() as u64);
    }
    let Some(scan) = Scan::of(connection, app, filter, None)? else { return Ok(0) };
    if scan.narrowing.exact {
        return scan.count(connection).map_err(|error| failed(&error));
    }
    let mut count = 0;
    scan.each(connection, |_| {
        count += 1;
        true
    })?;
    Ok(count)
}

/// One step of a walk. A hostile pattern ends it early, and never prevents it.
pub(super) fn walk(
    connection: &Connection,
    app: &AppId,
    filter: &Filter,
    after: Option<&RoomId>,
    limit: usize,
) -> rusqlite::Result<Walked> {
    if filter.is_nothing() {
        return Ok(Walked::default());
    }
    if let Some(listed) = listed(connection, app, filter)? {
        return Ok(Walked { rooms: listed.into_iter().map(|room| room.id).collect(), next: None });
    }
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        room_columns!(),
        " FROM apps a JOIN rooms r ON r.app = a.row JOIN heads h ON h.room = r.row
         WHERE a.id = ?1 AND r.id > ?2 ORDER BY r.id"
    ))?;
    let mut rows = statement.query(params![app.as_str(), after.map_or("", RoomId::as_str)])?;
    let (mut rooms, mut last, began) = (Vec::new(), None, processor_time());
    for _ in 0..limit {
        if last.is_some() && processor_time().saturating_sub(began) > PATIENCE {
            break;
        }
        let Some(row) = rows.next()? else { return Ok(Walked { rooms, next: None }) };
        let room = room(row)?;
        last = Some(room.id.clone());
        if filter.matches(&room) {
            rooms.push(room.id);
        }
    }
    Ok(Walked { rooms, next: last })
}

/// The matching rooms, when the filter lists the ids that they can have.
fn listed(connection: &Connection, app: &AppId, filter: &Filter) -> rusqlite::Result<Option<Vec<Room>>> {
    let Some(ids) = filter.ids() else { return Ok(None) };
    let mut found = Vec::new();
    for id in ids {
        found.extend(rooms::by_id(connection, app, &id)?.filter(|room| filter.matches(room)));
    }
    Ok(Some(found))
}

fn page(mut found: Vec<Room>, query: &RoomQuery) -> Vec<Room> {
    found.sort_by(|a, b| query.compare(a, b));
    found.into_iter().skip(query.skip as usize).take(query.limit as usize).collect()
}

/// The order as SQL, when every key is a column.
fn order_by(query: &RoomQuery) -> Option<String> {
    let mut sql = " ORDER BY ".to_owned();
    for key in &query.sort {
        let (column, _) = column(&key.field)?;
        sql.push_str(column);
        sql.push_str(if key.descending { " DESC, " } else { " ASC, " });
    }
    sql.push_str("r.id");
    Some(sql)
}

/// A walk over the rooms of an app that SQL lets through.
struct Scan<'a> {
    filter: &'a Filter,
    narrowing: Narrowing,
}

impl<'a> Scan<'a> {
    /// `None`: nothing was ever stored for the app.
    fn of(
        connection: &Connection,
        app: &AppId,
        filter: &'a Filter,
        first: Option<&SortKey>,
    ) -> Result<Option<Self>, StoreError> {
        let row: Option<i64> = connection
            .prepare_cached("SELECT row FROM apps WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([app.as_str()], |row| row.get(0)).optional())
            .map_err(|error| failed(&error))?;
        Ok(row.map(|app| {
            let mut narrowing = narrowing::narrow(filter);
            // Where no index of `rooms` finds or sorts them, the one of `heads` gives the order that SDKs ask for by
            // default.
            let by_rooms = narrowing.indexed || first.is_some_and(|key| narrowing::has_index(&key.field));
            let of_app = if by_rooms { "r.app = ?1" } else { "r.app = ?1 AND h.app = ?1" };
            narrowing.sql = format!("{of_app} AND {}", narrowing.sql);
            narrowing.values.insert(0, Value::Integer(app));
            Self { filter, narrowing }
        }))
    }

    /// Calls `visit` with each room that matches, until it returns false.
    fn each(&self, connection: &Connection, mut visit: impl FnMut(Room) -> bool) -> Result<(), StoreError> {
        let sql = format!(
            concat!("SELECT ", room_columns!(), " FROM rooms r JOIN heads h ON h.room = r.row WHERE {}"),
            self.narrowing.sql
        );
        let walked = connection.prepare_cached(&sql).and_then(|mut statement| {
            let mut rows = statement.query(params_from_iter(&self.narrowing.values))?;
            let began = processor_time();
            for _ in 0..EXAMINED {
                let Some(row) = rows.next()? else { return Ok(true) };
                if processor_time().saturating_sub(began) > PATIENCE {
                    return Ok(false);
                }
                let room = room(row)?;
                if self.filter.matches(&room) && !visit(room) {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        match walked {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::TooCostly),
            Err(error) => Err(failed(&error)),
        }
    }

    fn count(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let sql = format!(
            "SELECT count(*) FROM rooms r JOIN heads h ON h.room = r.row WHERE {}",
            self.narrowing.sql
        );
        connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&self.narrowing.values), |row| row.get(0))
            .map(super::wire_number)
    }
}

/// What this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
