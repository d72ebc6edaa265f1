//! Opening, refreshing and closing sessions.

use std::sync::{Arc, PoisonError};

use grandstand_protocol::{
    AppId, ClientId, Code, Event, Fault, Format, Level, Open, Request, Token, limits::TOKEN_SECONDS,
};
use grandstand_room::{
    rates::Kind,
    resume::Remembered,
    session::{Device, Identity, Login},
    signature::Verified,
    token::{Claims, TokenError},
};

use tracing::error;

use super::{
    departure,
    rate::within_rate,
    refusal::Refused,
    replay,
    signature::{self, Asked},
    socket::{OpenSession, Socket},
};
use crate::{
    apps::App,
    gateway::{
        close::Close,
        outbox::{Ending, Signal},
    },
    hook::{self, Offline, OnlineLogin},
    node::Node,
    router::{Opened, Remote, Sdk, Session},
    store::StoreError,
};

/// Sessions of one socket: a page or a process with more clients than this is none.
const SESSIONS_PER_SOCKET: usize = 64;
/// Bytes of a tag or a device's mark: they are kept with the session and signed into its token.
const MARK_BYTES: usize = 512;

/// `session/open`. Logins wait for their turn; the socket keeps its place meanwhile.
pub(super) async fn open(socket: &mut Socket, request: Request) -> Result<(), Close> {
    let first = socket.sessions.is_empty();
    if first {
        socket.seat.session_opening();
    }
    let node = Arc::clone(socket.node());
    let opened = match node.logins.turn().await {
        Ok(_turn) => open_now(socket, request).await,
        Err(close) => Err(close),
    };
    if first && socket.sessions.is_empty() {
        socket.seat.session_lost();
    }
    opened
}

async fn open_now(socket: &mut Socket, request: Request) -> Result<(), Close> {
    let grandstand_protocol::Command::Open(open) = &request.command else { return Ok(()) };
    if socket.app.is_none() && request.app.is_none() && open.token.is_some() {
        socket.app = app_of_token(socket, open);
        if socket.app.is_none() {
            return refuse(socket, &request, stale_token());
        }
    }
    let app = bind_app(socket, &request)?;
    match admit(socket, &app, &request, open).await {
        Ok(()) => {
            end_if_banned(socket, &app, request.peer.as_deref()).await;
            Ok(())
        }
        Err(fault) => refuse(socket, &request, fault),
    }
}

/// Who was banned while it logged in: those who made the ban did not find it.
async fn end_if_banned(socket: &mut Socket, app: &App, peer: Option<&str>) {
    let Some(at) = socket.session_for(peer) else { return };
    let (node, session) = (Arc::clone(socket.node()), Arc::clone(socket.session(at)));
    let (client, now) = (&session.identity.client, node.clock.wall());
    let allowed = node.moderation.may_open(&app.id, client, session.address, now).await;
    let Some(fault) = allowed.err().filter(|fault| fault.is(Code::Blacklisted)) else { return };
    if let Some(joined) = node.router.app(&app.id).close(&session) {
        departure::end_session(&node, &session).await;
        departure::tell_ended(&node, &session, joined, Offline::Kicked);
        socket.say(None, Some(client.to_string()), Event::Closed { fault: Some(fault) });
    }
    socket.sessions.remove(at);
    if socket.sessions.is_empty() {
        socket.seat.session_lost();
    }
}

/// The app of this socket: named by the first open, the same for all.
fn bind_app(socket: &mut Socket, request: &Request) -> Result<Arc<App>, Close> {
    let bound = socket.app.as_ref().map(|app| app.id.as_str().to_owned());
    let named = request.app.clone().or_else(|| bound.clone());
    let agrees = bound.is_none() || bound == named;
    let app = named.filter(|_| agrees).and_then(|id| socket.node().apps.get(&id));
    let Some(app) = app else {
        let detail = match bound {
            Some(_) => "this socket belongs to another app; open a socket for each app",
            None => "this server has no such app; check the app id and the server URL",
        };
        socket.refuse(request, Fault::because(Code::AppNotAvailable, detail));
        return Err(Close::APP_NOT_AVAILABLE);
    };
    if !app.allows_origin(socket.origin.as_deref()) {
        return Err(Close::INVALID_ORIGIN);
    }
    socket.app = Some(Arc::clone(&app));
    Ok(app)
}

