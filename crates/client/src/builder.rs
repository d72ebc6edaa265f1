//! What an application chooses before it opens a session.

use std::{sync::Arc, time::Duration};

use grandstand_protocol::{ClientId, Format};
use rustls::ClientConfig;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    BuildError, Client, Dial, Events, OpenError,
    actor::Actor,
    address::Address,
    dial::TcpDial,
    event::EventQueue,
    session::{Session, Settings},
};

/// Calls that wait for the actor; further callers wait for a place.
const CALLS: usize = 256;

/// Longer times are taken as this; added to the clock, `Duration::MAX` would overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Shorter settings are taken as these: zero would be a loop without rest.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Settings of a session. Times are at most a day. Made by [`Client::builder`].
#[must_use]
pub struct ClientBuilder {
    server: String,
    app: String,
    client: String,
    tag: Option<String>,
    device: Option<String>,
    token: Option<String>,
    format: Format,
    request_timeout: Duration,
    heartbeat: Duration,
    pauses: (Duration, Duration),
    event_queue: usize,
    tls: Option<Arc<ClientConfig>>,
    dial: Option<Arc<dyn Dial>>,
}

impl ClientBuilder {
    pub(crate) fn new(server: &str, app: &str, client: &str) -> Self {
        Self {
            server: server.to_owned(),
            app: app.to_owned(),
            client: client.to_owned(),
            tag: None,
            device: None,
            token: None,
            format: Format::Binary,
            request_timeout: Duration::from_secs(20),
            heartbeat: Duration::from_secs(60),
            pauses: (Duration::from_secs(1), Duration::from_secs(30)),
            event_queue: 1024,
            tls: None,
            dial: None,
        }
    }

    /// Login tag: of one client id and tag only one device may be online; the newest login ends the others (4111).
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// Identity of the device, by which a login without a token is recognised. By default a random one.
    pub fn device_id(mut self, device: &str) -> Self {
        self.device = Some(device.to_owned());
        self
    }

    /// Resumes the session behind a [`Client::token`], of an earlier run of the application for instance: the room
    /// it was in, and the HIGH messages it missed. A token that has ended falls back to a login without.
    pub fn resume(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// How frames are written. Binary by default; the others are for networks that pass only text.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// How long a request, and each attempt to connect, may take: 20 s by default.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// A ping is sent this often (60 s by default), and a connection on which nothing is heard for twice as long is
    /// dropped. At least a second. The server drops a connection that is silent for 400 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// Pauses between attempts to reconnect: the first one up to `floor`, then doubled up to `ceiling`, each with
    /// jitter. 1 s and 30 s by default; at least 10 ms.
    pub fn pauses(mut self, floor: Duration, ceiling: Duration) -> Self {
        self.pauses = (floor, ceiling);
        self
    }

    /// Events that may wait for the application: 1,024 by default, at least 1.
    ///
    /// When they are full, the client stops reading from its socket until one is taken. The server sees a member
    /// that lags: it leaves out LOW messages first, then NORMAL ones, and holds HIGH. While a request waits for its
    /// answer, which stands behind those events, three times as many again are taken in, so that an application may
    /// send from the loop that takes the events.
    pub fn event_queue(mut self, events: usize) -> Self {
        self.event_queue = events.max(1);
        self
    }

    /// TLS settings, for servers whose certificate comes from an authority of one's own. By default the
    /// authorities that browsers trust.
    pub fn tls(mut self, tls: Arc<ClientConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Makes connections in another way than TCP and TLS.
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// Connects and logs in, once: it is for the application to say whether to try again. From then on the client
    /// comes back by itself.
    ///
    /// Must be called within a Tokio runtime with time and I/O, on which the session lives.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::final_reason`] tells whether trying again may help.
    pub async fn open(mut self) -> Result<(Client, Events), OpenError> {
        let token = self.token.take();
        let reopen = token.is_some();
        let (known, shown) = watch::channel(token.unwrap_or_default());
        let settings = self.settings()?;
        let (id, timeout, queue) = (settings.client.clone(), settings.request_timeout, settings.event_queue);
        let mut session = Session::new(settings, known);
        let link = session.open(reopen).await?;

        let (calls, waiting) = mpsc::channel(CALLS);
        let (sender, events) = EventQueue::new(queue);
        let mut task = JoinSet::new();
        task.spawn(Actor::new(session, waiting, sender).run(link));
        Ok((Client::new(id, calls, timeout, shown, task), events))
    }

    fn settings(self) -> Result<Settings, BuildError> {
        Ok(Settings {
            server: Address::parse(&self.server)?,
            app: self.app,
            client: ClientId::new(&self.client).map_err(|_| BuildError::ClientId)?,
            tag: self.tag,
            device: self.device.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())),
            format: self.format,
            request_timeout: self.request_timeout.min(LONGEST),
            heartbeat: self.heartbeat.clamp(SHORTEST_HEARTBEAT, LONGEST),
            pauses: (self.pauses.0.clamp(SHORTEST_PAUSE, LONGEST), self.pauses.1.min(LONGEST)),
            event_queue: self.event_queue,
            dial: self.dial.unwrap_or_else(|| Arc::new(TcpDial(self.tls))),
        })
    }
}
