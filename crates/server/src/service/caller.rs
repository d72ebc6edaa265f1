//! Who asks for an operation: a client by its session, or the app's back end.

use std::{net::IpAddr, sync::Arc};

use grandstand_protocol::{ClientId, Fault};
use grandstand_room::session::SessionId;

use super::refusal::Refused;
use crate::{node::Node, router::Session};

/// Who acts, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) kind: CallerKind,
    /// As a trusted proxy tells it, if there is one; `None` for what this server does by itself.
    pub(crate) address: Option<IpAddr>,
}

/// Who acts.
#[derive(Debug, Clone)]
pub(crate) enum CallerKind {
    Session(Arc<Session>),
    /// Whoever has the master key: may do everything in its app.
    BackEnd,
}

impl Caller {
    /// A client, by one of its sessions.
    pub(crate) fn session(session: &Arc<Session>, address: IpAddr) -> Self {
        Self { kind: CallerKind::Session(Arc::clone(session)), address: Some(address) }
    }

    /// The app's back end, at this address.
    pub(crate) fn back_end(address: IpAddr) -> Self {
        Self { kind: CallerKind::BackEnd, address: Some(address) }
    }

    /// The session, when a client acts.
    pub(crate) fn as_session(&self) -> Option<&Arc<Session>> {
        match &self.kind {
            CallerKind::Session(session) => Some(session),
            CallerKind::BackEnd => None,
        }
    }

    /// Whether whoever acts is still somebody here: 4105 for a session that has ended, which its socket may not know yet.
    pub(crate) fn still_there(&self, node: &Node) -> Result<(), Fault> {
        match self.as_session() {
            Some(session) if !node.router.app(&session.app).is_open(session) => Err(Refused::no_session()),
            Some(_) | None => Ok(()),
        }
    }

    /// The client id, when a client acts.
    pub(crate) fn client(&self) -> Option<&ClientId> {
        self.as_session().map(|session| &session.identity.client)
    }

    /// The id of the session, when a client acts.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.as_session().map(|session| session.identity.session)
    }
}
