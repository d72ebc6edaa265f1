//! The rates of a client: how many commands of a kind in a minute.

use grandstand_protocol::{ClientId, Fault};
use grandstand_room::rates::Kind;

use super::refusal::Refused;
use crate::{apps::App, moderation::count_refusal, node::Node};

/// Counts a command of a client, unless the operator or the app lifted the limits for it. Over reconnects, and for all
/// sessions of the client id together.
pub(super) fn within_rate(node: &Node, app: &App, client: &ClientId, kind: Kind) -> Result<(), Fault> {
    let Some(server) = node.config.client_limits.filter(|_| app.switches.client_limits) else {
        return Ok(());
    };
    let Some(limits) = app.limits.of(client, &server) else { return Ok(()) };
    let allowed = node.router.app(&app.id).allow(client, kind, &limits, node.uptime());
    allowed.map_err(|wait| {
        count_refusal(&app.id, cause(kind));
        Refused::too_fast(wait.0, node.clock.wall())
    })
}

fn cause(kind: Kind) -> &'static str {
    match kind {
        Kind::Send => "send-limit",
        Kind::History => "history-limit",
        _ => "other-limit",
    }
}