/// The app that a token was issued for. After a goaway, Java up to 7.0 reopens by token before its `login`, and
/// names no app: refused for that, it would stay away.
fn app_of_token(socket: &Socket, open: &Open) -> Option<Arc<App>> {
    let node = socket.node();
    let (text, now) = (open.token.as_deref()?, node.clock.wall());
    let issued_it =
        |app: &&Arc<App>| !matches!(node.tokens.verify(text, &app.id, now), Err(TokenError::Forged));
    node.apps.load().iter().find(issued_it).map(Arc::clone)
}

/// Binds the socket to the app that a `login` names, if it is one of ours and may be used from there.
pub(super) fn bind_login(socket: &mut Socket, request: &Request) {
    let named = request.app.as_deref().filter(|_| socket.app.is_none());
    let app = named.and_then(|id| socket.node().apps.get(id));
    socket.app = socket.app.take().or(app.filter(|app| app.allows_origin(socket.origin.as_deref())));
}

async fn admit(socket: &mut Socket, app: &App, request: &Request, open: &Open) -> Result<(), Fault> {
    let node = Arc::clone(socket.node());
    let client = client_id(&node, request)?;
    let claims = verified(socket, &app.id, &client, open)?;
    let signed = may_log_in(socket, app, &client, open, claims.as_ref()).await?;
    if let Some(at) = socket.session_for(Some(client.as_str())) {
        // Java opens its cached sessions by itself on every connect, beside the app's own open.
        let event = Event::Opened { token: renew(&node, socket.session(at))? };
        socket.say(request.serial, Some(client.to_string()), event);
        return Ok(());
    }
    within_bounds(socket, open)?;
    let user_agent = open.user_agent.as_deref().unwrap_or_default();
    let device = Device { id: open.device_id.clone(), token: open.device_token.clone() };
    let login = Login {
        client: &client,
        tag: open.tag.as_deref(),
        device: &device,
        // JavaScript 2.x never says that it reopens, and never closes.
        reopen: open.reopen || user_agent.starts_with("js/2."),
        token: claims.as_ref(),
    };
    let _turn = node.router.app(&app.id).turn(&client).await;
    let remembered = remembered(&node, app, &client, claims.as_ref(), signed).await?;
    note_client(socket, &client, open);
    let (outbox, style, now) = (Arc::clone(&socket.outbox), socket.style, node.clock.now());
    let remote = Remote { sdk: Sdk::from_user_agent(user_agent), address: socket.address };
    let mut past = replay::Past::default();
    let opened = node.router.app(&app.id).open(&login, now, |arrival| {
        let replaced_at = arrival.takes_over.then_some(now);
        let identity;
        (identity, past) = replay::identify(&node, app, &login, arrival, remembered);
        Session::new(app.id.clone(), identity, outbox, style, remote, replaced_at, app.switches.high_replay)
    });
    let Some(opened) = opened else {
        let detail = "another device holds this client id and tag; open without reopen to take it";
        return Err(Fault::because(Code::SessionConflict, detail));
    };
    let session = Arc::clone(&opened.session);
    let may_hold_wills = past.is_remembered;
    socket.outbox.hold();
    let resumed = match settle(&node, app, opened, past).await {
        Ok(resumed) => resumed,
        Err(cause) => {
            node.router.app(&app.id).close(&session);
            socket.outbox.release(None);
            return Err(failed(&cause));
        }
    };
    // Old .NET cannot say HIGH (section 10, row 14).
    let high = socket.format() == Format::Json && user_agent.starts_with("net-");
    let default_level = if high { Level::High } else { Level::Normal };
    // Most sockets have one.
    socket.sessions.reserve_exact(1);
    socket.sessions.push(OpenSession { session: Arc::clone(&session), default_level, may_hold_wills });
    socket.seat.session_opened();
    node.visitors.note(&app.id, &client, node.clock.wall());
    let event = Event::Opened { token: issue(&node, &session) };
    socket.say(request.serial, Some(client.to_string()), event);
    let login = OnlineLogin { client: &client, tag: session.identity.tag.as_deref(), reconnect: open.reopen };
    hook::client_online(&node, app, Some(socket.address), &login);
    let replayed = match resumed {
        Some(resumed) => replay::missed(&node, app, &session, &resumed, open.last_patch).await,
        None => Ok(None),
    };
    match replayed {
        Ok(replay) => socket.outbox.release(replay),
        // Newer messages would be confirmed, and what was missed with them: it comes back and asks again.
        Err(error) => {
            error!(%error, "could not read what a client missed; it is sent away to come back");
            socket.outbox.signal(Signal::Close(Close::COME_BACK));
        }
    }
    Ok(())
}

