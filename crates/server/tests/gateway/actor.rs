//! A client that does this and that by chance, and keeps a ledger of what it got.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use grandstand_protocol::{
    Body, Command, Downlink, Event, Format, Level, Mentions, MessageId, Open, PatchRequest, RoomId,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    guest::{Guest, message},
    raw::Raw,
    server::Server,
};

/// How often each message came.
pub(crate) type Ledger = HashMap<MessageId, u32>;

/// All messages that were acknowledged, for whoever wants to ask.
pub(crate) type Sent = Arc<Mutex<Vec<MessageId>>>;

/// What all actors do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Anything.
    Play,
    /// Nobody sends any more: they say when all that they sent is answered, and read.
    Read,
    /// They make sure that they have everything that was written to them, and end.
    End,
}

/// Who it is and how it behaves.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) client: String,
    /// Sessions of one client id differ by it.
    pub(crate) device: String,
    pub(crate) room: RoomId,
    /// Its kernel holds next to nothing, and it often stops reading.
    pub(crate) is_slow: bool,
    /// It loses its connection at times, and may return.
    pub(crate) is_cut: bool,
    /// It only reads.
    pub(crate) is_quiet: bool,
}

pub(crate) struct Actor {
    role: Role,
    server: Arc<Server>,
    sent: Sent,
    dice: StdRng,
    guest: Guest,
    token: Option<String>,
    ledger: Ledger,
    /// Connections that ended otherwise than by `Scene::End`.
    cuts: u32,
    /// Serials of stored messages that it sent.
    stored: HashSet<i32>,
    /// These messages, for edits and recalls.
    own: Vec<PatchRequest>,
}

impl Actor {
    pub(crate) async fn enter(role: Role, server: Arc<Server>, sent: Sent, seed: u64) -> Self {
        let guest = connect(&server, &role).await;
        let dice = StdRng::seed_from_u64(seed);
        let (ledger, stored, own) = (Ledger::new(), HashSet::new(), Vec::new());
        let mut actor = Self { role, server, sent, dice, guest, token: None, ledger, cuts: 0, stored, own };
        assert!(actor.log_in().await && actor.join().await, "{} is in the room", actor.role.client);
        actor
    }

    /// Plays its part until the end; returns what it got and how often it was cut off.
    pub(crate) async fn play(
        mut self,
        scene: watch::Receiver<Scene>,
        quiet: Arc<Semaphore>,
    ) -> (Ledger, u32) {
        while *scene.borrow() == Scene::Play {
            self.act().await;
        }
        while !self.is_answered().await {
            self.come_back().await;
        }
        quiet.add_permits(1);
        while *scene.borrow() == Scene::Read {
            self.read_for(Duration::from_millis(20)).await;
        }
        // The answer comes behind everything that was written before.
        assert!(self.is_answered().await, "{} is still connected", self.role.client);
        (self.ledger, self.cuts)
    }

    /// Whether a command is answered; those before it are, too, then.
    async fn is_answered(&mut self) -> bool {
        self.ask(Command::Count { room: self.role.room.clone() }).await.is_some()
    }

    async fn act(&mut self) {
        let drawn = if self.role.is_quiet { 0 } else { self.dice.random_range(0..100) };
        match drawn {
            0..50 => {
                let time = Duration::from_millis(self.dice.random_range(5..40));
                self.read_for(time).await;
            }
            50..65 => {
                let longest = if self.role.is_slow { 600 } else { 60 };
                sleep(Duration::from_millis(self.dice.random_range(0..longest))).await;
            }
            65..85 => self.send_some().await,
            85..94 => self.modify_some().await,
            94..97 => {
                let (room, members) = (self.role.room.clone(), vec![self.role.client.clone()]);
                if self.ask(Command::Quit { room, members, signature: None }).await.is_some() {
                    self.join().await;
                }
            }
            _ if self.role.is_cut => self.come_back().await,
            _ => {}
        }
    }

