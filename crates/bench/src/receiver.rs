//! The loop of a load process: epoll over its members, with one buffer for all of them.

mod account;
mod member;

use std::{
    collections::BTreeMap,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::{
    clock,
    endpoint::Endpoint,
    order::{Findings, Order, Reading, Word},
};

use member::{Desk, Left};

pub(crate) use account::Account;
pub(crate) use member::Member;

const BUFFER: usize = 256 * 1024;

/// Orders have come.
const ORDERS: Token = Token(usize::MAX);

/// How often slow members read.
const SLOW_BEAT: Duration = Duration::from_millis(50);

/// How often it is looked for members who should ping.
const BEAT: Duration = Duration::from_secs(1);

/// Each member pings once in so many beats: SDKs do it each three minutes.
const PING_BEATS: usize = 170;

pub(crate) struct Receiver {
    poll: Poll,
    members: Vec<Member>,
    desk: Desk,
    reading: Reading,
    /// Of each room.
    sampled: Vec<u32>,
    beats: usize,
    /// Connections that were lost and have been made again, by why they were lost.
    lost: BTreeMap<String, u32>,
    /// Who comes back.
    returning: Vec<usize>,
}

/// Wakes a receiver.
pub(crate) struct Bell(Waker);

impl Bell {
    pub(crate) fn ring(&self) -> Result<()> {
        self.0.wake().context("failed to wake the receiver")
    }
}

impl Receiver {
    /// `sampled`: how many of the members are, in each room.
    pub(crate) fn new(members: Vec<Member>, sampled: Vec<u32>, reading: Reading) -> Result<(Self, Bell)> {
        let poll = Poll::new().context("failed to make an epoll")?;
        let bell = Bell(Waker::new(poll.registry(), ORDERS)?);
        let mut receiver = Self {
            poll,
            members,
            desk: Desk::new(BUFFER),
            reading: Reading::Never,
            sampled,
            beats: 0,
            lost: BTreeMap::new(),
            returning: Vec::new(),
        };
        receiver.read_as(reading)?;
        Ok((receiver, bell))
    }

    /// Receives until there are no more orders.
    pub(crate) fn run(
        mut self,
        orders: &mpsc::Receiver<Order>,
        mut say: impl FnMut(&Word) -> Result<()>,
    ) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        let (mut beat, mut read) = (Instant::now(), clock::now());
        loop {
            let pause = if matches!(self.reading, Reading::Bytes(_)) { SLOW_BEAT } else { BEAT };
            match self.poll.poll(&mut events, Some(pause)) {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            let mut rung = false;
            for event in &events {
                match self.members.get_mut(event.token().0) {
                    Some(member) => {
                        let ends = event.is_read_closed() || event.is_error();
                        member.read_all(&mut self.desk, ends);
                    }
                    None => rung = true,
                }
            }
            if let Some(tally) = &mut self.desk.tally {
                let told = tally.told();
                if !told.is_empty() {
                    say(&Word::Seen(told))?;
                }
            }
            if rung {
                loop {
                    match orders.try_recv() {
                        Ok(order) => say(&self.obey(order)?)?,
                        Err(mpsc::TryRecvError::Empty) => break,
                        Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
                    }
                }
            }
            read = self.read_slowly(read);
            if beat.elapsed() >= BEAT {
                beat = Instant::now();
                self.ping();
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<Word> {
        Ok(match order {
            Order::Join(_) => Word::Failed("joined already".to_owned()),
            Order::Begin(run) => {
                self.desk.begin(run, self.members.len(), self.sampled.clone());
                Word::Begun
            }
            Order::Read(reading) => {
                self.read_as(reading)?;
                Word::Reading
            }
            Order::Return(endpoint) => {
                self.call_back(&endpoint)?;
                Word::Returning
            }
            Order::Status => Word::Status {
                received: self.desk.tally.as_ref().map_or([0; 3], |tally| tally.received()),
                closed: self.members.iter().filter(|member| member.ended.is_some()).count() as u32,
            },
            Order::Finish => {
                let tally = self.desk.tally.as_ref().context("nothing was begun")?;
                let returned = self.returning.iter().filter(|&&number| self.members[number].is_in()).count();
                Word::Found(Box::new(Findings { returned: returned as u32, ..tally.finish(self.closed()) }))
            }
        })
    }

    /// Who has lost the connection makes a new one.
    fn call_back(&mut self, endpoint: &Endpoint) -> Result<()> {
        for (number, member) in self.members.iter_mut().enumerate() {
            let Some(why) = member.ended.clone() else { continue };
            if member.come_back(endpoint)? {
                *self.lost.entry(why).or_default() += 1;
                self.returning.push(number);
                self.poll.registry().register(&mut member.link.stream, Token(number), Interest::READABLE)?;
            }
        }
        Ok(())
    }

    fn closed(&self) -> BTreeMap<String, u32> {
        let mut closed = self.lost.clone();
        for reason in self.members.iter().filter_map(|member| member.ended.clone()) {
            *closed.entry(reason).or_default() += 1;
        }
        closed
    }

    fn read_as(&mut self, reading: Reading) -> Result<()> {
        let (before, now) = (self.reading == Reading::All, reading == Reading::All);
        self.reading = reading;
        for (number, member) in self.members.iter_mut().enumerate().filter(|_| before != now) {
            let stream = &mut member.link.stream;
            if now {
                self.poll.registry().register(stream, Token(number), Interest::READABLE)?;
                // What came before is no news for epoll.
                member.read_all(&mut self.desk, true);
            } else {
                self.poll.registry().deregister(stream)?;
            }
        }
        Ok(())
    }

    /// Gives slow members what time has brought them since `last`, and reads as much; returns when it was.
    fn read_slowly(&mut self, last: u64) -> u64 {
        let now = clock::now();
        let Reading::Bytes(per_second) = self.reading else { return now };
        if now - last < clock::micros(SLOW_BEAT) {
            return last;
        }
        for member in &mut self.members {
            // No more than two seconds' worth: a member that has caught up does not save for later.
            member.allowance = (member.allowance + per_second * (now - last) / 1_000_000).min(per_second * 2);
            while member.allowance > 0 {
                let most = usize::try_from(member.allowance).unwrap_or(usize::MAX);
                if member.read(&mut self.desk, most) == Left::Nothing {
                    break;
                }
            }
        }
        now
    }

    fn ping(&mut self) {
        self.beats += 1;
        let turn = self.beats % PING_BEATS;
        for member in self.members.iter_mut().skip(turn).step_by(PING_BEATS) {
            // The floor knows no pings.
            if member.ended.is_none() && !member.room.is_empty() {
                member.ping();
            }
        }
    }
}
