//! Each hook with its parameters, and what its answer changes (protocol.md 8.2).

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, ClientId, Code, Event, Fault, RoomId};
use serde_json::{Map, Value, json};

use super::{
    Hook,
    answer::{Senseless, content, fields, peers, refusal},
    link::{Link, Unavailable},
};
use crate::{
    apps::App,
    cluster::RoomNews,
    node::Node,
    service::{
        HOOK_FAILED,
        modify::{Change, Modification},
        post::Post,
    },
};

/// Members of a room that a hook is told by name; of larger rooms, none.
const NAMED_PEERS: usize = 100;

/// What a hook makes of a message that may go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// In place of the content.
    pub(crate) body: Option<Body>,
    /// The only ones who get it.
    pub(crate) only: Option<Vec<ClientId>>,
}

/// Before a message is stored: it may be refused (4402), changed, or kept for some.
pub(crate) async fn message_received(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    post: &Post,
) -> Result<Verdict, Fault> {
    let hook = Hook::MessageReceived;
    let Some(link) = node.hooks.to(app, hook) else { return Ok(Verdict::default()) };
    let (bin, text) = as_text(&post.body);
    let parameters = json!({
        "fromPeer": post.from.as_str(), "convId": post.room.as_str(), "groupId": null,
        "toPeers": others(node, app, &post.room, post.from.as_str()),
        "transient": post.transient, "bin": bin, "content": text, "receipt": false, "system": false,
        "timestamp": node.clock.wall().0, "sourceIP": address,
    });
    ask(&link, hook, parameters, address, |fields| {
        Ok(Verdict { body: content(fields, &post.body)?, only: peers(fields)? })
    })
    .await
}

/// After a message has gone out.
pub(crate) fn message_sent(node: &Node, news: &RoomNews, address: Option<IpAddr>) {
    let (Event::Message(push), Some(app)) = (&news.event, node.apps.get(news.app.as_str())) else { return };
    node.hooks.tell(&app, Hook::MessageSent, address, || {
        let (bin, text) = as_text(&push.body);
        json!({
            "fromPeer": push.from, "convId": push.room.as_str(), "msgId": push.message.as_str(),
            "onlinePeers": others(node, &app, &push.room, &push.from), "offlinePeers": [],
            "transient": push.transient, "system": false, "bin": bin, "content": text, "receipt": false,
            "timestamp": push.timestamp, "sourceIP": address,
        })
    });
}

/// Before an edit or a recall: it may be refused (4405), and an edit changed.
pub(crate) async fn message_update(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    asked: &Modification,
) -> Result<Option<Body>, Fault> {
    let hook = Hook::MessageUpdate;
    let Some(link) = node.hooks.to(app, hook) else { return Ok(None) };
    let stub = Body::default();
    let body = match &asked.change {
        Change::Edit { body, .. } => body,
        Change::Recall => &stub,
    };
    let (bin, text) = as_text(body);
    let parameters = json!({
        "fromPeer": asked.author.as_str(), "convId": asked.room.as_str(), "msgId": asked.message.as_str(),
        "toPeers": others(node, app, &asked.room, asked.author.as_str()),
        "recall": matches!(asked.change, Change::Recall), "bin": bin, "content": text, "system": false,
        "timestamp": node.clock.wall().0, "sourceIP": address,
    });
    ask(&link, hook, parameters, address, |fields| content(fields, body)).await
}

/// Before a room is made: it may be refused (4305).
pub(crate) async fn conversation_start(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    by: &str,
    members: &[String],
    attributes: &Map<String, Value>,
) -> Result<(), Fault> {
    let parameters = || json!({ "initBy": by, "members": members, "attr": attributes });
    consent(node, app, Hook::ConversationStart, address, parameters).await
}

/// After a room was made.
pub(crate) fn conversation_started(node: &Node, app: &App, room: &RoomId) {
    node.hooks.tell(app, Hook::ConversationStarted, None, || json!({ "convId": room.as_str() }));
}

/// Before clients join: it may be refused (4305).
pub(crate) async fn conversation_add(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    change: Membership<'_>,
) -> Result<(), Fault> {
    consent(node, app, Hook::ConversationAdd, address, || change.parameters()).await
}

/// After clients joined.
pub(crate) fn conversation_added(node: &Node, app: &App, address: Option<IpAddr>, change: Membership<'_>) {
    node.hooks.tell(app, Hook::ConversationAdded, address, || change.parameters());
}

/// Before somebody else takes clients out of a room: it may be refused (4305).
pub(crate) async fn conversation_remove(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    change: Membership<'_>,
) -> Result<(), Fault> {
    consent(node, app, Hook::ConversationRemove, address, || change.parameters()).await
}

/// After clients left, by themselves or not.
pub(crate) fn conversation_removed(node: &Node, app: &App, address: Option<IpAddr>, change: Membership<'_>) {
    node.hooks.tell(app, Hook::ConversationRemoved, address, || change.parameters());
}

/// Who is put into a room or taken out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Membership<'a> {
    pub(crate) room: &'a RoomId,
    /// Who does it.
    pub(crate) by: &'a str,
    pub(crate) members: &'a [String],
}

impl Membership<'_> {
    fn parameters(&self) -> Value {
        json!({ "initBy": self.by, "convId": self.room.as_str(), "members": self.members })
    }
}

/// Before the attributes of a room change: it may be refused (4305), or others set in their place.
pub(crate) async fn conversation_update(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    by: &str,
    room: &RoomId,
    attributes: &Map<String, Value>,
) -> Result<Option<Map<String, Value>>, Fault> {
    let hook = Hook::ConversationUpdate;
    let Some(link) = node.hooks.to(app, hook) else { return Ok(None) };
    let parameters = json!({ "initBy": by, "convId": room.as_str(), "attr": attributes });
    ask(&link, hook, parameters, address, |fields| match fields.get("attr") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(attributes)) => Ok(Some(attributes.clone())),
        Some(_) => Err(Senseless),
    })
    .await
}

