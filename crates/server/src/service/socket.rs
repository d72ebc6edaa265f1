//! The sessions of one socket, and how they are spoken to.

use std::{net::IpAddr, sync::Arc};

use grandstand_protocol::{
    ClientId, Code, Command, Downlink, Event, Fault, Format, Level, Request, Subprotocol,
};
use grandstand_room::{session::SessionId, switches::Switches};

use super::{caller::Caller, departure};
use crate::{
    apps::App,
    gateway::{
        admission::Seat,
        outbox::{Ending, Outbox},
        receipts::Receipt,
    },
    node::Node,
    router::{AppRouter, Session, Style},
    store::Position,
};

/// What the commands of one socket share. Bound to an app by its first open.
pub struct Socket {
    node: Arc<Node>,
    pub(super) app: Option<Arc<App>>,
    pub(super) sessions: Vec<OpenSession>,
    /// The first client id ever opened here, and whether there was another.
    pub(super) first_client: Option<ClientId>,
    pub(super) several_clients: bool,
    /// Whether the only client may go without `peerId`, should it leave that out itself.
    pub(super) may_omit_peer: bool,
    pub(super) outbox: Arc<Outbox>,
    pub(super) style: Style,
    pub(super) origin: Option<String>,
    /// Where the client is, as told by a trusted proxy if there is one.
    pub(super) address: IpAddr,
    pub(super) seat: Seat,
}

/// An open session, and what only its own socket needs to know.
pub(super) struct OpenSession {
    pub(super) session: Arc<Session>,
    /// The level of messages that carry none.
    pub(super) default_level: Level,
    /// Whether messages may wait for its end.
    pub(super) may_hold_wills: bool,
}

impl Socket {
    /// A socket that speaks `subprotocol`, on which nobody is logged in yet.
    pub fn new(
        node: Arc<Node>,
        subprotocol: Subprotocol,
        outbox: Arc<Outbox>,
        origin: Option<String>,
        address: IpAddr,
        seat: Seat,
    ) -> Self {
        let Subprotocol { format, first_generation, .. } = subprotocol;
        Self {
            node,
            app: None,
            sessions: Vec::new(),
            first_client: None,
            several_clients: false,
            may_omit_peer: false,
            outbox,
            style: Style { format, first_generation },
            origin,
            address,
            seat,
        }
    }

    /// Whether anybody is logged in here.
    pub fn has_session(&self) -> bool {
        !self.sessions.is_empty()
    }

    pub fn format(&self) -> Format {
        self.style.format
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The app as it is now: a reload may have changed it, or removed it.
    pub(super) fn current_app(&self) -> Result<Arc<App>, Fault> {
        let known = self.app.as_ref().and_then(|app| self.node.apps.get(app.id.as_str()));
        known.ok_or_else(|| Code::AppNotAvailable.into())
    }

    /// The switches of the app as it is now.
    pub(super) fn switches(&self) -> Result<Switches, Fault> {
        Ok(self.current_app()?.switches.clone())
    }

    pub(super) fn router(&self) -> Arc<AppRouter> {
        self.node.router.app(&self.session(0).app)
    }

    /// The session a command is about: the named one, or the first opened.
    pub(super) fn session_for(&self, peer: Option<&str>) -> Option<usize> {
        match peer {
            Some(peer) => self.sessions.iter().position(|open| open.session.identity.client.as_str() == peer),
            None => (!self.sessions.is_empty()).then_some(0),
        }
    }

    /// The session at a place that [`Self::session_for`] gave.
    pub(super) fn session(&self, at: usize) -> &Arc<Session> {
        &self.sessions[at].session
    }

    /// The session at such a place, as whoever asks for an operation.
    pub(super) fn caller(&self, at: usize) -> Caller {
        Caller::session(self.session(at), self.address)
    }

    /// A client that leaves out `peerId` finds what comes without it, so that it can be written the same for all.
    ///
    /// That it announced so (bit 7) is not enough. JavaScript 5 gives such pushes to the first client the page ever
    /// made, and loses them when the user has logged out and in as another; Java loses them when the process has
    /// two clients, though only one is back yet. Both put `peerId` into their own commands then.
    pub(super) fn client_omits_peer(&self) {
        self.outbox.set_omits_peer(self.may_omit_peer);
    }

    /// Old .NET keeps a handler for each unanswered ack; others want no answer.
    pub(super) fn wants_ack_of_ack(&self) -> bool {
        self.style.format == Format::Json
    }

    /// Answers a request, if it has a serial.
    pub(super) fn reply(&self, request: &Request, at: usize, event: Event) {
        if request.serial.is_some() {
            self.say(request.serial, Some(self.session(at).identity.client.to_string()), event);
        }
    }

    /// Refuses a request: sends by `ack`, all else by `error`. Without a serial there is no answer, because an
    /// `error` without one fails a pending open in JavaScript and crashes the old JVM client.
    pub(super) fn refuse(&self, request: &Request, fault: Fault) {
        if request.serial.is_none() {
            return;
        }
        let about_message = matches!(request.command, Command::Send(_)) && !fault.is(Code::SessionRequired);
        let event = if about_message { Event::Refused { fault } } else { Event::Failed { fault } };
        self.say(request.serial, request.peer.clone(), event);
    }

    /// Writes one frame to this socket.
    pub(super) fn say(&self, serial: Option<i32>, peer: Option<String>, event: Event) {
        let peer =
            peer.or_else(|| self.sessions.first().map(|open| open.session.identity.client.to_string()));
        let downlink = Downlink { serial, peer, server_time: Some(self.node.clock.wall().0), event };
        self.outbox.push_downlink(self.style.format, &downlink);
    }

    /// A session of this socket was ended from elsewhere. True when the socket has nothing left to do: its only login
    /// was taken over by another socket.
    pub fn session_ended(&mut self, session: SessionId, ending: Ending) -> bool {
        let here = |open: &OpenSession| open.session.identity.session == session;
        let gone = |open: &OpenSession| !self.node.router.app(&open.session.app).is_open(&open.session);
        let Some(at) = self.sessions.iter().position(|open| here(open) && gone(open)) else { return false };
        let ended = self.sessions.remove(at);
        if ending == Ending::Conflict {
            let detail = "the same client id and tag was opened on another device";
            let fault = Some(Fault::because(Code::SessionConflict, detail));
            self.say(None, Some(ended.session.identity.client.to_string()), Event::Closed { fault });
        }
        if self.sessions.is_empty() {
            self.seat.session_lost();
        }
        ending == Ending::TakenOver && self.sessions.is_empty()
    }

    /// The client answered a ping: what was written before it has arrived.
    pub fn confirm(&self, receipt: Receipt) {
        let found = self.sessions.iter().find(|open| open.session.identity.session == receipt.member);
        if let Some(open) = found {
            let Receipt { member: session, epoch, number } = receipt;
            open.session.confirm(epoch, number);
            let app = open.session.app.clone();
            self.node.positions.note(Position { app, session, epoch, number });
        }
    }

    /// The socket is gone, closed by this server with `code` or not: its sessions may return.
    pub async fn disconnect(&mut self, code: Option<u16>) {
        for open in std::mem::take(&mut self.sessions) {
            departure::drop_session(&self.node, &open.session, open.may_hold_wills, code).await;
        }
    }
}
