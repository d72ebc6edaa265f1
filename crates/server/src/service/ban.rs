//! Bans from an app: whoever is banned is logged out everywhere and may not log in.

use futures_util::future::join_all;
use grandstand_protocol::{ClientId, Code, Fault};
use grandstand_room::ban::{BANS, Ban, Banned};

use super::{caller::Caller, kick::end_sessions, refusal::Refused};
use crate::{
    apps::App,
    audit::{Act, Action},
    cluster::News,
    moderation::banned,
    node::Node,
    store::{RuleError, StoreError},
};

/// Clients whose sessions end at the same time.
const AT_ONCE: usize = 200;

/// Bans somebody. When this returns, no session is left of whom it is about, and none can be opened. Of a network's
/// clients all sessions end, from wherever they are connected; they may log in again from elsewhere.
pub(crate) async fn ban(node: &Node, app: &App, caller: &Caller, ban: Ban) -> Result<(), Fault> {
    let fault = banned(ban.reason.as_deref());
    node.store.ban(&app.id, ban.clone()).await.map_err(|cause| refused(&cause))?;
    node.bus.publish(News::BansChanged { app: app.id.clone() }).await;
    let act = about(Act::new(Action::Ban), &ban.banned).until(ban.until);
    node.audit.record(&app.id, caller, act.detail("reason", ban.reason.as_deref())).await;
    let clients = match ban.banned {
        Banned::Client(client) => vec![client],
        Banned::Network(network) => {
            let from_there = |address: std::net::IpAddr| network.contains(&address.to_canonical());
            node.router.app(&app.id).clients_where(|session| from_there(session.address))
        }
    };
    end_all(node, app, &clients, &fault).await
}

/// Ends the sessions of all these clients, so many at a time that the store writes in few commits. What fails for one
/// stops nothing for the others.
async fn end_all(node: &Node, app: &App, clients: &[ClientId], fault: &Fault) -> Result<(), Fault> {
    let mut all = Ok(());
    for some in clients.chunks(AT_ONCE) {
        let ends = some.iter().map(|client| end_sessions(node, &app.id, client, fault.clone()));
        all = join_all(ends).await.into_iter().fold(all, Result::and);
    }
    all
}

/// Ends a ban; `false` when there is none.
pub(crate) async fn unban(node: &Node, app: &App, caller: &Caller, banned: &Banned) -> Result<bool, Fault> {
    let removed = node.store.unban(&app.id, banned).await.map_err(|cause| failed(&cause))?;
    node.bus.publish(News::BansChanged { app: app.id.clone() }).await;
    if removed {
        node.audit.record(&app.id, caller, about(Act::new(Action::Unban), banned)).await;
    }
    Ok(removed)
}

fn about(act: Act, banned: &Banned) -> Act {
    match banned {
        Banned::Client(client) => act.client(client),
        Banned::Network(network) => act.detail("address", network.to_string()),
    }
}

fn refused(cause: &RuleError) -> Fault {
    match cause {
        RuleError::Store(cause) => failed(cause),
        RuleError::Full | RuleError::NoRoom | RuleError::NeedOwner => Fault::because(
            Code::BlacklistFull,
            format!("an app has at most {BANS} banned clients and {BANS} banned networks"),
        ),
    }
}

fn failed(cause: &StoreError) -> Fault {
    Refused::store(Code::InternalError, cause)
}
