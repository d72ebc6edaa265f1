//! A member of the load: its connection, and the frames that come out of it.

use std::io::{self, ErrorKind};

use anyhow::Result;
use grandstand_protocol::{Body, Downlink, Event, Format};

use super::account::Account;
use crate::{
    clock,
    endpoint::Endpoint,
    frame::{self, Frame},
    link::Link,
    marker::Finder,
    order::Run,
    tally::{Tally, Who},
};

/// Decoded for real without `--verify`: one frame in so many.
const DECODED: u64 = 1000;

pub(crate) struct Member {
    pub(crate) link: Link,
    pub(crate) who: Who,
    /// The room's id; empty at the floor.
    pub(crate) room: String,
    /// To come back with; none at the floor.
    account: Option<Account>,
    stage: Stage,
    /// The beginning of a frame whose end has not come.
    cut: Vec<u8>,
    /// Why it ended.
    pub(crate) ended: Option<String>,
    /// What it may read by now, where reading is slow.
    pub(crate) allowance: u64,
}

/// How far a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// It is back; what it says next once the handshake is answered.
    Handshake {
        open: Vec<u8>,
    },
    /// It waits for the answer to its open.
    Opening,
    Open,
}

/// What all members of a process share: they are read one after the other.
pub(crate) struct Desk {
    pub(crate) buffer: Vec<u8>,
    pub(crate) finder: Finder,
    /// None before the first run.
    pub(crate) tally: Option<Tally>,
    frames: u64,
}

/// How much of a socket was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// Nothing that has been heard of; the end may be there.
    Unknown,
    Something,
}

impl Desk {
    pub(crate) fn new(buffer: usize) -> Self {
        Self { buffer: vec![0; buffer], finder: Finder::new(0), tally: None, frames: 0 }
    }

    pub(crate) fn begin(&mut self, run: Run, members: usize, sampled: Vec<u32>) {
        self.finder = Finder::new(run.id);
        self.tally = Some(Tally::new(run, members, sampled));
    }
}

impl Member {
    pub(crate) fn new(link: Link, who: Who, room: String, account: Option<Account>) -> Self {
        let (stage, cut) = (Stage::Open, Vec::new());
        Self { link, who, room, account, stage, cut, ended: None, allowance: 0 }
    }

    /// Connects again and asks for its session. Whether it had anything to come back to.
    pub(crate) fn come_back(&mut self, endpoint: &Endpoint) -> Result<bool> {
        let Some(account) = &self.account else { return Ok(false) };
        self.link = account.connect(endpoint)?;
        self.stage = Stage::Handshake { open: account.open(endpoint) };
        self.cut = Vec::new();
        self.ended = None;
        Ok(true)
    }

    /// Whether its session is open.
    pub(crate) fn is_in(&self) -> bool {
        self.ended.is_none() && self.stage == Stage::Open
    }

    /// Reads until nothing is there. A read that does not fill its buffer saves asking once more, but it hides an end
    /// that came with the last bytes: epoll tells of both at once.
    pub(crate) fn read_all(&mut self, desk: &mut Desk, ends: bool) {
        loop {
            match self.read(desk, usize::MAX) {
                Left::Nothing => break,
                Left::Unknown if !ends => break,
                Left::Unknown | Left::Something => {}
            }
        }
    }

