//! The keys of session tokens, and the tokens that no longer count.

use grandstand_protocol::{AppId, ClientId};
use grandstand_room::{clock::Millis, session::SessionId, token::REVOCATIONS_KEPT};
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

/// Which of these logins were revoked. One that stays beyond its time concerns no token that counts.
pub(super) fn revoked(
    connection: &Connection,
    logins: &[(&AppId, Option<SessionId>)],
) -> rusqlite::Result<Vec<bool>> {
    let mut found = vec![false; logins.len()];
    if logins.iter().all(|(_, login)| login.is_none()) {
        return Ok(found);
    }
    let digits = |login: &SessionId| format!("{:032x}", login.0);
    let asked: Vec<_> =
        logins.iter().map(|(app, login)| (app.as_str(), login.as_ref().map(digits))).collect();
    let asked = serde_json::to_string(&asked).expect("texts become JSON");
    // Login by login along the index: `CROSS JOIN` keeps this order.
    let mut statement = connection.prepare_cached(
        "SELECT asked.key FROM json_each(?1) asked CROSS JOIN apps a ON a.id = asked.value ->> 0
         CROSS JOIN revocations v INDEXED BY revocations_by_session
             ON v.app = a.row AND v.session = unhex(asked.value ->> 1)",
    )?;
    let mut rows = statement.query([asked])?;
    while let Some(row) = rows.next()? {
        let at: u32 = row.get(0)?;
        found[at as usize] = true;
    }
    Ok(found)
}

/// The client ids whose tokens were revoked, by an index that holds nothing else: logins are many more.
pub(super) fn revoked_clients(
    connection: &Connection,
    now: Millis,
) -> rusqlite::Result<Vec<(AppId, ClientId, Millis)>> {
    connection
        .prepare_cached(
            "SELECT a.id, v.client, v.before FROM revocations v INDEXED BY revocations_by_client
             JOIN apps a ON a.row = v.app WHERE v.client IS NOT NULL AND v.expires_at > ?1",
        )?
        .query_map([now.0], |row| {
            Ok((row.get::<_, String>(0)?.into(), sessions::client(row, 1)?, Millis(row.get(2)?)))
        })?
        .collect()
}
