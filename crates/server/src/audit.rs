//! The audit log: who did what to whom, when and from where, kept in the store for an app's back end to read.

use std::{net::IpAddr, sync::Arc};

use grandstand_protocol::{AppId, ClientId, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    moderation::{Actor, Role},
};
use metrics::counter;
use serde_json::{Map, Value};
use tracing::error;

use crate::{
    clock::Clock,
    service::caller::{Caller, CallerKind},
    store::{AuditActor, AuditEntry, Store},
};

/// Characters of a text among the details: what others wrote is there to be recognized, not to be kept.
const TEXT_CHARS: usize = 200;

/// One per node.
pub(crate) struct Audit {
    store: Arc<dyn Store>,
    clock: Clock,
}

/// What somebody did that not everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    CreateRoom,
    UpdateRoom,
    DeleteRoom,
    Kick,
    KickFromRoom,
    Silence,
    Unsilence,
    Block,
    Unblock,
    Ban,
    Unban,
    GiveRole,
    RemoveRole,
    /// What holds for everybody in a room.
    SetSwitches,
    SetWords,
    RemoveWords,
    EditMessage,
    RecallMessage,
    DeleteMessage,
    Purge,
    /// Somebody looked at what a message was.
    ReadOriginals,
    EraseClient,
    Broadcast,
    /// Too many wrong keys came from an address.
    LockOut,
}

impl Action {
    /// Every action, in the order in which the documents list them.
    pub(crate) const ALL: &[Self] = &[
        Self::CreateRoom,
        Self::UpdateRoom,
        Self::DeleteRoom,
        Self::Kick,
        Self::KickFromRoom,
        Self::Silence,
        Self::Unsilence,
        Self::Block,
        Self::Unblock,
        Self::Ban,
        Self::Unban,
        Self::GiveRole,
        Self::RemoveRole,
        Self::SetSwitches,
        Self::SetWords,
        Self::RemoveWords,
        Self::EditMessage,
        Self::RecallMessage,
        Self::DeleteMessage,
        Self::Purge,
        Self::ReadOriginals,
        Self::EraseClient,
        Self::Broadcast,
        Self::LockOut,
    ];

    /// As it is stored and read. A name never changes its meaning: the log is older than the program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CreateRoom => "create_room",
            Self::UpdateRoom => "update_room",
            Self::DeleteRoom => "delete_room",
            Self::Kick => "kick",
            Self::KickFromRoom => "kick_from_room",
            Self::Silence => "silence",
            Self::Unsilence => "unsilence",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::GiveRole => "give_role",
            Self::RemoveRole => "remove_role",
            Self::SetSwitches => "set_switches",
            Self::SetWords => "set_words",
            Self::RemoveWords => "remove_words",
            Self::EditMessage => "edit_message",
            Self::RecallMessage => "recall_message",
            Self::DeleteMessage => "delete_message",
            Self::Purge => "purge",
            Self::ReadOriginals => "read_originals",
            Self::EraseClient => "erase_client",
            Self::Broadcast => "broadcast",
            Self::LockOut => "lock_out",
        }
    }
}

/// Who acted, and from where.
#[derive(Debug, Clone)]
pub(crate) struct By {
    actor: AuditActor,
    address: Option<IpAddr>,
}

impl By {
    /// Whoever has the app's key: that may be anybody.
    pub(crate) fn app_key(address: IpAddr) -> Self {
        Self { actor: AuditActor::AppKey, address: Some(address) }
    }

    pub(crate) fn is_client(&self) -> bool {
        matches!(self.actor, AuditActor::Client { .. })
    }

    /// Somebody who could not prove anything.
    pub(crate) fn nobody(address: IpAddr) -> Self {
        Self { actor: AuditActor::Nobody, address: Some(address) }
    }
}

impl From<&Caller> for By {
    fn from(caller: &Caller) -> Self {
        let actor = match &caller.kind {
            CallerKind::BackEnd => AuditActor::MasterKey,
            CallerKind::Session(session) => {
                AuditActor::Client { id: session.identity.client.clone(), role: None }
            }
        };
        Self { actor, address: caller.address }
    }
}

/// What was done, in the words of the log.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    action: Action,
    role: Option<Role>,
    room: Option<RoomId>,
    message: Option<MessageId>,
    clients: Vec<ClientId>,
    details: Map<String, Value>,
}

impl Act {
    pub(crate) fn new(action: Action) -> Self {
        let (role, room, message) = (None, None, None);
        Self { action, role, room, message, clients: Vec::new(), details: Map::new() }
    }

