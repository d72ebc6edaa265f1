//! The part of a [`Store`](super::Store) that keeps the word lists of apps.

use async_trait::async_trait;
use grandstand_protocol::AppId;

use super::StoreError;

/// One list for each app, or none. The promises are those of [`Store`](super::Store).
#[async_trait]
pub trait WordStore: Send + Sync + 'static {
    /// Keeps these words in place of what was there, in their order. No words are a list, too.
    async fn set_words(&self, app: &AppId, words: Vec<String>) -> Result<(), StoreError>;

    /// The words of an app; `None` when it has no list.
    async fn words(&self, app: &AppId) -> Result<Option<Vec<String>>, StoreError>;

    /// Forgets the list of an app; `false` when it has none.
    async fn remove_words(&self, app: &AppId) -> Result<bool, StoreError>;
}
