//! Word lists in the embedded store: each is one text, because it is read and written as a whole.

use async_trait::async_trait;
use grandstand_protocol::AppId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteStore, ledger::Ledger};
use crate::store::{StoreError, WordStore};

#[async_trait]
impl WordStore for SqliteStore {
    async fn set_words(&self, app: &AppId, words: Vec<String>) -> Result<(), StoreError> {
        let (app, text) = (app.clone(), words.join("\n"));
        self.writer.run(move |ledger| set(ledger, &app, &text)).await
    }

    async fn words(&self, app: &AppId) -> Result<Option<Vec<String>>, StoreError> {
        let app = app.clone();
        self.read(move |connection| words(connection, &app)).await
    }

    async fn remove_words(&self, app: &AppId) -> Result<bool, StoreError> {
        let app = app.clone();
        self.writer.run(move |ledger| remove(ledger, &app)).await
    }
}

fn set(ledger: &mut Ledger, app: &AppId, text: &str) -> rusqlite::Result<()> {
    let app = ledger.make_app(app)?;
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO word_lists (app, words) VALUES (?1, ?2)
                 ON CONFLICT (app) DO UPDATE SET words = excluded.words",
        )?
        .execute(params![app, text])
        .map(drop)
}

fn words(connection: &Connection, app: &AppId) -> rusqlite::Result<Option<Vec<String>>> {
    let text: Option<String> = connection
        .prepare_cached("SELECT l.words FROM word_lists l JOIN apps a ON a.row = l.app WHERE a.id = ?1")?
        .query_row([app.as_str()], |row| row.get(0))
        .optional()?;
    Ok(text.map(|text| text.lines().map(str::to_owned).collect()))
}

fn remove(ledger: &mut Ledger, app: &AppId) -> rusqlite::Result<bool> {
    let app = ledger.make_app(app)?;
    let removed =
        ledger.connection.prepare_cached("DELETE FROM word_lists WHERE app = ?1")?.execute([app])?;
    Ok(removed > 0)
}
