//! What holds for everybody in a room is switched on and off: mute-all, slow mode, freeze. For the app's back end.

use grandstand_protocol::{ClientId, Code, Fault, RoomId};
use grandstand_room::moderation::{MuteAll, RoomSwitches, SwitchChange};

use super::{caller::Caller, moderate::changed_rules, refusal::Refused};
use crate::{
    apps::App,
    audit::{Act, Action},
    node::Node,
    store::RuleError,
};

/// Changes switches. When this returns, it is committed, and holds for every session of this node.
pub(crate) async fn switch(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    change: SwitchChange,
) -> Result<RoomSwitches, Fault> {
    let act = audited(&change).room(room);
    let changed = node.store.change_room_switches(&app.id, room, change).await;
    let switches = changed.map_err(|cause| refused(room, &cause))?;
    changed_rules(node, app.id.clone(), room.clone(), Vec::new()).await;
    node.audit.record(&app.id, caller, act).await;
    Ok(switches)
}

fn audited(change: &SwitchChange) -> Act {
    let SwitchChange { mute_all, slow_mode, frozen } = change;
    let mut act = Act::new(Action::SetSwitches);
    if let Some(mute) = mute_all {
        act = act.detail("mute_all", mute.is_some());
        if let Some(MuteAll { until, clients, .. }) = mute {
            let mut allowed: Vec<&str> = clients.iter().map(ClientId::as_str).collect();
            allowed.sort_unstable();
            act = act.until(*until).detail("allowed", allowed);
        }
    }
    if let Some(slow) = slow_mode {
        act = act.detail("slow_mode", slow.as_ref().map_or(0, |slow| slow.seconds));
    }
    match frozen {
        Some(frozen) => act.detail("frozen", *frozen),
        None => act,
    }
}

fn refused(room: &RoomId, cause: &RuleError) -> Fault {
    match cause {
        RuleError::Store(cause) => Refused::store(Code::ConversationInternalError, cause),
        RuleError::NoRoom | RuleError::Full | RuleError::NeedOwner => Refused::no_room(room),
    }
}