    /// What whoever acts is in the room.
    pub(crate) fn by(self, actor: Actor) -> Self {
        let role = match actor {
            Actor::Client(role) => Some(role),
            Actor::BackEnd => None,
        };
        Self { role, ..self }
    }

    pub(crate) fn room(self, room: &RoomId) -> Self {
        Self { room: Some(room.clone()), ..self }
    }

    pub(crate) fn message(self, message: &MessageId) -> Self {
        Self { message: Some(message.clone()), ..self }
    }

    /// Whom it is about.
    pub(crate) fn clients(self, clients: &[ClientId]) -> Self {
        Self { clients: clients.to_vec(), ..self }
    }

    pub(crate) fn client(self, client: &ClientId) -> Self {
        self.clients(std::slice::from_ref(client))
    }

    /// When it ends; what is for good has no end.
    pub(crate) fn until(self, until: Option<Millis>) -> Self {
        match until {
            Some(until) => self.detail("until", until.to_iso()),
            None => self,
        }
    }

    /// Whatever else matters. A long text is cut.
    pub(crate) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), bounded(value.into()));
        self
    }
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().nth(TEXT_CHARS).is_some() => {
            Value::String(text.chars().take(TEXT_CHARS).chain(['…']).collect())
        }
        Value::Array(values) => values.into_iter().take(TEXT_CHARS).map(bounded).collect(),
        other => other,
    }
}

impl Audit {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Notes an act that has succeeded, before whoever asked hears of it.
    ///
    /// The act stands when it cannot be noted. It is committed and in force by then, so a failure could only be
    /// answered by undoing it, which may fail as well, or by an error for what did happen, which would be hidden so.
    /// And while the disk is full, a moderator still has to be able to lift a block. What could not be noted goes to
    /// the log as a whole, and is counted.
    pub(crate) async fn record(&self, app: &AppId, by: impl Into<By>, act: Act) {
        let entry = self.entry(app, by.into(), act);
        let text = entry.to_json().to_string();
        if let Err(cause) = self.store.note_act(entry).await {
            counter!("grandstand_audit_failures_total").increment(1);
            error!(%cause, %app, entry = %text, "could not note an act in the audit log");
        }
    }

    fn entry(&self, app: &AppId, By { actor, address }: By, act: Act) -> AuditEntry {
        let Act { action, role, room, message, clients, details } = act;
        let actor = match actor {
            AuditActor::Client { id, .. } => AuditActor::Client { id, role },
            other => other,
        };
        AuditEntry {
            app: app.clone(),
            at: self.clock.wall(),
            actor,
            address,
            action: action.name().to_owned(),
            room,
            message,
            clients,
            details: Value::Object(details),
        }
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

impl AuditEntry {
    /// As REST shows it. Client ids and names of rooms are data: control characters in them are escaped here.
    pub(crate) fn to_json(&self) -> Value {
        let actor = match &self.actor {
            AuditActor::MasterKey => serde_json::json!({ "type": "master_key" }),
            AuditActor::AppKey => serde_json::json!({ "type": "app_key" }),
            AuditActor::Nobody => serde_json::json!({ "type": "nobody" }),
            AuditActor::Client { id, role: None } => {
                serde_json::json!({ "type": "client", "client_id": id.as_str() })
            }
            AuditActor::Client { id, role: Some(role) } => {
                serde_json::json!({ "type": "client", "client_id": id.as_str(), "role": role.name() })
            }
        };
        let mut row = serde_json::json!({ "at": self.at.to_iso(), "action": self.action, "actor": actor });
        if let Some(address) = self.address {
            row["address"] = address.to_string().into();
        }
        if let Some(room) = &self.room {
            row["room"] = room.as_str().into();
        }
        if let Some(message) = &self.message {
            row["message"] = message.as_str().into();
        }
        if !self.clients.is_empty() {
            row["clients"] = self.clients.iter().map(ClientId::as_str).collect();
        }
        row["details"] = self.details.clone();
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_action_each() {
        let names: std::collections::HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
    }

    #[test]
    fn details_are_bounded() {
        let act = Act::new(Action::Ban).detail("reason", "字".repeat(1000)).detail("n", vec!["x"; 1000]);
        assert_eq!(act.details["reason"].as_str().unwrap().chars().count(), TEXT_CHARS + 1);
        assert_eq!(act.details["n"].as_array().unwrap().len(), TEXT_CHARS);
    }
}
