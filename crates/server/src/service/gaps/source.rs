//! What gaps are read from: of the store, no more is asked than this.

use grandstand_protocol::{AppId, RoomId};
use grandstand_room::clock::Millis;

use crate::store::{Most, Store, StoreError, StoredMessage};

pub(in crate::service) trait Source: Sync {
    /// As [`Store::gap`].
    fn gap(
        &self,
        of: (&AppId, &RoomId),
        after: u64,
        last: u64,
        most: Most,
    ) -> impl Future<Output = Result<Vec<StoredMessage>, StoreError>> + Send;

    /// As [`Store::patches`].
    fn patches(
        &self,
        of: (&AppId, &RoomId),
        after: Millis,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredMessage>, StoreError>> + Send;
}

impl Source for dyn Store + '_ {
    async fn gap(
        &self,
        (app, room): (&AppId, &RoomId),
        after: u64,
        last: u64,
        most: Most,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        Store::gap(self, app, room, after, last, most).await
    }

    async fn patches(
        &self,
        (app, room): (&AppId, &RoomId),
        after: Millis,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        Store::patches(self, app, room, after, limit).await
    }
}
