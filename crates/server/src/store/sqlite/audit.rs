//! The audit log in the embedded store.

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{clock::Millis, moderation::Role};
use rusqlite::{Connection, Row, ToSql, params};

use super::{
    SqliteStore,
    ledger::Ledger,
    readers,
    row::{address, address_column, json},
    sessions,
};
use crate::store::{ActorFilter, AuditActor, AuditEntry, AuditPlace, AuditQuery, AuditStore, StoreError};

const MASTER_KEY: i64 = 1;
const CLIENT: i64 = 2;
const APP_KEY: i64 = 3;
const NOBODY: i64 = 4;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn note_act(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer.run(move |ledger| note(ledger, &entry)).await
    }

    async fn acts(
        &self,
        app: &AppId,
        query: &AuditQuery,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        let (app, query) = (app.clone(), query.clone());
        // Several conditions may have to look at many entries: nothing else waits for that.
        let read = move |connection: &Connection| {
            page(connection, &app, &query).map_err(|error| readers::failed(&error))
        };
        self.searches.run(read).await
    }
}

fn note(ledger: &mut Ledger, entry: &AuditEntry) -> rusqlite::Result<()> {
    let app = ledger.make_app(&entry.app)?;
    let (actor, by, role) = match &entry.actor {
        AuditActor::MasterKey => (MASTER_KEY, None, None),
        AuditActor::Client { id, role } => (CLIENT, Some(id.as_str()), role.map(Role::name)),
        AuditActor::AppKey => (APP_KEY, None, None),
        AuditActor::Nobody => (NOBODY, None, None),
    };
    let clients: Vec<&str> = entry.clients.iter().map(ClientId::as_str).collect();
    let clients = (!clients.is_empty()).then(|| serde_json::Value::from(clients).to_string());
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO audit (app, at, actor, by, role, address, action, room, message, clients, details)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            app,
            entry.at.0,
            actor,
            by,
            role,
            address_column(entry.address),
            entry.action,
            entry.room.as_ref().map(RoomId::as_str),
            entry.message.as_ref().map(|id| id.as_str()),
            clients,
            entry.details.to_string(),
        ])
        .map(drop)
}

fn page(
    connection: &Connection,
    app: &AppId,
    query: &AuditQuery,
) -> rusqlite::Result<Vec<(AuditPlace, AuditEntry)>> {
    let (sql, bounds) = statement(app, query);
    let bounds: Vec<&dyn ToSql> = bounds.iter().map(AsRef::as_ref).collect();
    connection.prepare_cached(&sql)?.query_map(&bounds[..], |row| entry(app, row))?.collect()
}

/// The text depends only on which conditions there are; what they compare with is bound.
fn statement(app: &AppId, query: &AuditQuery) -> (String, Vec<Box<dyn ToSql>>) {
    let AuditQuery { from, till, actor, action, room, client, before, limit } = query;
    let mut sql =
        "SELECT e.row, e.at, e.actor, e.by, e.role, e.address, e.action, e.room, e.message, e.clients, \
                   e.details FROM apps a "
            .to_owned();
    // Times and places are those of the table that is walked along.
    let (walked, row) = match client {
        Some(_) => {
            sql.push_str(
                "CROSS JOIN audit_clients c ON c.app = a.row CROSS JOIN audit e ON e.row = c.entry WHERE a.id = ?",
            );
            ("c", "entry")
        }
        None => {
            sql.push_str("CROSS JOIN audit e ON e.app = a.row WHERE a.id = ?");
            ("e", "row")
        }
    };
    let mut bounds: Vec<Box<dyn ToSql>> = vec![Box::new(app.to_string())];
    let mut also = |condition: &str, bound: Box<dyn ToSql>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        bounds.push(bound);
    };
    if let Some(client) = client {
        also("c.client = ?", Box::new(client.to_string()));
    }
    if let Some(from) = from {
        also(&format!("{walked}.at >= ?"), Box::new(from.0));
    }
    if let Some(till) = till {
        also(&format!("{walked}.at < ?"), Box::new(till.0));
    }
    match actor {
        None => {}
        Some(ActorFilter::MasterKey) => also("e.actor = ?", Box::new(MASTER_KEY)),
        Some(ActorFilter::AnyClient) => also("e.actor = ?", Box::new(CLIENT)),
        Some(ActorFilter::AppKey) => also("e.actor = ?", Box::new(APP_KEY)),
        Some(ActorFilter::Nobody) => also("e.actor = ?", Box::new(NOBODY)),
        Some(ActorFilter::Client(client)) => also("e.by = ?", Box::new(client.to_string())),
    }
    if let Some(action) = action {
        also("e.action = ?", Box::new(action.clone()));
    }
    if let Some(room) = room {
        also("e.room = ?", Box::new(room.to_string()));
    }
    if let Some(AuditPlace { at, row: place }) = before {
        // The first says what the second does, but shows the index where to begin.
        also(&format!("{walked}.at <= ?"), Box::new(at.0));
        also(&format!("({walked}.at < ? OR {walked}.{row} < ?)"), Box::new(at.0));
        bounds.push(Box::new(*place));
    }
    sql.push_str(&format!(" ORDER BY {walked}.at DESC, {walked}.{row} DESC LIMIT ?"));
    bounds.push(Box::new(*limit));
    (sql, bounds)
}