/// Ends the sessions that the open took over or pushed out, and brings the room back.
async fn settle(
    node: &Arc<Node>,
    app: &App,
    opened: Opened,
    past: replay::Past,
) -> Result<Option<replay::Resumption>, StoreError> {
    for loser in &opened.conflicts {
        let joined = loser.leave_if(|_| true);
        let session = loser.identity.session;
        loser.outbox.signal(Signal::SessionEnded { session, ending: Ending::Conflict });
        departure::end_session(node, loser).await;
        departure::tell_ended(node, loser, joined, Offline::Conflict);
    }
    let resumed = replay::resume(node, app, &opened, past).await;
    for former in &opened.replaced {
        let session = former.identity.session;
        former.outbox.signal(Signal::SessionEnded { session, ending: Ending::TakenOver });
    }
    resumed
}

fn failed(cause: &StoreError) -> Fault {
    Refused::store(Code::InternalError, cause)
}

fn client_id(node: &Node, request: &Request) -> Result<ClientId, Fault> {
    let text = match &request.peer {
        Some(peer) => peer.clone(),
        // JavaScript may leave the choice to the server.
        None => node.new_client_id(),
    };
    ClientId::new(&text).map_err(|cause| Fault::because(Code::InvalidLogin, cause.to_string()))
}

/// What a stranger may make the server keep.
fn within_bounds(socket: &Socket, open: &Open) -> Result<(), Fault> {
    if socket.sessions.len() >= SESSIONS_PER_SOCKET {
        let detail =
            format!("at most {SESSIONS_PER_SOCKET} client ids can be open on one socket; use another");
        return Err(Fault::because(Code::AppQuotaExceeded, detail));
    }
    let marks = [&open.tag, &open.device_id, &open.device_token];
    if marks.into_iter().flatten().any(|mark| mark.len() > MARK_BYTES) {
        let detail = format!("tag, deviceId and deviceToken have at most {MARK_BYTES} bytes each");
        return Err(Fault::because(Code::InvalidLogin, detail));
    }
    Ok(())
}

/// Within the client's rate, signed if need be, and not banned. SDKs that reopen by token do not sign again: what a
/// token says was proven once.
async fn may_log_in(
    socket: &Socket,
    app: &App,
    client: &ClientId,
    open: &Open,
    claims: Option<&Claims>,
) -> Result<Option<Verified>, Fault> {
    let node = socket.node();
    within_rate(node, app, client, Kind::Open)?;
    let signed = match claims {
        Some(_) => None,
        None => signature::may(node, app, client, Asked::Login, open.signature.as_ref())?,
    };
    node.moderation.may_open(&app.id, client, socket.address, node.clock.wall()).await?;
    Ok(signed)
}

/// What the token says, if the client sent one. A token that does not count is refused: the SDK then logs in anew.
/// Whether its login was revoked is looked up later, with all else that the store knows of the client.
fn verified(socket: &Socket, app: &AppId, client: &ClientId, open: &Open) -> Result<Option<Claims>, Fault> {
    let Some(token) = open.token.as_deref() else { return Ok(None) };
    let node = socket.node();
    let claims = match node.tokens.verify(token, app, node.clock.wall()) {
        Ok(claims) => Some(claims),
        // Old .NET does not read the result of a reopen and would believe itself online for ever.
        Err(TokenError::Expired(claims)) if socket.format() == Format::Json && open.reopen => Some(*claims),
        Err(_) => None,
    };
    match claims.filter(|claims| claims.client == *client && !is_revoked(node, claims)) {
        Some(claims) => Ok(Some(claims)),
        None => Err(stale_token()),
    }
}

fn is_revoked(node: &Node, claims: &Claims) -> bool {
    node.revocations.read().unwrap_or_else(PoisonError::into_inner).is_revoked(claims)
}

