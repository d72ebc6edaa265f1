//! What this node remembers of the rules of rooms and the bans of apps: read at first use, and anew after each change.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use grandstand_protocol::{AppId, ClientId, Code, Fault, RoomId};
use grandstand_room::{ban::Bans, clock::Millis, moderation::RoomRules};
use tracing::error;

use crate::{
    service::TRY_AGAIN,
    store::{Store, StoreError},
};

/// Clients remembered at most in rules of rooms, about a hundred bytes each; beyond that all rooms are forgotten and
/// read again as needed.
const REMEMBERED: usize = 400_000;

/// A room without rules takes as much memory as so many clients: 650 bytes by the sizes of its parts.
const ROOM: usize = 8;

/// One per node. Checks are look-ups in memory while nobody changes a rule.
pub(crate) struct Moderation {
    store: Arc<dyn Store>,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    rooms: HashMap<(AppId, RoomId), Arc<RoomRules>>,
    bans: HashMap<AppId, Arc<Bans>>,
    /// Of `rooms`, in clients.
    size: usize,
    /// Counts changes: what was read before one is not kept after it.
    changes: u64,
}

impl std::fmt::Debug for Moderation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moderation").finish_non_exhaustive()
    }
}

impl Moderation {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, remembered: Mutex::default() }
    }

    /// Whether a client may say something in a room, be it a new message, an edit or a change of the room. Returns the
    /// seconds between two messages of this client, where the room asks for that. Of a room that does not exist, others
    /// have to say so.
    pub(crate) async fn may_send(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        now: Millis,
    ) -> Result<Option<u32>, Fault> {
        let Some(rules) = self.rules(app, room, now).await? else { return Ok(None) };
        match rules.refuses_message(client, now) {
            None => Ok(rules.slows(client)),
            Some(code) => Err(refused(app, code)),
        }
    }

    /// Whether a client may take back what it said in a room.
    pub(crate) async fn may_recall(&self, app: &AppId, room: &RoomId, now: Millis) -> Result<(), Fault> {
        let rules = self.rules(app, room, now).await?;
        match rules.and_then(|rules| rules.refuses_recall()) {
            None => Ok(()),
            Some(code) => Err(refused(app, code)),
        }
    }

    /// Whether a room may be changed by whoever has the app's key.
    pub(crate) async fn may_be_changed(&self, app: &AppId, room: &RoomId, now: Millis) -> Result<(), Fault> {
        let rules = self.rules(app, room, now).await?;
        match rules.and_then(|rules| rules.switches.refuses_strangers(now)) {
            None => Ok(()),
            Some(code) => Err(refused(app, code)),
        }
    }

    /// Whether a client may be in a room.
    pub(crate) async fn may_join(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        now: Millis,
    ) -> Result<(), Fault> {
        self.not_blocked(app, room, client, now, Code::BlockedByConv).await
    }

    /// Whether a client may read a room's history.
    pub(crate) async fn may_read_history(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        now: Millis,
    ) -> Result<(), Fault> {
        self.not_blocked(app, room, client, now, Code::ConversationLogRejected).await
    }

    /// Whether a client may log in from an address.
    pub(crate) async fn may_open(
        &self,
        app: &AppId,
        client: &ClientId,
        address: IpAddr,
        now: Millis,
    ) -> Result<(), Fault> {
        match self.bans(app, now).await?.find(client, Some(address), now) {
            None => Ok(()),
            Some(ban) => Err(banned(ban.reason.as_deref())),
        }
    }

    async fn not_blocked(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        now: Millis,
        refusal: Code,
    ) -> Result<(), Fault> {
        let rules = self.rules(app, room, now).await?;
        if rules.is_some_and(|rules| rules.is_blocked(client, now)) {
            count_refusal(app, "blocked");
            return Err(Fault::because(refusal, words(Code::BlockedByConv)));
        }
        Ok(())
    }

    /// All rules of a room; `None` when there is no such room.
    pub(crate) async fn rules(
        &self,
        app: &AppId,
        room: &RoomId,
        now: Millis,
    ) -> Result<Option<Arc<RoomRules>>, Fault> {
        let key = (app.clone(), room.clone());
        let before = {
            let remembered = self.lock();
            if let Some(known) = remembered.rooms.get(&key) {
                return Ok(Some(Arc::clone(known)));
            }
            remembered.changes
        };
        let read = self.store.room_rules(app, room, now).await.map_err(|cause| unread(&cause))?;
        let Some(rules) = read.map(Arc::new) else { return Ok(None) };
        let mut remembered = self.lock();
        if remembered.changes == before {
            remembered.keep(key, Arc::clone(&rules));
        }
        Ok(Some(rules))
    }

    /// All bans of an app.
    pub(crate) async fn bans(&self, app: &AppId, now: Millis) -> Result<Arc<Bans>, Fault> {
        let before = {
            let remembered = self.lock();
            if let Some(known) = remembered.bans.get(app) {
                return Ok(Arc::clone(known));
            }
            remembered.changes
        };
        let read = self.store.bans(app, now).await.map_err(|cause| unread(&cause))?;
        let bans = Arc::new(Bans::new(read));
        let mut remembered = self.lock();
        if remembered.changes == before {
            remembered.bans.insert(app.clone(), Arc::clone(&bans));
        }
        Ok(bans)
    }

    /// The rules of a room have changed, or it is gone.
    pub(crate) fn forget(&self, app: &AppId, room: &RoomId) {
        let mut remembered = self.lock();
        remembered.changes += 1;
        if let Some(known) = remembered.rooms.remove(&(app.clone(), room.clone())) {
            remembered.size -= known.size() + ROOM;
        }
    }

    /// The bans of an app have changed.
    pub(crate) fn forget_bans(&self, app: &AppId) {
        let mut remembered = self.lock();
        remembered.changes += 1;
        remembered.bans.remove(app);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn keep(&mut self, key: (AppId, RoomId), rules: Arc<RoomRules>) {
        if self.size > REMEMBERED {
            self.rooms.clear();
            self.size = 0;
        }
        self.size += rules.size() + ROOM;
        if let Some(former) = self.rooms.insert(key, rules) {
            self.size -= former.size() + ROOM;
        }
    }
}

