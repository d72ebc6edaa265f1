//! A publisher: its connection, its ready-made messages, and what the server says to them.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
};

use anyhow::{Context, Result, bail};
use grandstand_protocol::{
    Body, Command, Downlink, Event, Format, Mentions, MessageId, Push, Request, RoomId, Send,
};

use crate::{
    frame,
    link::Link,
    marker::{self, LEVELS, Marker},
    socket::Socket,
    transport::Transport,
};

/// What a message is filled with behind its marker.
pub(crate) const FILL: u8 = b'x';

/// What a publisher is called.
pub(crate) fn client_id(number: u16) -> String {
    format!("bench-publisher-{number:05}")
}

/// How messages look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Bytes of text.
    pub(crate) size: u32,
    /// Not stored.
    pub(crate) transient: bool,
}

pub(crate) struct Publisher {
    link: Link,
    pub(crate) number: u16,
    /// A frame for each level, in which only the marker changes.
    templates: [Vec<u8>; 3],
    /// Where the marker stands in them.
    at: usize,
    /// The last sequence of each level.
    pub(crate) sequences: [u32; 3],
    /// What came and was not a whole frame yet.
    cut: Vec<u8>,
    pub(crate) answers: Answers,
}

/// What the server said to messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    pub(crate) accepted: u64,
    /// By code and reason.
    pub(crate) refused: BTreeMap<String, u64>,
}

impl Publisher {
    /// Of a server: its messages are commands.
    pub(crate) fn of_server(socket: Socket, number: u16, room: &RoomId, look: Look) -> Result<Self> {
        let commands = LEVELS.map(|level| {
            let send = Send {
                room: room.clone(),
                body: Body::Text(text(look.size)),
                level: Some(level),
                transient: look.transient,
                will: false,
                dedupe: None,
                push_data: None,
                mentions: Mentions::default(),
            };
            // The answers are counted, not told apart: one serial does for all.
            let request =
                Request { app: None, peer: None, serial: Some(1), command: Command::Send(Box::new(send)) };
            frame::from_client(frame::BINARY, &request.encode(Format::Binary).payload)
        });
        Self::new(socket.into_transport(), number, commands)
    }

    /// Of the floor: its messages are what a server would make of them.
    pub(crate) fn of_floor(transport: Transport, number: u16, look: Look) -> Result<Self> {
        Self::new(transport, number, LEVELS.map(|_| floor_frame(number, look)))
    }

    fn new(transport: Transport, number: u16, mut templates: [Vec<u8>; 3]) -> Result<Self> {
        let mut at = 0;
        for template in &mut templates {
            let text = [b'@'; marker::LENGTH];
            at = memchr::memmem::find(template, &text).context("no room for a marker")?;
        }
        let answers = Answers::default();
        Ok(Self {
            link: Link::new(transport)?,
            number,
            templates,
            at,
            sequences: [0; 3],
            cut: Vec::new(),
            answers,
        })
    }

    /// Sends the next message of a level.
    pub(crate) fn send(&mut self, run: u32, level: u8, intended: u64) -> io::Result<Marker> {
        let index = usize::from(level);
        self.sequences[index] += 1;
        let marker = Marker { run, publisher: self.number, sequence: self.sequences[index], intended, level };
        let template = &mut self.templates[index];
        marker.write(&mut template[self.at..]);
        self.link.write(template)?;
        Ok(marker)
    }

    /// Writes what waits and reads what the server said. Whether all has been written.
    pub(crate) fn turn(&mut self, buffer: &mut [u8]) -> Result<bool> {
        loop {
            match self.link.read(buffer) {
                Ok(0) => bail!("the server ended the connection of a publisher"),
                Ok(count) => self.said(&buffer[..count])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a publisher lost its connection"),
            }
        }
        Ok(self.link.flush()?)
    }

    fn said(&mut self, bytes: &[u8]) -> Result<()> {
        self.cut.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.cut);
        let mut at = 0;
        while let Some((frame, size)) =
            frame::first(&bytes[at..]).map_err(|frame::Broken| anyhow::anyhow!("no WebSocket frame"))?
        {
            at += size;
            match frame.opcode {
                frame::BINARY => self.answers.count(&Downlink::decode(Format::Binary, frame.payload)?.event),
                frame::PING => self.link.write(&frame::from_client(frame::PONG, frame.payload))?,
                frame::CLOSE => bail!("the server closed the connection of a publisher"),
                _ => {}
            }
        }
        self.cut = bytes[at..].to_vec();
        Ok(())
    }

    /// Begins again with the first sequence of each level.
    pub(crate) fn begin(&mut self) {
        self.sequences = [0; 3];
        self.answers = Answers::default();
    }

    /// A ping that keeps the connection while others are measured.
    pub(crate) fn ping(&mut self) -> io::Result<()> {
        self.link.write(&frame::from_client(frame::PING, b""))
    }
}

impl Answers {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Accepted { .. } => self.accepted += 1,
            Event::Refused { fault } | Event::Failed { fault } => {
                *self.refused.entry(format!("{} {}", fault.code, fault.reason)).or_default() += 1;
            }
            _ => {}
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.accepted + self.refused.values().sum::<u64>()
    }
}

/// A text of this size with room for a marker.
fn text(size: u32) -> String {
    let rest = (size as usize).saturating_sub(marker::LENGTH);
    "@".repeat(marker::LENGTH) + &char::from(FILL).to_string().repeat(rest)
}

/// The frame that a member gets, as long as that of a server: ids of 24 and 22 characters, a time in ms.
pub(crate) fn floor_frame(publisher: u16, look: Look) -> Vec<u8> {
    let push = Push {
        room: RoomId::from("floor-room-floor-room-00"),
        message: MessageId::from("floor-message-floor-00"),
        timestamp: 1_700_000_000_000,
        from: client_id(publisher),
        body: Body::Text(text(look.size)),
        transient: look.transient,
        mentions: Mentions::default(),
        patched_at: None,
    };
    let downlink = Downlink {
        serial: None,
        peer: None,
        server_time: Some(push.timestamp),
        event: Event::Message(Box::new(push)),
    };
    frame::from_server(frame::BINARY, &downlink.encode(Format::Binary).payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floors_frame_holds_a_text_of_the_size() {
        for size in [37, 200, 5120] {
            let bytes = floor_frame(3, Look { size, transient: false });
            let (frame, length) = frame::first(&bytes).unwrap().unwrap();
            assert_eq!(length, bytes.len());
            let Event::Message(push) = Downlink::decode(Format::Binary, frame.payload).unwrap().event else {
                panic!("another event");
            };
            assert_eq!((push.body.len(), push.from.as_str()), (size as usize, "bench-publisher-00003"));
        }
    }
}
