//! Sessions that end: for good, or for now, with their wills.

use std::{net::IpAddr, sync::Arc};

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{clock::Millis, session::Identity};
use tracing::error;

use super::post;
use crate::{
    cluster::{News, RoomNews},
    hook::{self, Membership, Offline},
    node::Node,
    router::{Joined, Session},
    store::{Dropped, Revocation, WillSent},
};

/// The socket of a session is gone: the session may return, and its wills wait.
pub(super) async fn drop_session(
    node: &Arc<Node>,
    session: &Arc<Session>,
    may_hold_wills: bool,
    code: Option<u16>,
) {
    let now = node.clock.wall();
    let router = node.router.app(&session.app);
    let _turn = router.turn(&session.identity.client).await;
    if let Some(joined) = router.close(session) {
        remember(node, session, joined, may_hold_wills, now).await;
        tell_offline(node, session, Offline::Lost(code));
    }
}

/// Tells the app's hook that a session is not online any more.
pub(crate) fn tell_offline(node: &Node, session: &Session, why: Offline) {
    if let Some(app) = node.apps.get(session.app.as_str()) {
        let Identity { client, tag, .. } = &session.identity;
        hook::client_offline(node, &app, session.address, (client, tag.as_deref()), why);
    }
}

/// Tells the app's hooks that a session ended for good, and with it its stay in a room.
pub(crate) fn tell_ended(node: &Node, session: &Session, joined: Option<Joined>, why: Offline) {
    if let Some(joined) = joined {
        tell_left(node, &session.app, &joined.room, &session.identity.client, Some(session.address));
    }
    tell_offline(node, session, why);
}

/// Tells the app's hook that a client left a room, unless another session of it is there.
pub(crate) fn tell_left(node: &Node, app: &AppId, room: &RoomId, client: &ClientId, address: Option<IpAddr>) {
    let Some(app) = node.apps.get(app.as_str()).filter(|app| app.hooks.is_some()) else { return };
    let is_there = node.router.app(&app.id).existing_hub(room).is_some_and(|hub| hub.holds(client));
    if !is_there {
        let (by, members) = (client.as_str(), &[client.to_string()][..]);
        hook::conversation_removed(node, &app, address, Membership { room, by, members });
    }
}

/// Notes where a session was that is not online any more.
pub(super) async fn remember(
    node: &Arc<Node>,
    session: &Session,
    joined: Option<Joined>,
    may_hold_wills: bool,
    now: Millis,
) {
    if joined.is_none() && !may_hold_wills {
        return;
    }
    let (app, id) = (&session.app, session.identity.session);
    let (confirmed, epoch) = joined.map(|joined| (joined.confirmed, joined.epoch)).unzip();
    if let Err(error) = node.store.drop_session(app, id, confirmed, epoch, now).await {
        error!(%error, "could not remember a dropped session");
    }
    if may_hold_wills {
        let dropped = Dropped { session: id, by: now, address: Some(session.address) };
        send_wills_later(node, app.clone(), dropped);
    }
}

/// The session ends for good: no room to return to, no wills, no token.
pub(super) async fn end_session(node: &Node, session: &Session) {
    let now = node.clock.wall();
    let (app, id) = (session.app.clone(), session.identity.session);
    let ended = node.store.end_session(&app, id).await;
    let revoked = node.store.revoke(Revocation::Session { app, session: id }, now).await;
    if revoked.is_err() {
        node.revocations.write().unwrap_or_else(std::sync::PoisonError::into_inner).revoke_session(id, now);
    }
    for error in [ended.err(), revoked.err()].into_iter().flatten() {
        error!(%error, "could not end a session in the store");
    }
}

/// Sends what a session left behind that dropped, unless it returns within the grace.
pub(crate) fn send_wills_later(node: &Arc<Node>, app: AppId, dropped: Dropped) {
    let worker = Arc::clone(node);
    node.background(async move {
        tokio::time::sleep(worker.config.limits.will_grace).await;
        send_wills(&worker, &app, dropped).await;
    });
}

async fn send_wills(node: &Node, app: &AppId, dropped: Dropped) {
    if node.router.app(app).has_login(dropped.session) {
        return;
    }
    match node.store.send_wills(app, dropped, node.clock.wall()).await {
        Ok(sent) => {
            for will in sent {
                let news = will_news(node, will);
                hook::message_sent(node, &news, None);
                node.bus.publish(News::Room(news)).await;
            }
        }
        Err(error) => error!(%error, "could not send wills"),
    }
}

/// The sender may be back by another session: whether that one hears of it is the app's to say.
fn will_news(node: &Node, will: WillSent) -> RoomNews {
    let WillSent { message, stamp, timestamp } = will;
    let own_sessions = node.apps.get(message.app.as_str()).map(|app| app.switches.own_sessions);
    let except = post::except(own_sessions.unwrap_or_default(), &message.from, message.session);
    post::news(message, timestamp, stamp.map(|stamp| stamp.number), except)
}
