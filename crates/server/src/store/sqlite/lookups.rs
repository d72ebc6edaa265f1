//! What is remembered of many clients, found together: when everybody returns at once, one statement asks for all who
//! wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use grandstand_protocol::{AppId, ClientId};
use grandstand_room::session::SessionId;
use rusqlite::Connection;
use tokio::sync::{Mutex as Gate, oneshot};

use super::{
    readers::{self, Readers},
    sessions, tokens,
    writer::store_error,
};
use crate::store::{Known, StoreError};

/// Clients that one statement looks for, at most.
const BATCH: usize = 256;

/// Look-ups that gather while a statement runs, for the next one.
#[derive(Default)]
pub(super) struct Lookups {
    waiting: Mutex<Vec<Lookup>>,
    /// Whose turn it is to ask for all.
    turn: Gate<()>,
}

struct Lookup {
    app: AppId,
    client: ClientId,
    /// What its token names.
    login: Option<SessionId>,
    reply: oneshot::Sender<Result<Known, StoreError>>,
}

impl Lookups {
    /// What is known of a client, as committed when this was called or later.
    pub(super) async fn find(
        &self,
        readers: &Readers,
        app: &AppId,
        client: &ClientId,
        login: Option<SessionId>,
    ) -> Result<Known, StoreError> {
        loop {
            let (reply, mut answer) = oneshot::channel();
            self.waiting().push(Lookup { app: app.clone(), client: client.clone(), login, reply });
            let answered = tokio::select! {
                biased;
                answered = &mut answer => answered,
                _turn = self.turn.lock() => {
                    self.ask(readers).await?;
                    answer.await
                }
            };
            // Without an answer, whoever asked for all has gone in the middle of it.
            if let Ok(found) = answered {
                return found;
            }
        }
    }

    async fn ask(&self, readers: &Readers) -> Result<(), StoreError> {
        let batch: Vec<_> = {
            let mut waiting = self.waiting();
            let most = waiting.len().min(BATCH);
            waiting.drain(..most).collect()
        };
        if batch.is_empty() {
            return Ok(());
        }
        readers
            .run(move |connection| {
                let found = look_up(connection, &batch);
                if let Err(error) = &found {
                    readers::failed(error);
                }
                let mut found = found.map(Vec::into_iter);
                for lookup in batch {
                    let known = match &mut found {
                        Ok(found) => Ok(found.next().unwrap_or_default()),
                        Err(error) => Err(store_error(error)),
                    };
                    // Nobody waits any more.
                    let _ = lookup.reply.send(known);
                }
                Ok(())
            })
            .await
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Lookup>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of each. Whether its token was revoked stands in another table, and is a second statement for all who
/// brought one.
fn look_up(connection: &Connection, batch: &[Lookup]) -> rusqlite::Result<Vec<Known>> {
    let clients: Vec<_> = batch.iter().map(|lookup| (&lookup.app, &lookup.client)).collect();
    let logins: Vec<_> = batch.iter().map(|lookup| (&lookup.app, lookup.login)).collect();
    let found = sessions::of_clients(connection, &clients)?;
    let revoked = tokens::revoked(connection, &logins)?;
    let known = |(sessions, is_revoked)| Known { sessions, is_revoked };
    Ok(found.into_iter().zip(revoked).map(known).collect())
}
