//! Requests that wait for an app's own servers may take longer than others.

use std::time::Duration;

use tokio::time::Instant;

use crate::{apps::App, gateway::handshake::Connection, node::Node};

/// As long as any request, and what so many hooks of the app may take, one after the other.
pub(super) fn for_hooks(node: &Node, app: &App, connection: &Connection, hooks: u32) {
    if let Some(settings) = &app.hooks {
        for_more(node, connection, settings.longest() * hooks);
    }
}

/// As long as any request, and so much more.
pub(super) fn for_more(node: &Node, connection: &Connection, more: Duration) {
    connection.be_patient_until(Instant::now() + node.config.limits.upgrade_timeout + more);
}
