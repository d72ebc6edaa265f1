//! The actor behind a handle: owns the connection, and comes back when it is lost.

mod pending;

use grandstand_protocol::{Downlink, Event as Answer, Request};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Map, Value};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

pub(crate) use self::pending::Call;
use self::pending::Pending;
use crate::{
    CloseReason, Event, Lost, RequestError, RoomUpdate,
    backoff::Backoff,
    event::EventQueue,
    link::{Link, Received},
    recent::Recent,
    session::Session,
};

/// Requests without an answer, at most: a server that is asked too much at once stops reading.
const IN_FLIGHT: usize = 64;

pub(crate) struct Actor {
    session: Session,
    calls: mpsc::Receiver<Call>,
    events: EventQueue,
    pending: Pending,
    recent: Recent,
    backoff: Backoff,
    rng: StdRng,
    /// When something was last heard on this connection, or could not have been.
    heard: Instant,
    next_ping: Instant,
    /// The call that ended the session; answered last.
    closed: Option<Call>,
}

/// One thing to react to.
enum Input {
    Call(Call),
    HandlesGone,
    Received(Result<Received, Lost>),
    EventsTaken,
    Tick,
}

/// How a connection ended.
enum End {
    Lost(Lost),
    Final(CloseReason),
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        lost.final_reason().map_or(Self::Lost(lost), Self::Final)
    }
}

impl Actor {
    pub(crate) fn new(session: Session, calls: mpsc::Receiver<Call>, events: EventQueue) -> Self {
        let (floor, ceiling) = session.settings.pauses;
        let now = Instant::now();
        Self {
            session,
            calls,
            events,
            pending: Pending::default(),
            recent: Recent::default(),
            backoff: Backoff::new(floor, ceiling),
            rng: StdRng::from_rng(&mut rand::rng()),
            heard: now,
            next_ping: now,
            closed: None,
        }
    }

    /// Serves connection after connection, the given one first, until the session ends.
    pub(crate) async fn run(mut self, mut link: Link) {
        let reason = loop {
            let since = Instant::now();
            let lost = match self.serve(&mut link).await {
                End::Final(reason) => break reason,
                End::Lost(lost) => lost,
            };
            drop(link);
            self.backoff.lived(since.elapsed());
            link = match self.reconnect(lost).await {
                Ok(link) => link,
                Err(reason) => break reason,
            };
        };
        tracing::debug!(%reason, "session ended");
        // Callers learn that it is over even if the application does not take its last events.
        drop((self.calls, self.pending));
        self.events.push(Event::Closed(reason));
        if let Some(call) = self.closed {
            // After this the last handle may go, and this task with it.
            call.reply.send(Ok(Answer::Closed { fault: None })).ok();
        }
        self.events.flush().await;
    }

    async fn reconnect(&mut self, lost: Lost) -> Result<Link, CloseReason> {
        tracing::debug!(%lost, "connection lost");
        let since = Instant::now();
        self.pending.connection_lost(since);
        if lost == Lost::GoAway {
            self.session.forget_route();
        }
        self.events.push(Event::Disconnected(lost));
        loop {
            sleep(self.backoff.next(&mut self.rng)).await;
            match self.session.open(true).await {
                Ok(link) => {
                    self.events.push(Event::Connected { away: since.elapsed() });
                    return Ok(link);
                }
                Err(error) => match error.final_reason() {
                    Some(reason) => return Err(reason),
                    None => tracing::debug!(%error, "failed to reconnect"),
                },
            }
        }
    }

    async fn serve(&mut self, link: &mut Link) -> End {
        self.heard = Instant::now();
        self.next_ping = self.heard + self.session.settings.heartbeat;
        loop {
            let input = self.next_input(link).await;
            if let Err(end) = self.apply(input, link) {
                if matches!(end, End::Final(CloseReason::Ordered)) {
                    link.close().await;
                }
                return end;
            }
        }
    }

