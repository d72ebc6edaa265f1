//! Edit and recall, whoever asks for it, and the socket's `patch/modify`.

use grandstand_protocol::{
    Body, ClientId, Code, Event, Fault, Level, Mentions, MessageId, PatchRequest, Request, RoomId,
};
use grandstand_room::{clock::Millis, content::lctype};

use super::{
    caller::{Caller, CallerKind},
    correction::Correction,
    post::{mentions, within_size},
    refusal::Refused,
    socket::Socket,
    within_rates,
};
use crate::{
    apps::App,
    audit::{Act, Action},
    cluster::{Except, News, RoomNews},
    hook,
    node::Node,
    store::{Edit, ModifyError},
};

/// A message that somebody wants to change.
#[derive(Debug, Clone)]
pub(crate) struct Modification {
    pub(crate) room: RoomId,
    pub(crate) message: MessageId,
    /// Who must have written it.
    pub(crate) author: ClientId,
    pub(crate) change: Change,
}

/// What is to become of it.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Edit { body: Body, mentions: Mentions },
    Recall,
}

/// A message that was changed.
#[derive(Debug)]
pub(crate) struct Modified {
    pub(crate) patched_at: Option<Millis>,
    news: RoomNews,
    /// What the editor is told when the word filter changed the edit.
    correction: Option<Correction>,
}

/// Changes a message. When this returns, it is committed; whoever asked is to hear so before [`Modified::announce`].
pub(crate) async fn change(
    node: &Node,
    app: &App,
    caller: &Caller,
    modification: Modification,
) -> Result<Modified, Fault> {
    may_change(node, app, caller, &modification).await?;
    let rewritten = hook::message_update(node, app, caller.address, &modification).await?;
    if app.hooks.is_some() {
        // The hook has taken its time.
        may_change(node, app, caller, &modification).await?;
    }
    let Modification { room, message, author, mut change } = modification;
    let action = match change {
        Change::Edit { .. } => Action::EditMessage,
        Change::Recall => Action::RecallMessage,
    };
    if let (Change::Edit { body, .. }, Some(rewritten)) = (&mut change, rewritten) {
        *body = rewritten;
    }
    let (edit, filtered) = edit(node, app, change)?;
    let modified = make(node, app, caller, (&room, &message), &author, (edit, filtered)).await?;
    audit(node, app, caller, action, (&room, &message), &author).await;
    Ok(modified)
}

/// Recalls a message of `author` as one of many: no hook is asked, and the audit log notes all of them at once.
pub(super) async fn recall(
    node: &Node,
    app: &App,
    caller: &Caller,
    place: (&RoomId, &MessageId),
    author: &ClientId,
) -> Result<Modified, Fault> {
    make(node, app, caller, place, author, (Edit::Recall, false)).await
}

/// The one way of all edits and recalls into the store.
async fn make(
    node: &Node,
    app: &App,
    caller: &Caller,
    (room, message): (&RoomId, &MessageId),
    author: &ClientId,
    (edit, filtered): (Edit, bool),
) -> Result<Modified, Fault> {
    let now = node.clock.wall();
    let patched = node.store.modify(&app.id, room, message, Some(author), edit, now).await;
    let patched = patched.map_err(|cause| Refused::modify(&cause))?.message;
    node.gaps.changed(&app.id, room);
    let (patched_at, audience) = (patched.patched_at, patched.audience_of_changes());
    let event = patched.into_patch(room);
    let correction = filtered.then(|| Correction::of_edited(caller, &event)).flatten();
    // The back end's change is news to the author, too.
    let except = caller.session_id().map_or(Except::Nobody, Except::Session).and_all_but(audience);
    let news =
        RoomNews { app: app.id.clone(), event, room: room.clone(), level: Level::High, number: None, except };
    Ok(Modified { patched_at, news, correction })
}

/// Removes a message from history, if the author wrote it that is named. Nobody is told: who has it keeps it.
pub(crate) async fn delete(
    node: &Node,
    app: &App,
    caller: &Caller,
    (room, message): (&RoomId, &MessageId),
    author: &ClientId,
) -> Result<(), Fault> {
    let deleted = node.store.delete_message(&app.id, room, message, Some(author)).await;
    deleted.map_err(|cause| Refused::modify(&cause))?;
    node.gaps.changed(&app.id, room);
    audit(node, app, caller, Action::DeleteMessage, (room, message), author).await;
    Ok(())
}

/// What authors do with their own messages is no administrative act.
async fn audit(
    node: &Node,
    app: &App,
    caller: &Caller,
    action: Action,
    (room, message): (&RoomId, &MessageId),
    author: &ClientId,
) {
    if caller.client() != Some(author) {
        let act = Act::new(action).room(room).message(message).client(author);
        node.audit.record(&app.id, caller, act).await;
    }
}

