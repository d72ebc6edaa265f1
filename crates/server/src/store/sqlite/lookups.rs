//! What is remembered of many clients, found together: when everybody returns at once, one statement asks for all who
//! wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use grandstand_protocol::{AppId, ClientId};
use tokio::sync::{Mutex as Gate, oneshot};

use super::{
    readers::{self, Readers},
    sessions,
    writer::store_error,
};
use crate::store::{SessionRecord, StoreError};

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
    reply: oneshot::Sender<Result<Vec<SessionRecord>, StoreError>>,
}

impl Lookups {
    /// The sessions of a client, as committed when this was called or later.
    pub(super) async fn find(
        &self,
        readers: &Readers,
        app: &AppId,
        client: &ClientId,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        loop {
            let (reply, mut answer) = oneshot::channel();
            self.waiting().push(Lookup { app: app.clone(), client: client.clone(), reply });
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
                let clients: Vec<_> = batch.iter().map(|lookup| (&lookup.app, &lookup.client)).collect();
                let found = sessions::of_clients(connection, &clients);
                if let Err(error) = &found {
                    readers::failed(error);
                }
                let mut found = found.map(Vec::into_iter);
                for lookup in batch {
                    let records = match &mut found {
                        Ok(found) => Ok(found.next().unwrap_or_default()),
                        Err(error) => Err(store_error(error)),
                    };
                    // Nobody waits any more.
                    let _ = lookup.reply.send(records);
                }
                Ok(())
            })
            .await
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Lookup>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
