//! What many share and one extends: a list that grows at its end only, until nobody needs it or it is given up.

use std::sync::{
    Arc, PoisonError, RwLock, RwLockWriteGuard,
    atomic::{AtomicUsize, Ordering},
};

use crate::store::Most;

/// What takes memory.
pub(super) trait Weighed {
    fn bytes(&self) -> usize;
}

/// Whoever knows a stretch of it can go on reading that, whatever is appended meanwhile.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// `None` once it is given up.
    items: RwLock<Option<Vec<T>>>,
    bytes: AtomicUsize,
    /// Bytes of all pages that somebody has.
    alive: Arc<AtomicUsize>,
}

impl<T: Weighed> Page<T> {
    pub(super) fn new(items: Vec<T>, alive: &Arc<AtomicUsize>) -> Self {
        let bytes = items.iter().map(T::bytes).sum();
        alive.fetch_add(bytes, Ordering::Relaxed);
        let (bytes, alive) = (AtomicUsize::new(bytes), Arc::clone(alive));
        Self { items: RwLock::new(Some(items)), bytes, alive }
    }

    /// Appends all of another page that nobody else knows; not to one that is given up.
    pub(super) fn append(&self, newer: &Self) -> bool {
        let newer = newer.give_up().unwrap_or_default();
        let mut items = self.write();
        let Some(items) = items.as_mut() else { return false };
        let bytes = newer.iter().map(T::bytes).sum();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.alive.fetch_add(bytes, Ordering::Relaxed);
        items.extend(newer);
        true
    }

    /// A page of its own for what is left of `most` beside these others, newest first.
    pub(super) fn newest_beside(&self, others: &Self, most: Most) -> Option<Self>
    where
        T: Clone,
    {
        let count = most.messages.saturating_sub(others.len());
        let bytes = most.bytes.saturating_sub(others.bytes());
        let newest = self.read(|items| {
            let mut taken = 0;
            let fits = items.iter().rev().take(count).take_while(|item| {
                let before = taken;
                taken += item.bytes();
                before < bytes
            });
            items[items.len() - fits.count()..].to_vec()
        })?;
        Some(Self::new(newest, &self.alive))
    }
}

impl<T> Page<T> {
    /// Of one that is given up, nothing can be read.
    pub(super) fn read<R>(&self, read: impl FnOnce(&[T]) -> R) -> Option<R> {
        let items = self.items.read().unwrap_or_else(PoisonError::into_inner);
        items.as_deref().map(read)
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.read(|_| ()).is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.read(<[T]>::len).unwrap_or(0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes everything from those who know it.
    pub(super) fn give_up(&self) -> Option<Vec<T>> {
        let mut items = self.write();
        self.alive.fetch_sub(self.bytes.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        items.take()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Vec<T>>> {
        self.items.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: RwLock::new(Some(Vec::new())), bytes: AtomicUsize::new(0), alive: Arc::default() }
    }
}

impl<T> Drop for Page<T> {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}