/// The author of a message that the back end names by its id, and if it likes by its author and time: these must be
/// right. Whether an author who is named is the right one, the change itself finds out.
pub(crate) async fn author_of(
    node: &Node,
    app: &App,
    (room, message): (&RoomId, &MessageId),
    author: Option<ClientId>,
    time: Option<Millis>,
) -> Result<ClientId, Fault> {
    let (author, time) = match (author, time) {
        (Some(author), None) => return Ok(author),
        asked => asked,
    };
    let read = node.store.message(&app.id, room, message).await;
    let found = read.map_err(|cause| Refused::store(Code::InternalError, &cause))?;
    let found = found.ok_or_else(|| Refused::modify(&ModifyError::NotFound))?;
    if time.is_some_and(|time| time != found.timestamp) {
        let detail = "the message of this id is of another time; give the timestamp that it was sent with";
        return Err(Fault::because(Code::MessageNotFound, detail));
    }
    match author {
        Some(author) => Ok(author),
        None => ClientId::new(&found.from).map_err(|_| Refused::modify(&ModifyError::NotFound)),
    }
}

impl Modified {
    /// Changes it for those members only who have not got the message yet. The others find out from history.
    pub(super) async fn announce_to_the_late(self, node: &Node) {
        node.bus.publish(News::Amended(self.news)).await;
    }

    /// Tells the room. Comes after the answer to whoever asked.
    pub(crate) async fn announce(self, node: &Node) {
        node.bus.publish(News::Room(self.news)).await;
        if let Some(correction) = self.correction {
            correction.tell(node);
        }
    }
}

async fn may_change(
    node: &Node,
    app: &App,
    caller: &Caller,
    Modification { room, change, .. }: &Modification,
) -> Result<(), Fault> {
    caller.still_there(node)?;
    allowed(app, caller, change)?;
    let (Some(client), now) = (caller.client(), node.clock.wall()) else { return Ok(()) };
    match change {
        // An edit says something new, but is no message more: slow mode has no part in it.
        Change::Edit { .. } => node.moderation.may_send(&app.id, room, client, now).await.map(drop),
        Change::Recall => node.moderation.may_recall(&app.id, room, now).await,
    }
}

/// The switches are about clients.
fn allowed(app: &App, caller: &Caller, change: &Change) -> Result<(), Fault> {
    match (&caller.kind, change) {
        (CallerKind::Session(_), Change::Recall) if !app.switches.recall => {
            Err(Fault::because(Code::MessageRecallDisabled, "this app does not let messages be recalled"))
        }
        (CallerKind::Session(_), Change::Edit { .. }) if !app.switches.edit => {
            Err(Fault::because(Code::MessageEditDisabled, "this app does not let messages be edited"))
        }
        (CallerKind::Session(_) | CallerKind::BackEnd, _) => Ok(()),
    }
}

/// The change as it is stored, and whether the word filter had a part in it.
fn edit(node: &Node, app: &App, change: Change) -> Result<(Edit, bool), Fault> {
    let Change::Edit { mut body, mentions: named } = change else { return Ok((Edit::Recall, false)) };
    let mentions = mentions(&named);
    within_size(node, &body, &mentions, 0)?;
    let original = node.words.filter(&app.id, &mut body);
    let filtered = original.is_some();
    Ok((Edit::Replace { lctype: lctype(&body), body, mentions, original }, filtered))
}

/// Carries out the patches of one command; the first that fails ends it. What was changed before stays, and is told.
pub(super) async fn modify(
    socket: &Socket,
    at: usize,
    request: &Request,
    patches: &[PatchRequest],
) -> Result<(), Fault> {
    let node = socket.node();
    let mut done = Vec::with_capacity(patches.len());
    let mut failed = None;
    for (index, patch) in patches.iter().enumerate() {
        // The first was counted with the command. SDKs put one into each.
        let counted = if index == 0 { Ok(()) } else { within_rates(socket, at, &request.command) };
        let modified = match counted {
            Ok(()) => modify_one(socket, at, patch).await,
            Err(fault) => Err(fault),
        };
        match modified {
            Ok(modified) => done.push(modified),
            Err(fault) => {
                failed = Some(fault);
                break;
            }
        }
    }
    match (failed, done.iter().filter_map(|modified| modified.patched_at).max()) {
        (Some(fault), _) => socket.refuse(request, fault),
        (None, Some(time)) => socket.reply(request, at, Event::Modified { time: time.0 }),
        (None, None) => return Err(Fault::because(Code::MessageNotFound, "the command names no message")),
    }
    for modified in done {
        modified.announce(node).await;
    }
    Ok(())
}

async fn modify_one(socket: &Socket, at: usize, patch: &PatchRequest) -> Result<Modified, Fault> {
    let app = socket.current_app()?;
    let caller = socket.caller(at);
    let change = match (&patch.body, patch.recall) {
        (_, true) => Change::Recall,
        (Some(body), false) => Change::Edit { body: body.clone(), mentions: patch.mentions.clone() },
        (None, false) => {
            return Err(Fault::because(Code::MessageNotFound, "the edit carries no new content"));
        }
    };
    let modification = Modification {
        room: patch.room.clone(),
        message: patch.message.clone(),
        author: socket.session(at).identity.client.clone(),
        change,
    };
    self::change(socket.node(), &app, &caller, modification).await
}
