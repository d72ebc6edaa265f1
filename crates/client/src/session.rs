//! Opening a session: find the server, connect, log in, fall back from a token that has ended.

use std::{sync::Arc, time::Duration};

use grandstand_protocol::{ClientId, Code, Command, Event as Answer, Format, Open, Request, Token};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    Dial, Lost, OpenError,
    address::Address,
    discovery::{self, Route},
    link::{Link, Received},
};

/// Capabilities: understands patches (bit 0), acks of transient messages (3), partial failures (5), and may leave
/// out `peerId` (7), so that the server can share frames between members.
const CONFIG: i64 = 0xA9;

const USER_AGENT: &str = concat!("rust/", env!("CARGO_PKG_VERSION"));

/// What the application chose; never changes.
pub(crate) struct Settings {
    pub(crate) server: Address,
    pub(crate) app: String,
    pub(crate) client: ClientId,
    pub(crate) tag: Option<String>,
    pub(crate) device: String,
    pub(crate) format: Format,
    pub(crate) request_timeout: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) pauses: (Duration, Duration),
    pub(crate) event_queue: usize,
    pub(crate) dial: Arc<dyn Dial>,
}

/// What one login has to remember from connection to connection.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    /// The session token; empty when there is none. The handle looks at it.
    token: watch::Sender<String>,
    /// Time of the last patch seen, ms of the server's clock: later ones are replayed at the next open.
    last_patch: Option<i64>,
    route: Option<(Route, Instant)>,
    serial: i32,
}

impl Session {
    pub(crate) fn new(settings: Settings, token: watch::Sender<String>) -> Self {
        Self { settings, token, last_patch: None, route: None, serial: 0 }
    }

    /// One attempt, within the request timeout. `reopen` is an automatic login, which pushes nobody out.
    pub(crate) async fn open(&mut self, reopen: bool) -> Result<Link, OpenError> {
        let within = self.settings.request_timeout;
        let opened = timeout(within, self.attempt(reopen)).await.unwrap_or(Err(OpenError::TimedOut));
        if opened.is_err() {
            self.forget_route();
        }
        opened
    }

    /// The router is asked again at the next open.
    pub(crate) fn forget_route(&mut self) {
        self.route = None;
    }

    /// A number for the next request: 1, 2, 3 …
    pub(crate) fn next_serial(&mut self) -> i32 {
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        self.serial
    }

    /// To be told the time of each patch.
    pub(crate) fn patched(&mut self, at: i64) {
        self.last_patch = self.last_patch.max(Some(at));
    }

    async fn attempt(&mut self, reopen: bool) -> Result<Link, OpenError> {
        let address = self.address().await?;
        let mut link = Link::connect(&*self.settings.dial, &address, self.settings.format).await?;
        loop {
            let request = self.login(reopen);
            link.send(&request).map_err(OpenError::Lost)?;
            match self.answer(&mut link, request.serial).await? {
                Ok(token) => {
                    self.token.send_replace(token.text);
                    return Ok(link);
                }
                // An expired or revoked token: log in without it, once.
                Err(fault) if fault.is(Code::SessionTokenExpired) && !self.token.borrow().is_empty() => {
                    self.token.send_replace(String::new());
                }
                Err(fault) => return Err(OpenError::Refused(fault)),
            }
        }
    }

    async fn address(&mut self) -> Result<Address, OpenError> {
        let settings = &self.settings;
        if !settings.server.needs_discovery {
            return Ok(settings.server.clone());
        }
        if let Some((route, until)) = &self.route
            && Instant::now() < *until
        {
            return Ok(route.address.clone());
        }
        let route = discovery::route(&*settings.dial, &settings.server, &settings.app).await?;
        let address = route.address.clone();
        let until = Instant::now() + route.ttl;
        self.route = Some((route, until));
        Ok(address)
    }

    fn login(&mut self, reopen: bool) -> Request {
        let token = self.token.borrow().clone();
        let serial = self.next_serial();
        let open = Open {
            user_agent: Some(USER_AGENT.to_owned()),
            reopen,
            tag: self.settings.tag.clone(),
            device_id: Some(self.settings.device.clone()),
            token: (!token.is_empty()).then_some(token),
            config: Some(CONFIG),
            last_patch: self.last_patch,
            ..Open::default()
        };
        Request {
            app: Some(self.settings.app.clone()),
            peer: Some(self.settings.client.as_str().to_owned()),
            serial: Some(serial),
            command: Command::Open(Box::new(open)),
        }
    }

    /// Waits for the answer to the login; nothing else is for this session before it.
    async fn answer(
        &mut self,
        link: &mut Link,
        serial: Option<i32>,
    ) -> Result<Result<Token, grandstand_protocol::Fault>, OpenError> {
        loop {
            let Received::Event(said) = link.receive(true).await.map_err(OpenError::Lost)? else { continue };
            match said.event {
                Answer::GoAway => return Err(OpenError::Lost(Lost::GoAway)),
                _ if said.serial != serial => {}
                Answer::Opened { token } => {
                    self.last_patch = self.last_patch.or(said.server_time);
                    return Ok(Ok(token));
                }
                Answer::Failed { fault } | Answer::Closed { fault: Some(fault) } => return Ok(Err(fault)),
                other => return Err(OpenError::Lost(Lost::Failed(format!("unexpected answer: {other:?}")))),
            }
        }
    }
}
