//! The path of a message, whoever brings it: checked, stored, acknowledged, and only then shown to the room.

use std::net::IpAddr;

use grandstand_protocol::{
    Body, ClientId, Code, Event, Fault, Level, Mentions, MessageId, Push, RoomId, limits,
};
use grandstand_room::{
    clock::Millis,
    content::lctype,
    levels::{Origin, Via, ruled},
    rates::Wait,
    session::SessionId,
    switches::{Audience, OwnSessions},
};

use super::{
    caller::{Caller, CallerKind},
    correction::Correction,
    refusal::Refused,
};
use crate::{
    apps::App,
    cluster::{Except, News, RoomNews},
    hook,
    moderation::count_refusal,
    node::Node,
    slow_mode::Turn,
    store::{Appended, NewMessage, Stamp},
};

/// A message that somebody wants to send.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) room: RoomId,
    pub(crate) from: ClientId,
    pub(crate) body: Body,
    pub(crate) mentions: Mentions,
    /// The level that it carries.
    pub(crate) level: Option<Level>,
    /// What it gets when it carries none and no rule applies.
    pub(crate) default_level: Level,
    /// Only for those who are there now.
    pub(crate) transient: bool,
    /// The client's own mark (`dt`).
    pub(crate) dedupe: Option<String>,
    /// Bytes of all else that it brings along: the limit is for everything.
    pub(crate) extras: usize,
}

/// A message that was accepted.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) id: MessageId,
    pub(crate) timestamp: Millis,
    /// Where it came from.
    address: Option<IpAddr>,
    /// What the room is told; nothing when this was a retry.
    news: Option<RoomNews>,
    /// What the sender is told when the word filter changed the message.
    correction: Option<Correction>,
}

/// A message that passed the checks.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    pub(super) message: NewMessage,
    /// What slow mode lets it use up.
    pub(super) turn: Option<Turn<'a>>,
    /// Whether the word filter changed it.
    filtered: bool,
}

/// Sends a message. When this returns, it is committed; whoever sent it is to hear so before [`Posted::announce`].
pub(crate) async fn post(node: &Node, app: &App, caller: &Caller, post: Post) -> Result<Posted, Fault> {
    let transient = post.transient;
    let Admitted { message, turn, filtered } = admit(node, app, caller, post).await?;
    let correction = filtered.then(|| Correction::of_sent(caller, &message)).flatten();
    let except = except(app.switches.own_sessions, &message.from, message.session);
    let except = except.and_all_but(message.audience.clone());
    let now = node.clock.wall();
    if transient {
        must_exist(node, app, &message.room).await?;
        if let Some(turn) = turn {
            turn.said();
        }
        return Ok(Posted::new(message, caller, now, None, except).with(correction));
    }
    let room = message.room.clone();
    match node.store.append(message.clone(), now).await {
        Err(cause) => Err(Refused::append(&room, &cause)),
        Ok(Appended::Duplicate { id, timestamp }) => {
            Ok(Posted { id, timestamp, address: caller.address, news: None, correction: None }
                .with(correction))
        }
        Ok(Appended::Stored(Stamp { number, timestamp })) => {
            if let Some(turn) = turn {
                turn.said();
            }
            Ok(Posted::new(message, caller, timestamp, Some(number), except).with(correction))
        }
    }
}

impl Posted {
    fn new(
        message: NewMessage,
        caller: &Caller,
        timestamp: Millis,
        number: Option<u64>,
        except: Except,
    ) -> Self {
        let (id, address) = (message.id.clone(), caller.address);
        let news = Some(news(message, timestamp, number, except));
        Self { id, timestamp, address, news, correction: None }
    }

    /// A retry is corrected too: whoever missed the ack may have missed the correction.
    fn with(self, correction: Option<Correction>) -> Self {
        let correction = correction.map(|correction| correction.of(self.id.clone()).at(self.timestamp));
        Self { correction, ..self }
    }

    /// Shows the message to the room. Comes after the answer to whoever sent it.
    pub(crate) async fn announce(self, node: &Node) {
        if let Some(news) = self.news {
            hook::message_sent(node, &news, self.address);
            node.bus.publish(News::Room(news)).await;
        }
        if let Some(correction) = self.correction {
            correction.tell(node);
        }
    }
}

/// The checks, in their order, and what they leave of the message. Wills go through them when they are left.
pub(super) async fn admit<'a>(
    node: &'a Node,
    app: &App,
    caller: &Caller,
    mut post: Post,
) -> Result<Admitted<'a>, Fault> {
    let mentions = mentions(&post.mentions);
    within_size(node, &post.body, &mentions, post.extras)?;
    // Who is blocked is told so, and not to join first.
    let turn = match caller.client() {
        Some(client) => turn(node, app, client, &post).await?,
        None => None,
    };
    for_members(app, caller, &post.room)?;
    if app.hooks.is_some() {
        // A message that cannot be sent is none of the hook's business.
        must_exist(node, app, &post.room).await?;
    }
    let verdict = hook::message_received(node, app, caller.address, &post).await?;
    if app.hooks.is_some() {
        still_may_send(node, app, caller, &post.room).await?;
    }
    if let Some(body) = verdict.body {
        within_size(node, &body, &mentions, post.extras)?;
        post.body = body;
    }
    let original = node.words.filter(&app.id, &mut post.body);
    let filtered = original.is_some();
    let lctype = lctype(&post.body);
    let level = level(app, caller, &post, lctype);
    let message = new_message(node, app, caller, post, (level, lctype, mentions), original);
    let message = NewMessage { audience: verdict.only, ..message };
    Ok(Admitted { message, turn, filtered })
}

