//! What clients confirmed since the last beat, until the store has noted it.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, PoisonError},
};

use grandstand_room::session::SessionId;

use crate::store::Position;

/// The newest position of each session that moved. Sessions that confirm nothing are not looked at.
#[derive(Debug, Default)]
pub(crate) struct Positions(Mutex<HashMap<SessionId, Position>>);

impl Positions {
    /// A session has everything HIGH up to here.
    pub(crate) fn note(&self, position: Position) {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(position.session) {
            Entry::Vacant(place) => drop(place.insert(position)),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if (known.epoch, known.number) < (position.epoch, position.number) {
                    *known = position;
                }
            }
        }
    }

    /// Takes all, for who writes them.
    pub(crate) fn take(&self) -> Vec<Position> {
        let moved = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        moved.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_session_counts() {
        let positions = Positions::default();
        let at = |session, epoch, number| Position {
            app: "app".into(),
            session: SessionId(session),
            epoch,
            number,
        };
        for position in [at(1, 5, 9), at(1, 6, 2), at(1, 5, 10), at(1, 6, 1), at(2, 1, 1)] {
            positions.note(position);
        }
        let mut moved = positions.take();
        moved.sort_by_key(|position| position.session);
        assert_eq!(moved, [at(1, 6, 2), at(2, 1, 1)]);
        assert_eq!(positions.take(), []);
    }
}