    /// Reads once, so many bytes at most.
    pub(crate) fn read(&mut self, desk: &mut Desk, most: usize) -> Left {
        if self.ended.is_some() {
            return Left::Nothing;
        }
        let kept = self.cut.len();
        if kept + 16 * 1024 > desk.buffer.len() {
            desk.buffer.resize(desk.buffer.len() * 2, 0);
        }
        desk.buffer[..kept].copy_from_slice(&self.cut);
        let until = desk.buffer.len().min(kept.saturating_add(most));
        let room = until - kept;
        match self.link.read(&mut desk.buffer[kept..until]) {
            Ok(0) => self.end("the server ended the connection"),
            Ok(count) => {
                self.take(desk, kept + count);
                self.allowance = self.allowance.saturating_sub(count as u64);
                let more = count == room || !self.link.short_read_is_last();
                return if more { Left::Something } else { Left::Unknown };
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Left::Something,
            Err(error) => self.end(&error.kind().to_string()),
        }
        Left::Nothing
    }

    /// Goes through the frames in the buffer and keeps what is not complete.
    fn take(&mut self, desk: &mut Desk, length: usize) {
        let now = clock::now();
        // Other parts of the desk change meanwhile.
        let buffer = std::mem::take(&mut desk.buffer);
        let (mut at, mut messages, mut bytes) = (self.head(&buffer[..length]), 0, 0);
        while !matches!(self.stage, Stage::Handshake { .. }) {
            match frame::first(&buffer[at..length]) {
                Ok(Some((frame, size))) => {
                    at += size;
                    if self.frame(desk, frame, now) {
                        messages += 1;
                        bytes += size as u64;
                    }
                }
                Ok(None) => break,
                Err(frame::Broken) => {
                    self.end("no WebSocket frame");
                    break;
                }
            }
        }
        // A new one, so that nothing is kept when nothing is cut.
        if at < length || !self.cut.is_empty() {
            self.cut = buffer[at..length].to_vec();
        }
        desk.buffer = buffer;
        if messages > 0
            && let Some(tally) = &mut desk.tally
        {
            tally.read(messages, bytes, now);
        }
    }

    /// The length of the answer to a handshake, once it is there; then the session is asked for.
    fn head(&mut self, bytes: &[u8]) -> usize {
        let Stage::Handshake { open } = &mut self.stage else { return 0 };
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return 0 };
        let open = std::mem::take(open);
        self.stage = Stage::Opening;
        if bytes.starts_with(b"HTTP/1.1 101 ") {
            self.send(&open);
        } else {
            self.end("the handshake was refused");
        }
        end + 4
    }

    /// The answer to an open that came back.
    fn opened(&mut self, payload: &[u8]) {
        match Downlink::decode(Format::Binary, payload).map(|said| said.event) {
            Ok(Event::Opened { .. }) => self.stage = Stage::Open,
            Ok(Event::Failed { fault } | Event::Closed { fault: Some(fault) }) => {
                self.end(&format!("refused: {} {}", fault.code, fault.reason));
            }
            _ => {}
        }
    }

    /// Whether it was a message of the run.
    fn frame(&mut self, desk: &mut Desk, frame: Frame<'_>, now: u64) -> bool {
        match frame.opcode {
            frame::BINARY if self.stage == Stage::Opening => self.opened(frame.payload),
            frame::BINARY => {
                let Some(tally) = &mut desk.tally else { return false };
                let Some(marker) = desk.finder.find(frame.payload) else { return false };
                desk.frames += 1;
                if tally.run().verify || desk.frames.is_multiple_of(DECODED) {
                    let right = is_right(frame.payload, &self.room, marker.publisher, tally.run().size);
                    tally.checked(right);
                }
                tally.message(self.who, &marker, now);
                return true;
            }
            frame::PING => self.send(&frame::from_client(frame::PONG, frame.payload)),
            frame::CLOSE => {
                let code = frame.payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                self.end(format!("closed with {code} {reason}").trim_end());
            }
            _ => {}
        }
        false
    }

    /// A ping that keeps the connection: the server closes what is silent for long.
    pub(crate) fn ping(&mut self) {
        self.send(&frame::from_client(frame::PING, b""));
    }

    fn send(&mut self, bytes: &[u8]) {
        let sent: io::Result<()> = self.link.write(bytes);
        if let Err(error) = sent {
            self.end(&error.kind().to_string());
        }
    }

    fn end(&mut self, why: &str) {
        self.ended.get_or_insert_with(|| why.to_owned());
    }
}

/// Whether the frame is the message that the publisher sent to this room.
fn is_right(payload: &[u8], room: &str, publisher: u16, size: u32) -> bool {
    let Ok(Downlink { event: Event::Message(push), .. }) = Downlink::decode(Format::Binary, payload) else {
        return false;
    };
    let Body::Text(text) = &push.body else { return false };
    (room.is_empty() || push.room.as_str() == room)
        && push.from == crate::publisher::client_id(publisher)
        && text.len() == size as usize
        && text.as_bytes()[crate::marker::LENGTH..].iter().all(|&byte| byte == crate::publisher::FILL)
}
