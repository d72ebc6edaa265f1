//! Who may not log in to an app.

use std::{iter, net::IpAddr};

use grandstand_protocol::{AppId, ClientId};
use grandstand_room::{
    ban::{BANS, Ban, Banned},
    clock::Millis,
};
use ipnet::IpNet;
use rusqlite::{Connection, params, types::Type};

use super::{Changed, Unchanged};
use crate::store::sqlite::{ledger::Ledger, row::time, sessions};

fn columns(banned: &Banned) -> (i64, String) {
    match banned {
        Banned::Client(client) => (1, client.to_string()),
        Banned::Network(network) => (2, network.trunc().to_string()),
    }
}

pub(super) fn put(ledger: &mut Ledger, app: &AppId, ban: &Ban) -> rusqlite::Result<Changed<()>> {
    let app = ledger.make_app(app)?;
    let (kind, subject) = columns(&ban.banned);
    let connection = &ledger.connection;
    let others: i64 = connection
        .prepare_cached("SELECT count(*) FROM bans WHERE app = ?1 AND kind = ?2 AND subject <> ?3")?
        .query_row(params![app, kind, subject], |row| row.get(0))?;
    if others >= i64::from(BANS) {
        return Ok(Err(Unchanged::Full));
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO bans (app, kind, subject, until, reason, made_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![app, kind, subject, ban.until.map(|until| until.0), ban.reason, ban.made_at.0])?;
    Ok(Ok(()))
}

pub(super) fn remove(ledger: &mut Ledger, app: &AppId, banned: &Banned) -> rusqlite::Result<bool> {
    let Some(app) = ledger.app(app)? else { return Ok(false) };
    let (kind, subject) = columns(banned);
    let removed = ledger
        .connection
        .prepare_cached("DELETE FROM bans WHERE app = ?1 AND kind = ?2 AND subject = ?3")?
        .execute(params![app, kind, subject])?;
    Ok(removed == 1)
}

/// Whether a client from an address is banned. Of the many networks that may be, an address is in few that could be.
pub(in crate::store::sqlite) fn keep_out(
    connection: &Connection,
    app: i64,
    client: &ClientId,
    address: Option<IpAddr>,
    now: Millis,
) -> rusqlite::Result<bool> {
    let mut held = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM bans WHERE app = ?1 AND kind = ?2 AND subject = ?3
                        AND (until IS NULL OR until > ?4))",
    )?;
    let networks = address.map(|address| IpNet::from(address.to_canonical())).into_iter();
    let networks = networks.flat_map(|own| iter::successors(Some(own), IpNet::supernet)).map(Banned::Network);
    for banned in iter::once(Banned::Client(client.clone())).chain(networks) {
        let (kind, subject) = columns(&banned);
        if held.query_row(params![app, kind, subject, now.0], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn all(connection: &Connection, app: &AppId, now: Millis) -> rusqlite::Result<Vec<Ban>> {
    connection
        .prepare_cached(
            "SELECT b.kind, b.subject, b.until, b.reason, b.made_at FROM apps a JOIN bans b ON b.app = a.row
             WHERE a.id = ?1 AND (b.until IS NULL OR b.until > ?2) ORDER BY b.kind, b.subject",
        )?
        .query_map(params![app.as_str(), now.0], |row| {
            let banned = match row.get(0)? {
                1 => Banned::Client(sessions::client(row, 1)?),
                _ => Banned::Network(row.get_ref(1)?.as_str()?.parse().map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error))
                })?),
            };
            Ok(Ban { banned, until: time(row, 2)?, reason: row.get(3)?, made_at: Millis(row.get(4)?) })
        })?
        .collect()
}
