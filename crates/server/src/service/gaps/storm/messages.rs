//! A model of a room in the store: HIGH messages, and what it takes to read them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use grandstand_protocol::{AppId, Body, Level, Mentions, MessageId, RoomId};
use grandstand_room::{clock::Millis, session::SessionId};
use tokio::time::sleep;

use crate::{
    service::gaps::source::Source,
    store::{Most, StoreError, StoredMessage},
};

/// Of a read, and of each message in it.
const READ: Duration = Duration::from_millis(3);
const MESSAGE: Duration = Duration::from_micros(20);

/// All of them are HIGH, and of somebody who is not in the storm.
pub(super) struct Messages {
    last: AtomicU64,
    reads: AtomicU64,
    /// Bytes of the text of each.
    size: usize,
}

impl Messages {
    pub(super) fn with(last: u64, size: usize) -> Self {
        Self { last: AtomicU64::new(last), reads: AtomicU64::new(0), size }
    }

    pub(super) fn push(&self) {
        self.last.fetch_add(1, Ordering::Relaxed);
    }

    /// The newest one's number.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Source for Messages {
    async fn gap(
        &self,
        _: (&AppId, &RoomId),
        after: u64,
        last: u64,
        most: Most,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for number in (after + 1..=last).rev().take(most.messages) {
            let message = message(number, self.size);
            bytes += message.size();
            messages.push(message);
            if bytes >= most.bytes {
                break;
            }
        }
        messages.reverse();
        sleep(READ + MESSAGE * u32::try_from(messages.len()).unwrap()).await;
        Ok(messages)
    }

    async fn patches(
        &self,
        _: (&AppId, &RoomId),
        _: Millis,
        _: u32,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        Ok(Vec::new())
    }
}

fn message(number: u64, size: usize) -> StoredMessage {
    StoredMessage {
        number: number.try_into().unwrap(),
        id: MessageId::new(number.to_string()),
        timestamp: Millis(0),
        from: "host".to_owned(),
        address: None,
        audience: None,
        session: Some(SessionId(u128::MAX)),
        level: Level::High,
        body: Body::Text("x".repeat(size)),
        mentions: Mentions::default(),
        lctype: None,
        patched_at: None,
        recalled: false,
    }
}