    /// Whatever comes within this time; a connection that the server closed is made anew.
    async fn read_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(told) = timeout_at(end, self.guest.read()).await {
            match told {
                Some(told) => self.note(told),
                None => return self.come_back().await,
            }
        }
    }

    /// Without waiting for answers: what is sent in one go meets in one write to the others.
    async fn send_some(&mut self) {
        let (level, size) = (self.level(), self.dice.random_range(50..1500));
        for number in 0..self.dice.random_range(1..50) {
            let level = if number % 7 == 0 { self.level() } else { level };
            let mut send = message(&self.role.room, level, &"x".repeat(size));
            send.transient = self.dice.random_bool(0.6);
            let is_stored = !send.transient;
            let serial = self.guest.send(Command::Send(Box::new(send))).await;
            if is_stored {
                self.stored.insert(serial);
            }
        }
    }

    /// The newest ones, one of them sent just now: some members still wait for it.
    async fn modify_some(&mut self) {
        let send = message(&self.role.room, Level::High, "to be changed");
        if let Some(Event::Accepted { message, timestamp }) = self.ask(Command::Send(Box::new(send))).await {
            self.sent.lock().unwrap().push(message.clone());
            self.may_modify(message, timestamp);
        }
        for mut patch in self.own.split_off(self.own.len().saturating_sub(5)) {
            patch.recall = self.dice.random_bool(0.5);
            patch.body = (!patch.recall).then(|| Body::Text("edited".to_owned()));
            self.guest.send(Command::Modify { patches: vec![patch] }).await;
        }
    }

    fn level(&mut self) -> Level {
        [Level::High, Level::Normal, Level::Normal, Level::Low, Level::Low][self.dice.random_range(0..5)]
    }

    /// Cuts the connection and returns, or enters anew.
    async fn come_back(&mut self) {
        assert!(self.role.is_cut, "{} lost its connection", self.role.client);
        loop {
            self.cuts += 1;
            // A new socket while the server still believes in the old one, or later.
            let next = connect(&self.server, &self.role).await;
            if self.dice.random_bool(0.5) {
                self.guest = next;
            } else {
                let former = std::mem::replace(&mut self.guest, next);
                drop(former);
                sleep(Duration::from_millis(self.dice.random_range(0..50))).await;
            }
            if self.dice.random_bool(0.3) {
                self.token = None;
            }
            if self.log_in().await && self.join().await {
                return;
            }
        }
    }

    async fn log_in(&mut self) -> bool {
        let (token, device_id) = (self.token.clone(), Some(self.role.device.clone()));
        let open = Open { reopen: token.is_some(), token, device_id, ..Open::default() };
        let Some(Event::Opened { token }) = self.ask(Command::Open(Box::new(open))).await else {
            return false;
        };
        self.token = Some(token.text);
        true
    }

    async fn join(&mut self) -> bool {
        let (room, members) = (self.role.room.clone(), vec![self.role.client.clone()]);
        matches!(self.ask(Command::Join { room, members, signature: None }).await, Some(Event::Added { .. }))
    }

    /// The answer; `None` when the connection ended before it.
    async fn ask(&mut self, command: Command) -> Option<Event> {
        let serial = self.guest.send(command).await;
        loop {
            let told = self.guest.read().await?;
            if told.serial == Some(serial) {
                return Some(told.event);
            }
            self.note(told);
        }
    }

    fn note(&mut self, told: Downlink) {
        match told.event {
            Event::Message(push) => *self.ledger.entry(push.message).or_default() += 1,
            Event::Accepted { message, timestamp } => {
                self.sent.lock().unwrap().push(message.clone());
                if told.serial.is_some_and(|serial| self.stored.remove(&serial)) {
                    self.may_modify(message, timestamp);
                }
            }
            _ => {}
        }
    }

    fn may_modify(&mut self, message: MessageId, timestamp: i64) {
        let (room, mentions) = (self.role.room.clone(), Mentions::default());
        self.own.push(PatchRequest { room, message, timestamp, recall: false, body: None, mentions });
    }
}

async fn connect(server: &Server, role: &Role) -> Guest {
    let raw = if role.is_slow {
        Raw::connect_narrow(server.address, "lc.protobuf2.3").await
    } else {
        Raw::connect(server.address, "lc.protobuf2.3").await
    };
    Guest::over(raw, &role.client, Format::Binary)
}
