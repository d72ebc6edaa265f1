//! The part of a [`Store`](super::Store) that keeps the audit log.

use std::net::IpAddr;

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, MessageId, RoomId};
use grandstand_room::{clock::Millis, moderation::Role};
use serde_json::Value;

use super::StoreError;

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditActor {
    /// The app's back end.
    MasterKey,
    /// A client, and what it was in the room then.
    Client { id: ClientId, role: Option<Role> },
    /// Somebody with the app's key, which is in everybody's hands.
    AppKey,
    /// Somebody who proved nothing.
    Nobody,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    pub app: AppId,
    pub at: Millis,
    pub actor: AuditActor,
    pub address: Option<IpAddr>,
    /// A name of the log's own.
    pub action: String,
    pub room: Option<RoomId>,
    pub message: Option<MessageId>,
    /// Whom it was about.
    pub clients: Vec<ClientId>,
    /// An object.
    pub details: Value,
}

/// The place of an entry: entries are read in the order of these, the last first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPlace {
    pub at: Millis,
    pub row: i64,
}

/// Whose acts are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorFilter {
    MasterKey,
    AppKey,
    Nobody,
    AnyClient,
    Client(ClientId),
}

/// Which entries are asked for: those for which all holds that is given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditQuery {
    /// From this time on.
    pub from: Option<Millis>,
    /// Before this time.
    pub till: Option<Millis>,
    pub actor: Option<ActorFilter>,
    pub action: Option<String>,
    pub room: Option<RoomId>,
    /// Whom it was about.
    pub client: Option<ClientId>,
    /// Before this place.
    pub before: Option<AuditPlace>,
    pub limit: u32,
}

/// The promises are those of [`Store`](super::Store). What is old, or too much, [`Store::sweep`](super::Store::sweep)
/// takes away.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Adds an entry.
    async fn note_act(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// Entries of an app, the newest first.
    async fn acts(
        &self,
        app: &AppId,
        query: &AuditQuery,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError>;
}
