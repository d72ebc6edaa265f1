//! Silence and blocks, whoever asks for them: who may, for whom it succeeds, and who is told.

use std::sync::Arc;

use grandstand_protocol::{
    AppId, ClientId, Code, Event, Failure, Fault, Level, Notice, Outcome, Restriction, RoomId,
};
use grandstand_room::{
    clock::Millis,
    moderation::{Act, Actor, List, Moderators, PAGE, Role, RoomRules, TARGETS, may},
    switches::Counted,
};

use tracing::error;

use super::{
    caller::{Caller, CallerKind},
    departure,
    refusal::Refused,
};
use crate::{
    apps::App,
    audit::{self, Action},
    cluster::{Except, News, RoomNews},
    hook::{self, Membership},
    node::Node,
    router::Turn,
    store::{Listed, RuleError},
};

/// What is to become of clients in a room.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) room: RoomId,
    pub(crate) clients: Vec<String>,
    pub(crate) change: Change,
}

/// A restriction begins, or ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Impose { list: List, until: Option<Millis> },
    Lift { lists: &'static [List] },
}

/// Both lists of the silenced.
pub(crate) const SILENCES: &[List] = &[List::Silenced, List::SilencedForATime];
pub(crate) const BLOCKS: &[List] = &[List::Blocked];

impl Change {
    fn restriction(&self) -> Restriction {
        match self {
            Self::Impose { list: List::Blocked, .. } | Self::Lift { lists: [List::Blocked] } => {
                Restriction::Block
            }
            Self::Impose { .. } | Self::Lift { .. } => Restriction::Silence,
        }
    }
}

/// What was done. It holds already; the room does not know of it yet.
#[derive(Debug)]
pub(crate) struct Done {
    /// Others change the room only when the members know of this.
    _turn: Turn<RoomId>,
    pub(crate) outcome: Outcome,
    /// Whom a block took out of the room.
    pub(crate) left: Vec<ClientId>,
    news: Vec<News>,
}

/// Carries out an order. When this returns, it is committed, and holds on every session of this node.
pub(crate) async fn restrict(node: &Node, app: &App, caller: &Caller, order: Order) -> Result<Done, Fault> {
    let Order { room, clients, change } = order;
    let restriction = change.restriction();
    let (act, feature) = match restriction {
        Restriction::Silence => (Act::Silence, Feature::Silence),
        Restriction::Block => (Act::Block, Feature::Block),
    };
    feature.is_on(app, caller)?;
    let (_, targets, _) = plan(node, app, caller, &room, act, clients.clone()).await?;
    let by = caller.client().map_or_else(String::new, |client| client.to_string());
    let blocks = matches!(change, Change::Impose { list: List::Blocked, .. });
    if blocks {
        may_take_out(node, app, caller, (&room, &by), &targets).await?;
    }
    let turn = node.router.app(&app.id).room_turn(&room).await;
    // The hook has taken its time, and so has the turn.
    let (actor, targets, outcome) = plan(node, app, caller, &room, act, clients).await?;
    if targets.is_empty() {
        return Ok(Done { _turn: turn, outcome, left: Vec::new(), news: Vec::new() });
    }
    let now = node.clock.wall();
    let changed = match change {
        Change::Impose { list, until } => {
            node.store.put_on_list(&app.id, &room, list, targets.clone(), until, now).await
        }
        Change::Lift { lists } => {
            let taken = node.store.take_off_lists(&app.id, &room, lists, targets.clone()).await;
            taken.map(|()| Vec::new())
        }
    };
    let left = changed.map_err(|cause| refused(&room, restriction, &cause))?;
    let expelled = if blocks { targets.clone() } else { Vec::new() };
    changed_rules(node, app.id.clone(), room.clone(), expelled.clone()).await;
    let act = audited(&change).by(actor).room(&room).clients(&targets);
    node.audit.record(&app.id, caller, act).await;
    forget_entered(node, app, &room, &expelled).await;
    for client in &left {
        departure::tell_left(node, &app.id, &room, client, caller.address);
    }
    let lifted = matches!(change, Change::Lift { .. });
    let notice = Notice { room, restriction, lifted, by, clients: None };
    Ok(Done { _turn: turn, outcome, left, news: notices(node, app, notice, targets) })
}

/// Who acts, on whom, and what is said of all whom the order names, as the rules are now.
async fn plan(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    act: Act,
    clients: Vec<String>,
) -> Result<(Actor, Vec<ClientId>, Outcome), Fault> {
    caller.still_there(node)?;
    let rules = rules(node, app, room).await?;
    let actor = actor(app, caller, &rules)?;
    allowed(actor, act, Role::Member)?;
    few_enough(clients.len())?;
    let (targets, outcome) = sort(clients, actor, act, &rules);
    Ok((actor, targets, outcome))
}

