//! The keys of session tokens, and the tokens that no longer count.

use grandstand_protocol::{AppId, ClientId};
use grandstand_room::{clock::Millis, token::REVOCATIONS_KEPT};
use rusqlite::{Connection, params};

use super::{ledger::Ledger, sessions};
use crate::store::{Revocation, TokenKeys};

/// The keys, made when there are none.
pub(super) fn keys(ledger: &mut Ledger, now: Millis) -> rusqlite::Result<TokenKeys> {
    let mut newest_first = read_keys(&ledger.connection)?.into_iter();
    if let Some(current) = newest_first.next() {
        return Ok(TokenKeys { current, previous: newest_first.next() });
    }
    let current: [u8; 32] = rand::random();
    ledger
        .connection
        .prepare_cached("INSERT INTO token_keys (key, made_at) VALUES (?1, ?2)")?
        .execute(params![current, now.0])?;
    Ok(TokenKeys { current, previous: None })
}

fn read_keys(connection: &Connection) -> rusqlite::Result<Vec<[u8; 32]>> {
    connection
        .prepare_cached("SELECT key FROM token_keys ORDER BY row DESC LIMIT 2")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Keeps a revocation as long as a token lives that it concerns.
pub(super) fn revoke(ledger: &mut Ledger, revocation: &Revocation, now: Millis) -> rusqlite::Result<()> {
    let life = REVOCATIONS_KEPT;
    match revocation {
        Revocation::Session { app, session } => {
            let app = ledger.make_app(app)?;
            ledger
                .connection
                .prepare_cached(
                    "INSERT INTO revocations (app, session, expires_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT (app, session) WHERE session IS NOT NULL
                     DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
                )?
                .execute(params![app, sessions::blob(*session), now.plus(life).0])?;
        }
        Revocation::Before { app, client, time } => {
            let app = ledger.make_app(app)?;
            ledger
                .connection
                .prepare_cached(
                    "INSERT INTO revocations (app, client, before, expires_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (app, client) WHERE client IS NOT NULL
                     DO UPDATE SET before = max(before, excluded.before),
                                   expires_at = max(expires_at, excluded.expires_at)",
                )?
                .execute(params![app, client.as_str(), time.0, now.max(*time).plus(life).0])?;
        }
    }
    Ok(())
}

/// Every revocation still in force.
pub(super) fn revocations(connection: &Connection, now: Millis) -> rusqlite::Result<Vec<Revocation>> {
    connection
        .prepare_cached(
            "SELECT a.id, v.session, v.client, v.before FROM revocations v JOIN apps a ON a.row = v.app
             WHERE v.expires_at > ?1 ORDER BY v.row",
        )?
        .query_map([now.0], |row| {
            let app = AppId::from(row.get::<_, String>(0)?);
            if row.get_ref(1)?.as_blob_or_null()?.is_some() {
                return Ok(Revocation::Session { app, session: sessions::session(row, 1)? });
            }
            let client: ClientId = sessions::client(row, 2)?;
            Ok(Revocation::Before { app, client, time: Millis(row.get(3)?) })
        })?
        .collect()
}
