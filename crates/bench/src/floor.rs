//! The floor: the least that anything must do which brings the same bytes to the same number of sockets.
//!
//! One thread, non-blocking sockets, no protocol. Members connect and are silent; who sends anything is a publisher,
//! and what it sends are frames of one size, which go to all members as they are.

pub(crate) mod process;

use std::{
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use anyhow::{Context, Result};
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use socket2::SockRef;

use crate::options::FloorMode;

/// As the server has it.
const SEND_BUFFER: usize = 64 * 1024;

/// Publishers are looked at after so many members.
const BLOCK: usize = 64;

/// The log is shortened when it is as long.
const LOG: usize = 1024 * 1024;

/// A member that is so far behind is dropped: the log would have to be kept for it.
const BEHIND: u64 = 64 * 1024 * 1024;

/// Says that a connection was accepted: what waits in a full listen queue may be lost without a word.
const HELLO: u8 = b'!';

const LISTENER: Token = Token(usize::MAX);

struct Floor {
    poll: Poll,
    listener: TcpListener,
    mode: FloorMode,
    /// Bytes of a frame.
    frame: usize,
    peers: Vec<Peer>,
    /// Frames in order of arrival; the first byte stands at this position of all that ever came.
    log: Vec<u8>,
    base: u64,
    /// The next member to look at, and how many must be before all have everything.
    next: usize,
    left: usize,
    buffer: Vec<u8>,
}

struct Peer {
    stream: TcpStream,
    /// What it has been sent.
    position: u64,
    state: State,
    /// Of a publisher: the beginning of a frame.
    cut: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Member,
    /// Its socket takes no more for now.
    Blocked,
    Publisher,
    Gone,
}

impl Floor {
    fn new(mode: FloorMode, frame: usize) -> Result<Self> {
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).context("failed to listen")?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            mode,
            frame,
            peers: Vec::new(),
            log: Vec::with_capacity(2 * LOG),
            base: 0,
            next: 0,
            left: 0,
            buffer: vec![0; 64 * 1024],
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = (self.left > 0).then_some(Duration::ZERO);
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                if event.is_readable() {
                    self.read(event.token().0);
                }
                let peer = &mut self.peers[event.token().0];
                if event.is_writable() && peer.state == State::Blocked {
                    peer.state = State::Member;
                    self.left = self.peers.len();
                }
            }
            for _ in 0..BLOCK.min(self.left) {
                self.visit();
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("failed to accept"),
            };
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
            if stream.write(&[HELLO]).is_err() {
                continue;
            }
            let token = Token(self.peers.len());
            self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            let position = self.head();
            self.peers.push(Peer { stream, position, state: State::Member, cut: Vec::new() });
        }
    }

    fn head(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    /// Puts what a publisher sent into the log.
    fn read(&mut self, number: usize) {
        let peer = &mut self.peers[number];
        match peer.stream.read(&mut self.buffer) {
            Ok(0) => peer.state = State::Gone,
            Ok(count) => {
                peer.state = State::Publisher;
                peer.cut.extend_from_slice(&self.buffer[..count]);
                let whole = peer.cut.len() / self.frame * self.frame;
                self.log.extend(peer.cut.drain(..whole));
                self.left = self.peers.len();
                if count == self.buffer.len() {
                    return self.read(number);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => peer.state = State::Gone,
        }
        if self.log.len() >= LOG {
            self.shorten();
        }
    }

    /// Writes to the next member what it has not got.
    fn visit(&mut self) {
        let head = self.head();
        let all = self.peers.len();
        let peer = &mut self.peers[self.next];
        self.next = (self.next + 1) % all;
        self.left -= 1;
        if peer.state != State::Member || peer.position == head {
            return;
        }
        let from = (peer.position - self.base) as usize;
        let until = match self.mode {
            FloorMode::Batch => self.log.len(),
            // All frames have one size, so the next one ends at a multiple of it.
            FloorMode::Each => from + self.frame - (peer.position % self.frame as u64) as usize,
        };
        match peer.stream.write(&self.log[from..until]) {
            Ok(written) => {
                peer.position += written as u64;
                if from + written < until {
                    peer.state = State::Blocked;
                } else if peer.position < head {
                    self.left = all;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => peer.state = State::Blocked,
            Err(_) => peer.state = State::Gone,
        }
    }

    /// Forgets what everybody has.
    fn shorten(&mut self) {
        let head = self.head();
        let mut oldest = head;
        for peer in self.peers.iter_mut().filter(|peer| peer.state != State::Publisher) {
            if peer.position + BEHIND < head {
                peer.state = State::Gone;
            }
            if peer.state != State::Gone {
                oldest = oldest.min(peer.position);
            }
        }
        let known = (oldest - self.base) as usize;
        if known >= self.log.len() / 2 {
            self.log.drain(..known);
            self.base = oldest;
        }
    }
}