/// A message for many rooms, checked once. The app's hooks are not asked about it: they would be for each room.
pub(crate) fn for_many(node: &Node, app: &App, caller: &Caller, mut post: Post) -> Result<NewMessage, Fault> {
    let mentions = mentions(&post.mentions);
    within_size(node, &post.body, &mentions, post.extras)?;
    let original = node.words.filter(&app.id, &mut post.body);
    let lctype = lctype(&post.body);
    let level = level(app, caller, &post, lctype);
    Ok(new_message(node, app, caller, post, (level, lctype, mentions), original))
}

fn new_message(
    node: &Node,
    app: &App,
    caller: &Caller,
    post: Post,
    (level, lctype, mentions): (Level, Option<i32>, Mentions),
    original: Option<Body>,
) -> NewMessage {
    NewMessage {
        app: app.id.clone(),
        room: post.room,
        id: node.new_message_id(),
        from: post.from,
        session: caller.session_id(),
        address: caller.address,
        level,
        lctype,
        body: post.body,
        mentions,
        dedupe: post.dedupe,
        original,
        audience: None,
    }
}

/// Whether the room lets a client speak, and in slow mode its turn. The wait begins when the message is accepted; one
/// that is refused after all, by a hook for example, costs no turn.
async fn turn<'a>(
    node: &'a Node,
    app: &App,
    client: &ClientId,
    post: &Post,
) -> Result<Option<Turn<'a>>, Fault> {
    let now = node.clock.wall();
    let Some(seconds) = node.moderation.may_send(&app.id, &post.room, client, now).await? else {
        return Ok(None);
    };
    // Transient messages are not stored, so nothing else would tell a retry from another one.
    let mark = post.dedupe.as_deref().filter(|_| !post.transient);
    match node.slow_mode.take(&app.id, &post.room, client, mark, seconds) {
        Ok(turn) => Ok(Some(turn)),
        Err(Wait(wait)) => {
            count_refusal(&app.id, "slow-mode");
            Err(Refused::slow_mode(seconds, wait, now))
        }
    }
}

/// What was checked before a hook took its time, and may be otherwise by now.
async fn still_may_send(node: &Node, app: &App, caller: &Caller, room: &RoomId) -> Result<(), Fault> {
    caller.still_there(node)?;
    for_members(app, caller, room)?;
    if let Some(client) = caller.client() {
        node.moderation.may_send(&app.id, room, client, node.clock.wall()).await?;
    }
    Ok(())
}

/// Whom a message mentions, without what can be nobody's client id.
pub(super) fn mentions(named: &Mentions) -> Mentions {
    let ids = named.clients.iter().filter(|id| ClientId::new(id).is_ok());
    Mentions { all: named.all, clients: ids.take(limits::MENTIONS).cloned().collect() }
}

/// The limit is for everything that a message brings along; `extras` is the size of what only sends have.
pub(super) fn within_size(node: &Node, body: &Body, mentions: &Mentions, extras: usize) -> Result<(), Fault> {
    let limit = node.config.limits.message;
    let size = body.len() + mentions.clients.iter().map(String::len).sum::<usize>() + extras;
    if size > limit {
        let detail =
            format!("the message has {size} bytes with all that belongs to it; at most {limit} are allowed");
        return Err(Fault::because(Code::FrameTooLong, detail));
    }
    Ok(())
}

fn for_members(app: &App, caller: &Caller, room: &RoomId) -> Result<(), Fault> {
    match &caller.kind {
        CallerKind::Session(session) if app.switches.send == Audience::Members && !session.is_in(room) => {
            let detail = "this app lets only members send; join the room first";
            Err(Fault::because(Code::InvalidMessagingTarget, detail))
        }
        CallerKind::Session(_) | CallerKind::BackEnd => Ok(()),
    }
}

/// What a rule of the app gives; else what the message carries; else what the way it came gives to those without.
fn level(app: &App, caller: &Caller, post: &Post, lctype: Option<i32>) -> Level {
    let via = match caller.kind {
        CallerKind::Session(_) => Via::Client,
        CallerKind::BackEnd => Via::Rest,
    };
    let origin = Origin { lctype, sender: post.from.as_str(), via, carried: post.level };
    let Some((level, rule)) = ruled(&app.levels, &origin) else {
        return post.level.unwrap_or(post.default_level);
    };
    let labels =
        [("app", app.id.to_string()), ("rule", (rule + 1).to_string()), ("level", level.name().to_owned())];
    metrics::counter!("grandstand_level_rules_total", &labels).increment(1);
    level
}

/// What is not stored finds out here whether its room is there.
pub(super) async fn must_exist(node: &Node, app: &App, room: &RoomId) -> Result<(), Fault> {
    match node.store.room(&app.id, room).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Refused::no_target(room)),
        Err(cause) => Err(Refused::store(Code::InternalError, &cause)),
    }
}

/// Whom a message is not for: the session that sent it, or all of its client id where the app says so, and where its
/// back end spoke in that name.
pub(super) fn except(own_sessions: OwnSessions, from: &ClientId, session: Option<SessionId>) -> Except {
    match (own_sessions, session) {
        (OwnSessions::Deliver, Some(session)) => Except::Session(session),
        (OwnSessions::Exclude, _) | (_, None) => Except::Client(from.clone()),
    }
}

/// What the room is told of a message. One without a number was not stored.
pub(super) fn news(message: NewMessage, timestamp: Millis, number: Option<u64>, except: Except) -> RoomNews {
    let push = Push {
        room: message.room.clone(),
        message: message.id,
        timestamp: timestamp.0,
        from: message.from.to_string(),
        body: message.body,
        transient: number.is_none(),
        mentions: message.mentions,
        patched_at: None,
    };
    let event = Event::Message(Box::new(push));
    RoomNews { app: message.app, room: message.room, event, level: message.level, number, except }
}