/// Asks the app's hook about those who are in the room, before they are taken out of it.
pub(super) async fn may_take_out(
    node: &Node,
    app: &App,
    caller: &Caller,
    (room, by): (&RoomId, &str),
    targets: &[ClientId],
) -> Result<(), Fault> {
    let Some(hub) = node.router.app(&app.id).existing_hub(room) else { return Ok(()) };
    let there = targets.iter().filter(|client| hub.holds(client));
    let members: Vec<String> = there.map(ToString::to_string).collect();
    drop(hub);
    if members.is_empty() {
        return Ok(());
    }
    hook::conversation_remove(node, app, caller.address, Membership { room, by, members: &members }).await
}

fn audited(change: &Change) -> audit::Act {
    let (action, lists, until) = match change {
        Change::Impose { list: List::Blocked, until } => return audit::Act::new(Action::Block).until(*until),
        Change::Lift { lists: [List::Blocked] } => return audit::Act::new(Action::Unblock),
        Change::Impose { list, until } => (Action::Silence, std::slice::from_ref(list), *until),
        Change::Lift { lists } => (Action::Unsilence, *lists, None),
    };
    let named = |list: &List| if *list == List::Silenced { "permanent" } else { "temporary" };
    audit::Act::new(action).until(until).detail("lists", lists.iter().map(named).collect::<Vec<_>>())
}

impl Done {
    /// Tells those whom it is about, and the room. Comes after the answer to whoever asked.
    pub(crate) async fn announce(self, node: &Node) {
        for news in self.news {
            node.bus.publish(news).await;
        }
    }
}

/// Tells every node that it has to read the room's rules anew. Sessions of `expelled` are taken out of the room.
pub(crate) async fn changed_rules(node: &Node, app: AppId, room: RoomId, expelled: Vec<ClientId>) {
    node.bus.publish(News::Moderated { app, room, expelled }).await;
}

/// Who entered between the store's block and the news of it is out by now, but the store does not know.
async fn forget_entered(node: &Node, app: &App, room: &RoomId, expelled: &[ClientId]) {
    let router = node.router.app(&app.id);
    for client in expelled {
        let _turn = router.turn(client).await;
        for session in router.sessions_of(client).iter().filter(|session| !session.is_in(room)) {
            if let Err(error) = node.store.leave(&app.id, session.identity.session, room).await {
                error!(%error, "could not take a blocked client out of its room in the store");
            }
        }
    }
}

/// The rules of a room, or 4303.
pub(crate) async fn rules(node: &Node, app: &App, room: &RoomId) -> Result<Arc<RoomRules>, Fault> {
    let found = node.moderation.rules(&app.id, room, node.clock.wall()).await?;
    found.ok_or_else(|| Refused::no_room(room))
}

/// What somebody is in a room. Clients are nobody where only the back end moderates.
pub(crate) fn actor(app: &App, caller: &Caller, rules: &RoomRules) -> Result<Actor, Fault> {
    match &caller.kind {
        CallerKind::BackEnd => Ok(Actor::BackEnd),
        CallerKind::Session(_) if app.moderation.by == Moderators::BackEnd => Err(Fault::because(
            Code::ConversationOperationUnauthorized,
            "in this app only its back end moderates",
        )),
        CallerKind::Session(session) => Ok(Actor::Client(rules.role(&session.identity.client))),
    }
}

/// Whether somebody may do something, else 4320.
pub(crate) fn allowed(actor: Actor, act: Act, target: Role) -> Result<(), Fault> {
    if may(actor, act, target) {
        return Ok(());
    }
    let detail = match act {
        Act::SetRole(_) => "only an owner of the room may give roles, and never that of an owner",
        _ => "only the room's owner and its managers may do this",
    };
    Err(Fault::because(Code::ConversationOperationUnauthorized, detail))
}

/// One call or command names some clients at most.
pub(crate) fn few_enough(clients: usize) -> Result<(), Fault> {
    if clients <= TARGETS {
        return Ok(());
    }
    let detail = format!("at most {TARGETS} clients can be named at once");
    Err(Fault::because(Code::ConversationUpdateFailed, detail))
}

/// What an app may switch off for clients. Its back end is not bound by that.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feature {
    Silence,
    Block,
    Roles,
}

impl Feature {
    pub(crate) fn is_on(self, app: &App, caller: &Caller) -> Result<(), Fault> {
        let switches = &app.moderation;
        let (on, code, what) = match self {
            Self::Silence => (switches.silence, Code::ConversationMemberInfoFeatureDisabled, "silence"),
            Self::Block => (switches.block, Code::BlacklistFeatureDisabled, "blocks"),
            Self::Roles => (switches.roles, Code::ConversationMemberInfoFeatureDisabled, "roles"),
        };
        if on || caller.as_session().is_none() {
            return Ok(());
        }
        Err(Fault::because(code, format!("this app has switched {what} off for clients")))
    }
}

