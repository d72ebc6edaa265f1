//! Silences, blocks and roles from elsewhere.

use std::collections::HashSet;

use grandstand_migrate::{
    archive::{RestrictionLine, RoleLine, Section},
    conversation::ID_BYTES,
};
use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    moderation::{List, Role, RoomRules},
};
use indexmap::IndexMap;
use rand::RngExt;

use super::{
    aside::{NO_ROOM, Reason},
    report::Tally,
};
use crate::store::{RuleError, Store, StoreError};

/// What became of a row.
#[derive(Clone)]
pub(super) enum Put {
    Imported,
    /// Somebody has decided here already: what is there stays.
    Known,
    Ready,
    Over,
    Aside(Reason),
}

impl Put {
    pub(super) fn count(&self, tally: &mut Tally) {
        tally.read += 1;
        match self {
            Self::Imported => tally.imported += 1,
            Self::Known => tally.known += 1,
            Self::Ready => tally.ready += 1,
            Self::Over => tally.over += 1,
            Self::Aside(_) => tally.aside += 1,
        }
    }
}

/// Checks what can be checked of a row alone.
pub(super) fn restriction(line: RestrictionLine) -> Result<RestrictionLine, Reason> {
    client(&line.client)?;
    Ok(line)
}

/// The same of a role.
pub(super) fn role(line: RoleLine) -> Result<RoleLine, Reason> {
    client(&line.client)?;
    match Role::from_name(&line.role) {
        Some(_) => Ok(line),
        None => Err(Reason::new("its role is none", line.role)),
    }
}

/// Higher roles come first.
pub(super) fn rank(line: &RoleLine) -> usize {
    let place =
        Role::from_name(&line.role).and_then(|role| Role::ALL.iter().position(|other| *other == role));
    Role::ALL.len() - place.unwrap_or(0)
}

fn client(name: &str) -> Result<ClientId, Reason> {
    ClientId::new(name).map_err(|error| Reason::new("it names no client", error.to_string()))
}

/// Where rules go.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// `None` in a dry run.
    pub(super) store: Option<&'a dyn Store>,
    pub(super) app: &'a AppId,
    /// In a dry run, the rooms that would be there.
    pub(super) rooms: &'a HashSet<RoomId>,
}

/// Clients for one list with one end, and the places of their rows.
type Group = IndexMap<(List, Option<Millis>), Vec<(usize, ClientId)>>;

impl Rules<'_> {
    /// Puts clients on lists, room by room. Returns what became of each row.
    pub(super) async fn restrict(
        self,
        section: Section,
        rows: Vec<Result<RestrictionLine, Reason>>,
        now: Millis,
    ) -> Result<Vec<Put>, StoreError> {
        let mut outcomes: Vec<Put> = Vec::with_capacity(rows.len());
        let mut rooms: IndexMap<RoomId, Group> = IndexMap::new();
        for (at, row) in rows.into_iter().enumerate() {
            let row = row.and_then(|line| Ok((client(&line.client)?, line)));
            outcomes.push(match row {
                Err(reason) => Put::Aside(reason),
                Ok((_, line)) if line.until.is_some_and(|until| until <= now.0) => Put::Over,
                Ok((client, line)) => {
                    let until = line.until.map(Millis);
                    let list = match section {
                        Section::Blocks => List::Blocked,
                        _ if until.is_some() => List::SilencedForATime,
                        _ => List::Silenced,
                    };
                    let group = rooms.entry(RoomId::from(line.room)).or_default();
                    group.entry((list, until)).or_default().push((at, client));
                    Put::Ready
                }
            });
        }
        for (room, groups) in rooms {
            for (at, outcome) in self.restrict_in(&room, groups, now).await? {
                outcomes[at] = outcome;
            }
        }
        Ok(outcomes)
    }

    async fn restrict_in(
        self,
        room: &RoomId,
        groups: Group,
        now: Millis,
    ) -> Result<Vec<(usize, Put)>, StoreError> {
        let all = |groups: Group, put: &Put| {
            groups.into_values().flatten().map(|(at, _)| (at, put.clone())).collect::<Vec<_>>()
        };
        let Some(store) = self.store else { return Ok(all(groups, &self.dry(room))) };
        let Some(rules) = store.room_rules(self.app, room, now).await? else {
            return Ok(all(groups, &Put::Aside(NO_ROOM)));
        };
        let mut outcomes = Vec::new();
        for ((list, until), group) in groups {
            let (known, new): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|(_, client)| is_on(&rules, list, client));
            outcomes.extend(known.into_iter().map(|(at, _)| (at, Put::Known)));
            if new.is_empty() {
                continue;
            }
            let clients = new.iter().map(|(_, client)| client.clone()).collect();
            let put = outcome(store.put_on_list(self.app, room, list, clients, until, now).await)?;
            for (at, client) in new {
                // As many as have a place.
                if matches!(put, Put::Aside(_)) {
                    let one = store.put_on_list(self.app, room, list, vec![client], until, now).await;
                    outcomes.push((at, outcome(one)?));
                } else {
                    outcomes.push((at, Put::Imported));
                }
            }
        }
        Ok(outcomes)
    }

    /// Gives a client a role.
    pub(super) async fn give(self, line: RoleLine, now: Millis) -> Result<Put, StoreError> {
        let room = RoomId::from(line.room);
        let client = match client(&line.client) {
            Ok(client) => client,
            Err(reason) => return Ok(Put::Aside(reason)),
        };
        let Some(store) = self.store else { return Ok(self.dry(&room)) };
        let Some(rules) = store.room_rules(self.app, &room, now).await? else {
            return Ok(Put::Aside(NO_ROOM));
        };
        if rules.roles.contains_key(&client) {
            return Ok(Put::Known);
        }
        let is_id = |id: &String| !id.is_empty() && id.len() <= ID_BYTES && !id.chars().any(char::is_control);
        let id = line.id.filter(is_id).unwrap_or_else(new_row_id);
        let role = Role::from_name(&line.role).unwrap_or_default();
        outcome(store.set_role(self.app, &room, &client, role, id, now).await)
    }

    fn dry(self, room: &RoomId) -> Put {
        if self.rooms.contains(room) { Put::Ready } else { Put::Aside(NO_ROOM) }
    }
}

fn is_on(rules: &RoomRules, list: List, client: &ClientId) -> bool {
    match list {
        List::Silenced => rules.silenced.contains(client),
        List::SilencedForATime => rules.silenced_until.contains_key(client),
        List::Blocked => rules.blocked.contains_key(client),
    }
}

fn outcome<T>(done: Result<T, RuleError>) -> Result<Put, StoreError> {
    match done {
        Ok(_) => Ok(Put::Imported),
        Err(RuleError::NoRoom) => Ok(Put::Aside(NO_ROOM)),
        Err(RuleError::Full) => Ok(Put::Aside(Reason::plain("the room's list is full"))),
        Err(RuleError::NeedOwner) => Ok(Put::Aside(Reason::plain("the room would be without an owner"))),
        Err(RuleError::Store(error)) => Err(error),
    }
}

/// 24 hexadecimal digits, as LeanCloud's rows have.
fn new_row_id() -> String {
    let bytes: [u8; 12] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
