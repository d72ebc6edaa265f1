//! How far live sessions have confirmed HIGH messages.

use rusqlite::params;

use super::{ledger::Ledger, sessions::blob, sql_number};
use crate::store::Position;

/// Notes positions of stays that go on.
pub(super) fn note(ledger: &mut Ledger, positions: &[Position]) -> rusqlite::Result<()> {
    for Position { app, session, epoch, number } in positions {
        let Some(app) = ledger.app(app)? else { continue };
        ledger
            .connection
            .prepare_cached(
                "INSERT INTO positions (session, app, epoch, number)
                 SELECT session, app, epoch, ?4 FROM sessions
                 WHERE session = ?1 AND app = ?2 AND epoch = ?3 AND dropped_at IS NULL
                 ON CONFLICT DO UPDATE SET
                     number = CASE WHEN epoch = excluded.epoch THEN max(number, excluded.number)
                                   ELSE excluded.number END,
                     epoch = excluded.epoch",
            )?
            .execute(params![blob(*session), app, sql_number(*epoch), sql_number(*number)])?;
    }
    Ok(())
}
