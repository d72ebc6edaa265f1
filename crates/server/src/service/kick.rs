//! Kick: a client id is logged out everywhere, and its tokens do not count any more.

use std::sync::PoisonError;

use grandstand_protocol::{AppId, ClientId, Code, Fault};

use super::{caller::Caller, departure, refusal::Refused};
use crate::{
    apps::App,
    audit::{Act, Action},
    cluster::News,
    hook::Offline,
    node::Node,
    store::Revocation,
};

/// Logs a client out, for its back end.
pub(crate) async fn kick(
    node: &Node,
    app: &App,
    caller: &Caller,
    client: &ClientId,
    reason: Option<String>,
) -> Result<(), Fault> {
    let act = Act::new(Action::Kick).client(client).detail("reason", reason.as_deref());
    end_sessions(node, &app.id, client, kicked(reason)).await?;
    node.audit.record(&app.id, caller, act).await;
    Ok(())
}

/// Ends all sessions of a client id for good, those that dropped too: no room to return to, no wills, no token. Those
/// that are open hear the fault. The client may log in anew.
pub(super) async fn end_sessions(
    node: &Node,
    app: &AppId,
    client: &ClientId,
    fault: Fault,
) -> Result<(), Fault> {
    let failed = |cause| Refused::store(Code::InternalError, &cause);
    let router = node.router.app(app);
    let _turn = router.turn(client).await;
    let open: Vec<_> =
        router.sessions_of(client).into_iter().map(|session| (session.joined(), session)).collect();
    node.bus.publish(News::Ended { app: app.clone(), client: client.clone(), fault }).await;
    for (joined, session) in open {
        departure::tell_ended(node, &session, joined, Offline::Kicked);
    }
    // Only now: a session that is open is given new tokens, and none may be newer than this. Here they do not count from
    // now on, even if the store should fail: whom it was about is not online any more to be found a second time.
    let time = node.clock.wall();
    node.revocations.write().unwrap_or_else(PoisonError::into_inner).revoke_before(
        app.clone(),
        client.clone(),
        time,
    );
    let revocation = Revocation::Before { app: app.clone(), client: client.clone(), time };
    node.store.revoke(revocation, time).await.map_err(failed)?;
    let remembered = node.store.sessions(app, client).await.map_err(failed)?;
    node.store.end_sessions(app, client).await.map_err(failed)?;
    // Those that dropped have left their room now, and not when their time to return is over.
    let gone = remembered.into_iter().filter(|known| known.dropped_at.is_some() && !known.taken);
    for room in gone.filter_map(|known| known.room) {
        departure::tell_left(node, app, &room, client, None);
    }
    Ok(())
}

/// What kicked sessions hear: 4115, and the back end's own reason where SDKs show one.
fn kicked(reason: Option<String>) -> Fault {
    let fault = Fault::because(Code::KickedByApp, "the app's back end ended this session");
    Fault { reason: reason.unwrap_or(fault.reason), ..fault }
}
