//! Room queries: what an index can narrow is asked of SQL, the rest is decided by the rules themselves.

use grandstand_protocol::AppId;
use grandstand_room::{
    query::{Filter, RoomQuery},
    room::Room,
};
use rusqlite::{Connection, params};

use super::rooms::{self, room, room_columns};

pub(super) fn find(connection: &Connection, app: &AppId, query: &RoomQuery) -> rusqlite::Result<Vec<Room>> {
    let mut found = matching(connection, app, &query.filter)?;
    found.sort_by(|a, b| query.compare(a, b));
    Ok(found.into_iter().skip(query.skip as usize).take(query.limit as usize).collect())
}

pub(super) fn count(connection: &Connection, app: &AppId, filter: &Filter) -> rusqlite::Result<u64> {
    Ok(matching(connection, app, filter)?.len() as u64)
}

fn matching(connection: &Connection, app: &AppId, filter: &Filter) -> rusqlite::Result<Vec<Room>> {
    if let Some(ids) = filter.ids() {
        let mut found = Vec::new();
        for id in ids {
            found.extend(rooms::by_id(connection, app, &id)?.filter(|room| filter.matches(room)));
        }
        return Ok(found);
    }
    connection
        .prepare_cached(concat!(
            "SELECT ",
            room_columns!(),
            " FROM apps a JOIN rooms r ON r.app = a.row JOIN heads h ON h.room = r.row WHERE a.id = ?1"
        ))?
        .query_map(params![app.as_str()], room)?
        .filter(|room| room.as_ref().map_or(true, |room| filter.matches(room)))
        .collect()
}
