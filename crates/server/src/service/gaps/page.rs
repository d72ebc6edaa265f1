//! What many share and one extends: a list that grows at its end only.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Whoever knows a stretch of it can go on reading that, whatever is appended meanwhile.
#[derive(Debug)]
pub(super) struct Page<T>(RwLock<Vec<T>>);

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T> Page<T> {
    pub(super) fn new(items: Vec<T>) -> Self {
        Self(RwLock::new(items))
    }

    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Vec<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(&self, items: Vec<T>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(items);
    }

    /// All of a page that nobody else knows.
    pub(super) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// A page of its own for so many, or for all if there are fewer.
    pub(super) fn newest(&self, count: usize) -> Self
    where
        T: Clone,
    {
        let items = self.read();
        Self::new(items[items.len().saturating_sub(count)..].to_vec())
    }
}
