//! Two members that talk without a pause: they notice when anything is lost, doubled, or late.

use std::time::{Duration, Instant};

use grandstand_protocol::{Level, RoomId};

use crate::{guest::Guest, process, server::Server};

/// Two members of one room. What one says, the other must hear next.
pub(crate) struct Pair {
    speaker: Guest,
    listener: Guest,
    pub(crate) room: RoomId,
    said: usize,
}

/// What became of some rounds.
#[derive(Default)]
pub(crate) struct Account {
    /// How long each message took from being said to being heard.
    pub(crate) latencies: Vec<Duration>,
    /// The most memory that the process held, in bytes.
    pub(crate) peak: usize,
}

impl Pair {
    pub(crate) async fn meet(server: &Server) -> Self {
        let (mut speaker, _) = Guest::log_in(server.address, "speaker").await;
        let room = speaker.create().await;
        let (mut listener, _) = Guest::log_in(server.address, "listener").await;
        listener.join(&room).await;
        Self { speaker, listener, room, said: 0 }
    }

    pub(crate) async fn talk(&mut self, rounds: usize) -> Account {
        let mut account = Account::default();
        for _ in 0..rounds {
            self.round(&mut account).await;
        }
        account
    }

    /// One message, stored and delivered; then they change places.
    pub(crate) async fn round(&mut self, account: &mut Account) {
        self.said += 1;
        let text = format!("message {}", self.said);
        let begin = Instant::now();
        self.speaker.say(&self.room, Level::Normal, &text).await;
        assert_eq!(self.listener.hear_until(&text).await, [text], "nothing lost, nothing twice");
        account.latencies.push(begin.elapsed());
        account.peak = account.peak.max(process::memory());
        std::mem::swap(&mut self.speaker, &mut self.listener);
    }

    /// How many the server counts in the room.
    pub(crate) async fn count(&mut self) -> i32 {
        self.speaker.count(&self.room).await
    }
}

impl Account {
    pub(crate) fn p99(&self) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort();
        sorted[(sorted.len() * 99).div_ceil(100) - 1]
    }
}