/// What keeps a banned client out.
pub(crate) fn banned(reason: Option<&str>) -> Fault {
    let detail = match reason {
        Some(reason) => format!("this client is banned from the app: {reason}"),
        None => "this client is banned from the app".to_owned(),
    };
    Fault::because(Code::Blacklisted, detail)
}

/// What a client may not say, in words; counted.
fn refused(app: &AppId, code: Code) -> Fault {
    let cause = match code {
        Code::BlockedByConv => "blocked",
        Code::Silenced => "silenced",
        Code::ConversationTemporaryBlacklisted => "silenced-for-a-time",
        Code::ConversationReadOnly => "frozen",
        _ => "mute-all",
    };
    count_refusal(app, cause);
    Fault::because(code, words(code))
}

/// Counts what a client was not let do. Causes are few, and names of this program.
pub(crate) fn count_refusal(app: &AppId, cause: &'static str) {
    metrics::counter!("grandstand_refusals_total", "app" => app.to_string(), "cause" => cause).increment(1);
}

/// What the client is told, beside the code.
fn words(code: Code) -> &'static str {
    match code {
        Code::ConversationReadOnly => {
            "this room is frozen: it can be read, and nobody but the app's back end changes anything in it"
        }
        Code::ConversationNotAllowed => {
            "everybody is muted in this room now, except those who are allowed to speak; try again later"
        }
        Code::BlockedByConv => "this room has blocked you",
        Code::Silenced => "you are silenced in this room",
        Code::ConversationTemporaryBlacklisted => {
            "you are silenced in this room for some time; try again later"
        }
        _ => "the rules of this room do not allow it",
    }
}

fn unread(cause: &StoreError) -> Fault {
    error!(%cause, "could not read rules");
    Fault::because(Code::InternalError, TRY_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_without_rules_are_not_remembered_for_ever() {
        let mut remembered = Remembered::default();
        let mut most = 0;
        for room in 0..REMEMBERED {
            let key = (AppId::from("app"), RoomId::from(room.to_string()));
            remembered.keep(key, Arc::default());
            most = most.max(remembered.rooms.len());
            assert_eq!(remembered.size, remembered.rooms.len() * ROOM);
        }
        assert_eq!(most, REMEMBERED / ROOM + 1);
    }
}