    async fn next_input(&mut self, link: &mut Link) -> Input {
        let writable = !link.is_writing() && self.pending.len() < IN_FLIGHT;
        if writable && let Some(call) = self.pending.next_again(Instant::now()) {
            return Input::Call(call);
        }
        let answer_awaited = self.pending.len() > 0;
        let readable = self.events.has_room(answer_awaited);
        if !readable {
            // Not silence of the server: nobody listened.
            self.heard = Instant::now();
        }
        let wake = self.wake_at();
        tokio::select! {
            call = self.calls.recv(), if writable => call.map_or(Input::HandlesGone, Input::Call),
            received = link.receive(readable) => Input::Received(received),
            () = self.events.wait_room(answer_awaited), if !readable => Input::EventsTaken,
            () = sleep_until(wake) => Input::Tick,
        }
    }

    fn apply(&mut self, input: Input, link: &mut Link) -> Result<(), End> {
        match input {
            Input::Call(call) => self.transmit(call, link)?,
            // Unusual: the last handle takes this task with it.
            Input::HandlesGone => return Err(End::Final(CloseReason::Ordered)),
            Input::Received(Ok(Received::Flushed)) | Input::EventsTaken => {}
            Input::Received(Ok(Received::Alive)) => self.heard = Instant::now(),
            Input::Received(Ok(Received::Event(said))) => {
                self.heard = Instant::now();
                return self.on_event(said);
            }
            Input::Received(Err(lost)) => return Err(lost.into()),
            Input::Tick => self.tick(link)?,
        }
        Ok(())
    }

    fn transmit(&mut self, call: Call, link: &mut Link) -> Result<(), Lost> {
        if call.expired(Instant::now()) {
            return Ok(());
        }
        let serial = self.session.next_serial();
        let request = Request { app: None, peer: None, serial: Some(serial), command: call.command.clone() };
        self.pending.sent(serial, call);
        link.send(&request)
    }

    fn tick(&mut self, link: &mut Link) -> Result<(), Lost> {
        let now = Instant::now();
        self.pending.expire(now);
        if now >= self.dead_at() {
            return Err(Lost::Silent);
        }
        if now >= self.next_ping {
            self.next_ping = now + self.session.settings.heartbeat;
            link.ping()?;
        }
        Ok(())
    }

    fn wake_at(&self) -> Instant {
        let wake = self.next_ping.min(self.dead_at());
        self.pending.next_deadline().map_or(wake, |deadline| deadline.min(wake))
    }

    fn dead_at(&self) -> Instant {
        self.heard + 2 * self.session.settings.heartbeat
    }

    fn on_event(&mut self, said: Downlink) -> Result<(), End> {
        match (said.serial, said.event) {
            (Some(serial), answer) => return self.on_answer(serial, answer),
            (None, Answer::Message(message)) => {
                if self.recent.is_new(&message) {
                    self.events.push(Event::Message(message));
                }
            }
            (None, Answer::Patched(patch)) => {
                self.session.patched(patch.patched_at);
                self.events.push(Event::Patched(patch));
            }
            (None, Answer::RoomUpdated { room, by, updated_at, change }) => {
                let (Some(set), Some(resulting)) = (object(&change.set), object(&change.resulting)) else {
                    tracing::debug!(%room, "skipped a room update that is no JSON object");
                    return Ok(());
                };
                let update = RoomUpdate { room, by, updated_at, set, resulting };
                self.events.push(Event::RoomUpdated(Box::new(update)));
            }
            (None, Answer::Closed { fault: Some(fault) }) => {
                return Err(End::Final(CloseReason::Ended(fault)));
            }
            (None, Answer::GoAway) => return Err(End::Lost(Lost::GoAway)),
            (None, other) => tracing::debug!(?other, "skipped an event"),
        }
        Ok(())
    }

    fn on_answer(&mut self, serial: i32, answer: Answer) -> Result<(), End> {
        let call = self.pending.answered(serial);
        if let Answer::Accepted { message, .. } = &answer {
            self.recent.own(message);
        }
        let result = match answer {
            Answer::Closed { fault: None } => {
                self.closed = call;
                return Err(End::Final(CloseReason::Ordered));
            }
            Answer::Failed { fault } | Answer::Refused { fault } => Err(RequestError::Refused(fault)),
            other => Ok(other),
        };
        if let Some(call) = call {
            // The caller may have gone in this moment: nobody to tell.
            call.reply.send(result).ok();
        }
        Ok(())
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}
