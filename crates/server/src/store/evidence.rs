//! The part of a [`Store`](super::Store) that keeps evidence: what messages were before, and where they came from.

use std::net::IpAddr;

use async_trait::async_trait;
use grandstand_protocol::{AppId, Body, ClientId, MessageId, RoomId};
use grandstand_room::clock::Millis;

use super::StoreError;

/// For how long evidence is kept, in milliseconds; 0 = not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeps {
    /// From the time that a message was changed.
    pub originals: i64,
    /// From the time that a message was sent.
    pub addresses: i64,
}

impl Default for Keeps {
    fn default() -> Self {
        Self { originals: i64::MAX, addresses: i64::MAX }
    }
}

/// Why something is not shown any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The word filter changed it before anybody saw it.
    Filtered,
    Edited,
    Recalled,
}

/// What a message was before a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Original {
    /// Its place among those of the message: they count up.
    pub row: i64,
    pub from: String,
    /// The message's time.
    pub timestamp: Millis,
    pub address: Option<IpAddr>,
    pub cause: Cause,
    /// When it was changed.
    pub kept_at: Millis,
    pub body: Body,
}

/// A place in the order in which messages are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TracePlace {
    pub timestamp: Millis,
    pub room: i64,
    pub number: i64,
}

/// What is to be erased of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    pub client: ClientId,
    /// Messages sent before this time, and what was kept before it.
    pub till: Millis,
    /// Whether its messages go, too, and not their addresses alone.
    pub messages: bool,
    /// Messages behind this place.
    pub after: Option<TracePlace>,
}

/// What one slice of an erasure did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    pub originals: u64,
    /// Messages that have no address any more.
    pub addresses: u64,
    pub messages: u64,
    /// Rooms of which messages went.
    pub rooms: Vec<RoomId>,
    /// Where to go on; `None` at the end.
    pub next: Option<TracePlace>,
}

/// Originals are kept by [`Store::append`](super::Store::append) and [`Store::modify`](super::Store::modify), in the
/// commit of what changes. They go by [`Store::sweep`](super::Store::sweep), or by an erasure, and not with their message.
#[async_trait]
pub trait EvidenceStore: Send + Sync + 'static {
    /// What is kept from now on. Until this is called, everything is.
    async fn keep_evidence(&self, keeps: Keeps) -> Result<(), StoreError>;

    /// Originals of a message, in the order of its changes: the first `limit` after a row.
    async fn originals(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Original>, StoreError>;

    /// One slice: some thousand messages are looked at, some hundred are changed.
    async fn erase(&self, app: &AppId, erasure: Erasure) -> Result<Erased, StoreError>;

    /// Forgets that a client, by its hash, logged in on a day; `false` when that was not noted.
    async fn forget_visitor(&self, app: &AppId, day: i64, client: u64) -> Result<bool, StoreError>;
}