/// After a login.
pub(crate) fn client_online(node: &Node, app: &App, address: Option<IpAddr>, login: &OnlineLogin<'_>) {
    node.hooks.tell(app, Hook::ClientOnline, address, || {
        json!({
            "peerId": login.client.as_str(), "sourceIP": address, "tag": login.tag,
            "reconnect": u8::from(login.reconnect),
        })
    });
}

/// Who came online.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnlineLogin<'a> {
    pub(crate) client: &'a ClientId,
    pub(crate) tag: Option<&'a str>,
    /// Whether the SDK came back by itself.
    pub(crate) reconnect: bool,
}

/// Why a client went offline, as hooks are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offline {
    LoggedOut,
    /// The connection broke, or was closed with a code.
    Lost(Option<u16>),
    /// Another device took its tag.
    Conflict,
    /// By REST.
    Kicked,
}

/// After the end of a login, or of its connection.
pub(crate) fn client_offline(
    node: &Node,
    app: &App,
    address: IpAddr,
    (client, tag): (&ClientId, Option<&str>),
    why: Offline,
) {
    // A connection that is lost has no address any more.
    let address = Some(address).filter(|_| !matches!(why, Offline::Lost(_)));
    let (code, message, error) = match why {
        Offline::LoggedOut => (1, "logged out", None),
        Offline::Lost(code) => (2, "connection lost", code.and_then(|code| Code::from_number(code.into()))),
        Offline::Conflict => (3, "the same client id and tag was opened on another device", None),
        Offline::Kicked => (4, "kicked by the app", None),
    };
    node.hooks.tell(app, Hook::ClientOffline, address, || {
        let mut parameters =
            json!({ "peerId": client.as_str(), "closeCode": code, "closeMsg": message, "tag": tag });
        if let Some(address) = address {
            parameters["sourceIP"] = address.to_string().into();
        }
        if let Some(code) = error {
            parameters["errorCode"] = code.number().into();
            parameters["errorMsg"] = code.name().into();
        }
        parameters
    });
}

/// Before a login is signed by REST: may this user? The hook gets the user as the accounts know it.
pub(crate) async fn client_sign(
    node: &Node,
    app: &App,
    address: Option<IpAddr>,
    user: &Value,
) -> Result<(), Fault> {
    let hook = Hook::ClientSign;
    let Some(link) = node.hooks.to(app, hook) else { return Ok(()) };
    let may = ask(&link, hook, user.clone(), address, |fields| match fields.get("result") {
        None | Some(Value::Bool(true)) => Ok(Ok(())),
        Some(Value::Bool(false)) => {
            let error = fields.get("error").and_then(Value::as_str).unwrap_or("the app refused this");
            Ok(Err(Fault::because(Code::SignatureFailed, error.chars().take(256).collect::<String>())))
        }
        Some(_) => Err(Senseless),
    });
    may.await?
}

/// A hook that can only refuse.
async fn consent(
    node: &Node,
    app: &App,
    hook: Hook,
    address: Option<IpAddr>,
    parameters: impl FnOnce() -> Value,
) -> Result<(), Fault> {
    let Some(link) = node.hooks.to(app, hook) else { return Ok(()) };
    ask(&link, hook, parameters(), address, |_| Ok(())).await
}

/// Asks a hook and reads its answer; one that makes no sense counts as a failure.
async fn ask<T>(
    link: &Link,
    hook: Hook,
    parameters: Value,
    address: Option<IpAddr>,
    read: impl Fn(&Map<String, Value>) -> Result<T, Senseless>,
) -> Result<T, Fault> {
    let unavailable = |_: Unavailable| unavailable(hook);
    // Boxed: most apps have no hooks, and what waits for one is large.
    let answer = Box::pin(link.ask(hook, parameters, address)).await.map_err(unavailable)?;
    if let Some(fields) = fields(answer) {
        let (verb, code) = refusing(hook);
        if let Some(fault) = refusal(&fields, verb, code) {
            return Err(fault);
        }
        if let Ok(read) = read(&fields) {
            return Ok(read);
        }
    }
    link.unusable(hook).map_err(unavailable)?;
    read(&Map::new()).map_err(|_| self::unavailable(hook))
}

/// By which field a hook refuses, and what the client gets then.
fn refusing(hook: Hook) -> (&'static str, Code) {
    match hook {
        Hook::MessageReceived => ("drop", Code::MessageRejectedByApp),
        Hook::MessageUpdate => ("drop", Code::MessageUpdateRejectedByApp),
        _ => ("reject", Code::ConversationRejectedByApp),
    }
}

fn unavailable(hook: Hook) -> Fault {
    let code = match hook {
        Hook::MessageReceived | Hook::MessageUpdate | Hook::ClientSign => Code::InternalError,
        _ => Code::ConversationInternalError,
    };
    Fault::because(code, HOOK_FAILED)
}

/// The members of a room but one, while they are few.
fn others(node: &Node, app: &App, room: &RoomId, but: &str) -> Vec<String> {
    let mut members = node.router.app(&app.id).some_members(room, NAMED_PEERS + 1);
    if members.len() > NAMED_PEERS {
        return Vec::new();
    }
    members.retain(|member| member != but);
    members
}

/// `bin` and `content`.
fn as_text(body: &Body) -> (bool, String) {
    match body {
        Body::Text(text) => (false, text.clone()),
        Body::Binary(bytes) => (true, STANDARD.encode(bytes)),
    }
}
