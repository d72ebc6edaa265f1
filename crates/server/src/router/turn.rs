//! Turns: for each client id, one change of its whereabouts at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use grandstand_protocol::ClientId;
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

type Gates = Arc<Mutex<HashMap<ClientId, Arc<Gate<()>>>>>;

/// The client ids that somebody changes, or waits to change.
#[derive(Debug, Default)]
pub(super) struct Turns(Gates);

/// A client id's turn; the next one comes when it is dropped.
#[derive(Debug)]
pub struct Turn {
    gates: Gates,
    client: ClientId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    pub(super) async fn take(&self, client: &ClientId) -> Turn {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(gates.entry(client.clone()).or_default())
        };
        let mut turn = Turn { gates: Arc::clone(&self.0), client: client.clone(), held: None };
        turn.held = Some(gate.lock_owned().await);
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.get(&self.client).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let turns = Arc::new(Turns::default());
        let client = ClientId::new("ann").unwrap();
        let first = turns.take(&client).await;
        let second = tokio::time::timeout(std::time::Duration::from_millis(10), turns.take(&client)).await;
        assert!(second.is_err(), "the first is not over");
        drop(first);
        drop(turns.take(&client).await);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
