//! Work of which an app has one at a time: what it takes of the server stays bounded however often it is asked for.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use grandstand_protocol::AppId;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    Purge,
    Broadcast,
}

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Exclusive(Mutex<HashSet<(AppId, Work)>>);

/// Ends with the work.
#[derive(Debug)]
pub(crate) struct Turn {
    of: Arc<Exclusive>,
    work: (AppId, Work),
}

impl Exclusive {
    /// `None` while the app has such work under way.
    pub(crate) fn begin(self: &Arc<Self>, app: &AppId, work: Work) -> Option<Turn> {
        let work = (app.clone(), work);
        let is_free = self.lock().insert(work.clone());
        is_free.then(|| Turn { of: Arc::clone(self), work })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(AppId, Work)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.of.lock().remove(&self.work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_for_each_app() {
        let exclusive = Arc::new(Exclusive::default());
        let (one, other) = (AppId::from("one"), AppId::from("other"));
        let turn = exclusive.begin(&one, Work::Purge).unwrap();
        assert!(exclusive.begin(&one, Work::Purge).is_none());
        assert!(exclusive.begin(&other, Work::Purge).is_some());
        drop(turn);
        assert!(exclusive.begin(&one, Work::Purge).is_some());
    }
}