/// Those who may be targets, each once, and what is said of all.
fn sort(clients: Vec<String>, actor: Actor, act: Act, rules: &RoomRules) -> (Vec<ClientId>, Outcome) {
    let (mut targets, mut outcome) = (Vec::new(), Outcome::default());
    let mut fail = |clients: Vec<String>, fault: Fault| {
        if !clients.is_empty() {
            outcome.failed.push(Failure { clients, fault });
        }
    };
    let (mut invalid, mut too_high) = (Vec::new(), Vec::new());
    for name in clients {
        match ClientId::new(&name) {
            Err(_) => invalid.push(name),
            Ok(client) if !may(actor, act, rules.role(&client)) => too_high.push(name),
            Ok(client) if targets.contains(&client) => {}
            Ok(client) => targets.push(client),
        }
    }
    fail(invalid, Fault::because(Code::InvalidLogin, "this is no client id"));
    fail(
        too_high,
        Fault::because(Code::ConversationOperationUnauthorized, "their role is not lower than yours"),
    );
    outcome.allowed = targets.iter().map(ToString::to_string).collect();
    (targets, outcome)
}

fn refused(room: &RoomId, restriction: Restriction, cause: &RuleError) -> Fault {
    let list = match restriction {
        Restriction::Silence => List::Silenced,
        Restriction::Block => List::Blocked,
    };
    match cause {
        RuleError::NoRoom => Refused::no_room(room),
        RuleError::Full => {
            let detail = format!("at most {} clients can be on this list", list.limit());
            Fault::because(list.full(), detail)
        }
        RuleError::NeedOwner => Code::ConversationNeedOwner.into(),
        RuleError::Store(cause) => Refused::store(Code::ConversationInternalError, cause),
    }
}

/// To the targets always, wherever they are; to the room while it is not too large, and before anything else is left
/// out, this is. Java and JavaScript expect both of them in the room's own sessions.
fn notices(node: &Node, app: &App, notice: Notice, targets: Vec<ClientId>) -> Vec<News> {
    let room = notice.room.clone();
    let to_all =
        Notice { clients: Some(targets.iter().map(ToString::to_string).collect()), ..notice.clone() };
    let told = News::Told { app: app.id.clone(), clients: targets, event: Event::Notice(Box::new(notice)) };
    let members = node.router.app(&app.id).count(&room, Counted::Sessions);
    let mut news = vec![told];
    if u32::try_from(members).is_ok_and(|members| members <= app.moderation.notify_members) {
        news.push(News::Room(RoomNews {
            app: app.id.clone(),
            room,
            event: Event::Notice(Box::new(to_all)),
            level: Level::Low,
            number: None,
            except: Except::Nobody,
        }));
    }
    news
}

/// A page of who is on lists, and where the next one begins.
pub(crate) async fn page(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    lists: &[List],
    (skip, limit): (u32, u32),
) -> Result<(Vec<Listed>, Option<u32>), Fault> {
    let rules = rules(node, app, room).await?;
    allowed(actor_who_looks(caller, &rules), act_of_looking(lists), Role::Member)?;
    let limit = limit.clamp(1, PAGE);
    let page = (skip, limit + 1);
    let read = node.store.listed(&app.id, room, lists, page, node.clock.wall()).await;
    let mut found = read.map_err(|cause| Refused::store(Code::ConversationInternalError, &cause))?;
    let next = (found.len() > limit as usize).then(|| skip + limit);
    found.truncate(limit as usize);
    Ok((found, next))
}

/// Which of these are on lists. Everybody may ask about themselves.
pub(crate) async fn check(
    node: &Node,
    app: &App,
    caller: &Caller,
    room: &RoomId,
    lists: &[List],
    clients: &[String],
) -> Result<Vec<String>, Fault> {
    let rules = rules(node, app, room).await?;
    let own = caller.client().map(ClientId::as_str);
    if clients.iter().any(|client| Some(client.as_str()) != own) {
        allowed(actor_who_looks(caller, &rules), act_of_looking(lists), Role::Member)?;
    }
    let now = node.clock.wall();
    let is_listed = |client: &ClientId| match lists {
        [List::Blocked] => rules.is_blocked(client, now),
        _ => rules.is_silenced(client, now),
    };
    let listed = clients.iter().filter(|name| ClientId::new(name).is_ok_and(|client| is_listed(&client)));
    Ok(listed.cloned().collect())
}

fn act_of_looking(lists: &[List]) -> Act {
    if lists == BLOCKS { Act::SeeBlocks } else { Act::SeeSilences }
}

/// Roles count for looking even where only the back end acts.
fn actor_who_looks(caller: &Caller, rules: &RoomRules) -> Actor {
    match &caller.kind {
        CallerKind::BackEnd => Actor::BackEnd,
        CallerKind::Session(session) => Actor::Client(rules.role(&session.identity.client)),
    }
}