/// The sessions of a client id that hold a room or wills, unless a kick took back its signature or its token while it
/// waited, or the login of its token has ended for good. To be called in its turn: no end can come in between.
async fn remembered(
    node: &Node,
    app: &App,
    client: &ClientId,
    claims: Option<&Claims>,
    signed: Option<Verified>,
) -> Result<Vec<Remembered>, Fault> {
    if let Some(signed) = signed {
        signature::still_holds(node, app, client, signed, Asked::Login)?;
    }
    if claims.is_some_and(|claims| is_revoked(node, claims)) {
        return Err(stale_token());
    }
    let login = claims.map(|claims| claims.session);
    let known = node.store.known(&app.id, client, login).await.map_err(|cause| failed(&cause))?;
    if known.is_revoked { Err(stale_token()) } else { Ok(replay::remembered(known.sessions)) }
}

fn stale_token() -> Fault {
    Fault::because(Code::SessionTokenExpired, "the session token is not valid any more; log in anew")
}

/// Pushes may go without `peerId` while the socket has only ever opened one client id, which said that it may be left
/// out, and leaves it out itself.
fn note_client(socket: &mut Socket, client: &ClientId, open: &Open) {
    match &socket.first_client {
        None => socket.first_client = Some(client.clone()),
        Some(first) if first != client => socket.several_clients = true,
        Some(_) => {}
    }
    socket.may_omit_peer = !socket.several_clients && open.may_omit_peer();
    socket.outbox.set_omits_peer(socket.may_omit_peer && socket.outbox.omits_peer());
}

fn issue(node: &Node, session: &Session) -> Token {
    let Identity { session: login, client, tag, device } = session.identity.clone();
    let claims = Claims {
        app: session.app.clone(),
        client,
        tag,
        device,
        session: login,
        issued_at: node.clock.wall(),
    };
    Token { text: node.tokens.issue(&claims), ttl: TOKEN_SECONDS }
}

/// Java reopens by token without a serial. It understands 4112 then, and what ends a session for good (4111, 4106);
/// what failed in the server is tried again on a new socket.
fn refuse(socket: &Socket, request: &Request, fault: Fault) -> Result<(), Close> {
    if request.serial.is_some() {
        socket.refuse(request, fault);
    } else if fault.is(Code::SessionTokenExpired) {
        socket.say(None, request.peer.clone(), Event::Failed { fault });
    } else if fault.is(Code::SessionConflict) || fault.is(Code::Blacklisted) {
        socket.say(None, request.peer.clone(), Event::Closed { fault: Some(fault) });
    } else if fault.is(Code::InternalError) {
        return Err(Close::COME_BACK);
    }
    Ok(())
}

/// `session/refresh`: a new token. C# sends none of the old.
pub(super) fn refresh(socket: &Socket, at: usize, token: Option<&str>) -> Result<Event, Fault> {
    let node = socket.node();
    let session = socket.session(at);
    if let Some(token) = token {
        // It only shows whose session this is. That one is open, and the new token is its own: one that was revoked
        // gains nothing here.
        match node.tokens.verify(token, &session.app, node.clock.wall()) {
            Ok(claims) if claims.client == session.identity.client => {}
            Err(TokenError::Expired(claims)) if claims.client == session.identity.client => {}
            _ => {
                return Err(Fault::because(
                    Code::SessionTokenExpired,
                    "this is no token of the session; log in anew",
                ));
            }
        }
    }
    Ok(Event::Refreshed { token: renew(node, session)? })
}

/// Another token of a session, if it has not ended meanwhile.
fn renew(node: &Node, session: &Arc<Session>) -> Result<Token, Fault> {
    let token = issue(node, session);
    // Looked at only now: what was issued while the session was open is older than the end of a kick, and revoked by it.
    let is_open = node.router.app(&session.app).is_open(session);
    if is_open { Ok(token) } else { Err(Refused::no_session()) }
}

/// `session/close`: an ordered end.
pub(super) async fn close(socket: &mut Socket, at: usize, request: &Request) {
    let session = Arc::clone(socket.session(at));
    let node = Arc::clone(socket.node());
    let router = node.router.app(&session.app);
    let turn = router.turn(&session.identity.client).await;
    if let Some(joined) = router.close(&session) {
        departure::end_session(&node, &session).await;
        departure::tell_ended(&node, &session, joined, Offline::LoggedOut);
    }
    drop(turn);
    socket.reply(request, at, Event::Closed { fault: None });
    socket.sessions.remove(at);
    if socket.sessions.is_empty() {
        socket.seat.session_lost();
    }
}
