//! Turns: for each client id one change of its whereabouts at a time, for each room one change of its rules and data.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

type Gates<K> = Arc<Mutex<HashMap<K, Arc<Gate<()>>>>>;

/// The client ids or rooms that somebody changes, or waits to change.
#[derive(Debug)]
pub(super) struct Turns<K>(Gates<K>);

/// The turn of a client id or a room; the next one comes when it is dropped.
#[derive(Debug)]
pub struct Turn<K: Eq + Hash> {
    gates: Gates<K>,
    of: K,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Gates::default())
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    pub(super) async fn take(&self, of: &K) -> Turn<K> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(gates.entry(of.clone()).or_default())
        };
        let mut turn = Turn { gates: Arc::clone(&self.0), of: of.clone(), held: None };
        turn.held = Some(gate.lock_owned().await);
        turn
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        self.held = None;
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.get(&self.of).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use grandstand_protocol::ClientId;

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