fn entry(app: &AppId, row: &Row<'_>) -> rusqlite::Result<(AuditPlace, AuditEntry)> {
    let at = Millis(row.get(1)?);
    let role = row.get_ref(4)?.as_str_or_null()?.and_then(Role::from_name);
    let actor = match row.get(2)? {
        MASTER_KEY => AuditActor::MasterKey,
        CLIENT => AuditActor::Client { id: sessions::client(row, 3)?, role },
        APP_KEY => AuditActor::AppKey,
        _ => AuditActor::Nobody,
    };
    let clients: Vec<String> = match row.get_ref(9)?.as_str_or_null()? {
        Some(text) => json(9, text)?,
        None => Vec::new(),
    };
    let entry = AuditEntry {
        app: app.clone(),
        at,
        actor,
        address: address(row, 5)?,
        action: row.get(6)?,
        room: row.get::<_, Option<String>>(7)?.map(RoomId::from),
        message: row.get::<_, Option<String>>(8)?.map(Into::into),
        clients: clients.iter().filter_map(|client| ClientId::new(client).ok()).collect(),
        details: json(10, row.get_ref(10)?.as_str()?)?,
    };
    Ok((AuditPlace { at, row: row.get(0)? }, entry))
}

/// Removes what is older than `expired`, and of each actor what is more than `most`: at most `limit` rows of each.
/// Whoever does much, or tries many keys, so pushes out only what others like him did. Returns how many went.
pub(super) fn forget(
    connection: &Connection,
    expired: Millis,
    most: i64,
    limit: i64,
) -> rusqlite::Result<i64> {
    let groups: Vec<(i64, i64, i64)> = connection
        .prepare_cached("SELECT app, actor, entries FROM audit_counts WHERE entries > 0")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut gone = 0;
    for (app, actor, entries) in groups {
        let left = limit - gone;
        let too_many = (entries - most).clamp(0, left);
        let removed = connection
            .prepare_cached(
                "DELETE FROM audit WHERE row IN
                     (SELECT row FROM audit WHERE app = ?1 AND actor = ?2 ORDER BY at, row LIMIT ?3)",
            )?
            .execute(params![app, actor, too_many])? as i64;
        let old = connection
            .prepare_cached(
                "DELETE FROM audit WHERE row IN
                     (SELECT row FROM audit WHERE app = ?1 AND actor = ?2 AND at < ?3 ORDER BY at, row LIMIT ?4)",
            )?
            .execute(params![app, actor, expired.0, left - removed])? as i64;
        gone += removed + old;
        if gone >= limit {
            break;
        }
    }
    Ok(gone)
}
