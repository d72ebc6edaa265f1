//! What holds for everybody in a room, from another Grandstand server.

use std::collections::{BTreeSet, HashSet};

use grandstand_migrate::archive::{MuteAllLine, SlowModeLine, SwitchesLine};
use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    moderation::{ALLOWED, MuteAll, Role, RoomSwitches, SLOWEST, SlowMode, SwitchChange},
};

use super::{
    Import, ImportError, Rows,
    aside::{NO_ROOM, Reason},
    lists::Put,
    source::{Batch, Placed},
};
use crate::store::{RuleError, StoreError};

/// Checks what can be checked of a row alone.
pub(super) fn parse(line: SwitchesLine) -> Result<(RoomId, SwitchChange), Reason> {
    let change = SwitchChange {
        mute_all: line.mute_all.map(mute).transpose()?.map(Some),
        slow_mode: line.slow_mode.map(slow).transpose()?.map(Some),
        frozen: line.frozen.then_some(true),
    };
    Ok((RoomId::from(line.room), change))
}

fn mute(line: MuteAllLine) -> Result<MuteAll, Reason> {
    if line.clients.len() > ALLOWED {
        return Err(Reason::new("too many may speak in it", line.clients.len().to_string()));
    }
    let clients: Result<HashSet<ClientId>, _> = line.clients.iter().map(|name| ClientId::new(name)).collect();
    let clients = clients.map_err(|error| Reason::new("it names no client", error.to_string()))?;
    Ok(MuteAll { until: line.until.map(Millis), clients, roles: roles(line.roles)? })
}

fn slow(line: SlowModeLine) -> Result<SlowMode, Reason> {
    if line.seconds == 0 || line.seconds > SLOWEST {
        return Err(Reason::new("its slow mode cannot be", format!("{} seconds", line.seconds)));
    }
    Ok(SlowMode { seconds: line.seconds, roles: roles(line.roles)? })
}

/// Of members there are too many: a switch that passes them over would do nothing.
fn roles(names: Vec<String>) -> Result<BTreeSet<Role>, Reason> {
    let read = |name: String| {
        let role = Role::from_name(&name).filter(|role| *role > Role::Member);
        role.ok_or_else(|| Reason::new("it names no role", name))
    };
    names.into_iter().map(read).collect()
}

impl Import<'_> {
    /// Where a switch is on already, somebody has decided here: the room stays as it is.
    pub(super) async fn take_switches(
        &mut self,
        mut rows: Rows<(RoomId, SwitchChange)>,
    ) -> Result<(), ImportError> {
        while let Some(batch) = rows.recv().await {
            let Batch { file, rows } = batch?;
            let count = rows.len() as u64;
            for Placed { origin, row } in rows {
                let put = match row {
                    Ok((room, change)) => self.switch(room, change).await?,
                    Err(reason) => Put::Aside(reason),
                };
                put.count(&mut self.report.switches);
                if let Put::Aside(reason) = put {
                    self.aside.put(&file, &origin, &reason, &mut self.report.reasons)?;
                }
            }
            self.watch.advances(count);
        }
        Ok(())
    }

    async fn switch(&self, room: RoomId, mut change: SwitchChange) -> Result<Put, StoreError> {
        let now = self.clock.wall();
        let is_over = |mute: &MuteAll| mute.until.is_some_and(|until| until <= now);
        if change.mute_all.as_ref().is_some_and(|mute| mute.as_ref().is_none_or(is_over)) {
            change.mute_all = None;
        }
        if change == SwitchChange::default() {
            return Ok(Put::Over);
        }
        let Some(store) = self.store else {
            return Ok(if self.rooms.contains(&room) { Put::Ready } else { Put::Aside(NO_ROOM) });
        };
        let Some(rules) = store.room_rules(&self.app, &room, now).await? else {
            return Ok(Put::Aside(NO_ROOM));
        };
        let is_muted = rules.switches.muted(now).is_some();
        if is_muted || (RoomSwitches { mute_all: None, ..rules.switches.clone() }) != RoomSwitches::default()
        {
            return Ok(Put::Known);
        }
        match store.change_room_switches(&self.app, &room, change).await {
            Ok(_) => Ok(Put::Imported),
            Err(RuleError::Store(error)) => Err(error),
            Err(_) => Ok(Put::Aside(NO_ROOM)),
        }
    }
}
