//! Roles in a room, whoever gives them.

use grandstand_protocol::{ClientId, Code, Event, Fault, Level, MemberInfo, RoomId};
use grandstand_room::moderation::{Act, ROLES, Role};

use super::{
    caller::Caller,
    moderate::{Feature, actor, allowed, changed_rules, rules},
    refusal::Refused,
};
use crate::{
    apps::App,
    audit::{self, Action},
    cluster::{Except, News, RoomNews},
    node::Node,
    router::Turn,
    store::{RoleRow, RuleError},
};

/// A role that was given. It holds already; the room does not know of it yet.
#[derive(Debug)]
pub(crate) struct Given {
    /// Others change the room only when the members know of this.
    _turn: Turn<RoomId>,
    pub(crate) row: RoleRow,
    news: RoomNews,
}

/// Gives a client a role.
pub(crate) async fn give(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    client: &str,
    role: &str,
) -> Result<Given, Fault> {
    Feature::Roles.is_on(app, caller)?;
    let role = Role::from_name(role).ok_or_else(|| {
        let detail = "there are the roles Owner, Manager and Member";
        Fault::because(Code::UnknownConversationRole, detail)
    })?;
    let client =
        ClientId::new(client).map_err(|cause| Fault::because(Code::InvalidLogin, cause.to_string()))?;
    let turn = node.router.app(&app.id).room_turn(room).await;
    let rules = rules(node, app, room).await?;
    let (actor, former) = (actor(app, caller, &rules)?, rules.role(&client));
    allowed(actor, Act::SetRole(role), former)?;
    // As JavaScript's and Java's storage makes ids of rows.
    let new_row = node.new_room_id().to_string();
    let set = node.store.set_role(&app.id, room, &client, role, new_row, node.clock.wall()).await;
    let row = set.map_err(|cause| refused(room, &cause))?;
    changed_rules(node, app.id.clone(), room.clone(), Vec::new()).await;
    let act = audit::Act::new(Action::GiveRole).by(actor).room(room).client(&client);
    let act = act.detail("role", role.name()).detail("former", former.name());
    node.audit.record(&app.id, caller, act).await;
    Ok(Given { _turn: turn, news: news(app, caller, room, &row), row })
}

/// Removes a row: the client is again what it is without one. `None` when there is no such row.
pub(crate) async fn take_back(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    row: &str,
) -> Result<Option<Given>, Fault> {
    let turn = node.router.app(&app.id).room_turn(room).await;
    let removed = node.store.remove_role(&app.id, room, row).await;
    let Some(row) = removed.map_err(|cause| refused(room, &cause))? else { return Ok(None) };
    changed_rules(node, app.id.clone(), room.clone(), Vec::new()).await;
    let act = audit::Act::new(Action::RemoveRole).room(room).client(&row.client);
    node.audit.record(&app.id, caller, act.detail("former", row.role.name())).await;
    let role = rules(node, app, room).await?.role(&row.client);
    let row = RoleRow { role, ..row };
    Ok(Some(Given { _turn: turn, news: news(app, caller, room, &row), row }))
}

impl Given {
    /// Tells the room. Comes after the answer to whoever asked.
    pub(crate) async fn announce(self, node: &Node) {
        node.bus.publish(News::Room(self.news)).await;
    }

    /// The row as the wire has it.
    pub(crate) fn info(&self) -> MemberInfo {
        info(&self.row)
    }
}

fn info(row: &RoleRow) -> MemberInfo {
    MemberInfo { client: row.client.to_string(), role: row.role.name().to_owned(), row: Some(row.id.clone()) }
}

fn news(app: &App, caller: &Caller, room: &RoomId, row: &RoleRow) -> RoomNews {
    let by = caller.client().map_or_else(String::new, |client| client.to_string());
    RoomNews {
        app: app.id.clone(),
        room: room.clone(),
        event: Event::RoleChanged { room: room.clone(), by, info: info(row) },
        level: Level::High,
        number: None,
        except: Except::Nobody,
    }
}

pub(crate) fn refused(room: &RoomId, cause: &RuleError) -> Fault {
    match cause {
        RuleError::NoRoom => Refused::no_room(room),
        RuleError::Full => Fault::because(
            Code::ConversationMemberInRoleFull,
            format!("a room has at most {ROLES} owners and managers"),
        ),
        RuleError::NeedOwner => Fault::because(
            Code::ConversationNeedOwner,
            "the room would be without an owner; make somebody else one first",
        ),
        RuleError::Store(cause) => Refused::store(Code::ConversationInternalError, cause),
    }
}
