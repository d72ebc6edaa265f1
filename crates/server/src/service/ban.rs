//! Bans from an app: whoever is banned is logged out everywhere and may not log in.

use grandstand_protocol::{Code, Fault};
use grandstand_room::ban::{BANS, Ban, Banned};

use super::{kick::kick, refusal::Refused};
use crate::{
    apps::App,
    cluster::News,
    moderation::banned,
    node::Node,
    store::{RuleError, StoreError},
};

/// Bans somebody. When this returns, no session is left of whom it is about, and none can be opened. Of a network's
/// clients all sessions end, from wherever they are connected; they may log in again from elsewhere.
pub(crate) async fn ban(node: &Node, app: &App, ban: Ban) -> Result<(), Fault> {
    let fault = banned(ban.reason.as_deref());
    node.store.ban(&app.id, ban.clone()).await.map_err(|cause| refused(&cause))?;
    node.bus.publish(News::BansChanged { app: app.id.clone() }).await;
    let clients = match ban.banned {
        Banned::Client(client) => vec![client],
        Banned::Network(network) => {
            let from_there = |address: std::net::IpAddr| network.contains(&address.to_canonical());
            node.router.app(&app.id).clients_where(|session| from_there(session.address))
        }
    };
    for client in clients {
        kick(node, &app.id, &client, fault.clone()).await?;
    }
    Ok(())
}

/// Ends a ban; `false` when there is none.
pub(crate) async fn unban(node: &Node, app: &App, banned: &Banned) -> Result<bool, Fault> {
    let removed = node.store.unban(&app.id, banned).await.map_err(|cause| failed(&cause))?;
    node.bus.publish(News::BansChanged { app: app.id.clone() }).await;
    Ok(removed)
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
