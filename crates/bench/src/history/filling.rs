//! Fills a room with messages, over the protocol, unless an earlier run has done so.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};
use grandstand_protocol::{Body, Command, Event, Mentions, RoomId, Send};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{members, options::HistoryOptions, socket::Socket, target::Target};

/// Messages of each sender that wait for their ack.
const IN_FLIGHT: usize = 4;

/// A room with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filled {
    pub(super) room: String,
    pub(super) messages: u64,
    /// Times of the first and the last message, ms.
    pub(super) from: i64,
    pub(super) to: i64,
}

/// What the senders have still to send, and when what they sent was accepted.
struct Work {
    left: u64,
    from: i64,
    to: i64,
}

/// Brings the room to as many messages as are asked for.
pub(super) async fn fill(target: &Target, options: &HistoryOptions) -> Result<Filled> {
    let note = options.target.keep.as_ref().map(|folder| folder.join("bench-history.json"));
    let known = note.as_ref().and_then(|note| fs::read_to_string(note).ok());
    let known: Option<Filled> = known.map(|text| serde_json::from_str(&text)).transpose()?;
    let filled = match known {
        Some(filled) => filled,
        None => empty(target).await?,
    };
    if filled.messages >= options.messages {
        return Ok(filled);
    }
    let filled = send_all(target, options, filled).await?;
    save(note, &filled)?;
    Ok(filled)
}

async fn empty(target: &Target) -> Result<Filled> {
    let (_maker, room) = members::make_room(&target.endpoint, "bench history").await?;
    Ok(Filled { room: room.as_str().to_owned(), messages: 0, from: i64::MAX, to: i64::MIN })
}

fn save(note: Option<PathBuf>, filled: &Filled) -> Result<()> {
    let Some(note) = note else { return Ok(()) };
    let text = serde_json::to_string(filled)?;
    fs::write(&note, text).with_context(|| format!("failed to write {}", note.display()))
}

async fn send_all(target: &Target, options: &HistoryOptions, filled: Filled) -> Result<Filled> {
    let missing = options.messages - filled.messages;
    let progress = ProgressBar::new(missing);
    progress
        .set_style(crate::report::bar("filling {wide_bar} {human_pos}/{human_len}, {per_sec}, {eta} left"));
    let work = Arc::new(Mutex::new(Work { left: missing, from: filled.from, to: filled.to }));
    let mut senders = JoinSet::new();
    for socket in super::connect(&target.endpoint, options.senders, "filler").await? {
        let message = message(&filled.room, options.size);
        senders.spawn(send(socket, message, Arc::clone(&work), progress.clone()));
    }
    while let Some(ended) = senders.join_next().await {
        ended.context("a sender failed")??;
    }
    progress.finish_and_clear();
    let work = work.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Filled { messages: options.messages, from: work.from, to: work.to, ..filled })
}

fn message(room: &str, size: u32) -> Send {
    Send {
        room: RoomId::from(room),
        body: Body::Text("x".repeat(size.try_into().unwrap_or(usize::MAX))),
        level: None,
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    }
}

/// Sends until nothing is left; answers come in the order of the messages.
async fn send(
    mut socket: Socket,
    message: Send,
    work: Arc<Mutex<Work>>,
    progress: ProgressBar,
) -> Result<()> {
    let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
    loop {
        while waiting.len() < IN_FLIGHT && work.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waiting.push_back(socket.send(Command::Send(Box::new(message.clone()))).await?);
        }
        socket.flush().await?;
        let Some(serial) = waiting.pop_front() else { return Ok(()) };
        let said = socket.next().await?;
        match said.event {
            Event::Accepted { timestamp, .. } if said.serial == Some(serial) => {
                work.lock().unwrap_or_else(PoisonError::into_inner).accepted(timestamp);
                progress.inc(1);
            }
            other => bail!("the server answered a message with {other:?}"),
        }
    }
}

impl Work {
    fn take(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left -= u64::from(is_left);
        is_left
    }

    fn accepted(&mut self, timestamp: i64) {
        self.from = self.from.min(timestamp);
        self.to = self.to.max(timestamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_taken_once_and_times_are_kept() {
        let mut work = Work { left: 2, from: i64::MAX, to: i64::MIN };
        assert_eq!([work.take(), work.take(), work.take()], [true, true, false]);
        for timestamp in [7, 5, 6] {
            work.accepted(timestamp);
        }
        assert_eq!((work.from, work.to), (5, 7));
    }

    #[test]
    fn what_was_filled_is_known_to_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("note.json");
        let filled = Filled { room: "r".to_owned(), messages: 9, from: 1, to: 2 };
        save(Some(note.clone()), &filled).unwrap();
        let read: Filled = serde_json::from_str(&fs::read_to_string(note).unwrap()).unwrap();
        assert_eq!(read, filled);
        save(None, &filled).unwrap();
    }
}
