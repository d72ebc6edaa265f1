//! The thread that publishes: messages at fixed times, or as soon as earlier ones have arrived.

use std::{
    collections::{HashMap, VecDeque},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use anyhow::Result;

use crate::{
    clock,
    level_mix::{Deal, LevelMix},
    order::Key,
    publisher::{Answers, Publisher},
};

/// Answers are read so often, at least.
const BEAT: u64 = 10_000;

/// A message in flight that has not arrived after this time is given up.
const LOST: u64 = 5_000_000;

/// How long answers are waited for after the end.
const DRAIN: u64 = 10_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Tempo {
    /// So many messages in a second, of all publishers together.
    Rate(f64),
    /// So many on their way, always.
    InFlight(u32),
}

/// What is published in a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) run: u32,
    pub(crate) tempo: Tempo,
    pub(crate) mix: LevelMix,
    /// The first message, the first one that is measured, and the end, in µs of the common clock.
    pub(crate) start: u64,
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// Whether each message is answered.
    pub(crate) answered: bool,
}

/// What was published.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    /// Of each publisher, of each level: in the whole run …
    pub(crate) sent: Vec<[u32; 3]>,
    /// … and those that should have gone in the window.
    pub(crate) measured: Vec<[u32; 3]>,
    pub(crate) answers: Answers,
    /// Without an answer at the end.
    pub(crate) unanswered: u64,
    /// In flight, and never seen by all of the sampled members.
    pub(crate) given_up: u64,
    /// The most that a message was sent behind its time, in µs.
    pub(crate) latest: u64,
}

struct Publishing<'a> {
    publishers: &'a mut [Publisher],
    program: Program,
    deal: Deal,
    published: Published,
    /// Messages sent.
    count: u64,
    /// In flight, with when they were sent; oldest first.
    flying: HashMap<Key, u64>,
    oldest: VecDeque<(u64, Key)>,
    buffer: Vec<u8>,
    turned: u64,
}

/// Publishes until the end, then waits for answers. `arrived` brings what all sampled members have.
pub(crate) fn publish(
    publishers: &mut [Publisher],
    program: Program,
    arrived: &Receiver<Key>,
) -> Result<Published> {
    for publisher in publishers.iter_mut() {
        publisher.begin();
        if program.answered {
            publisher.ping()?;
        }
    }
    let published = Published { measured: vec![[0; 3]; publishers.len()], ..Published::default() };
    let mut publishing = Publishing {
        publishers,
        program,
        deal: program.mix.deal(),
        published,
        count: 0,
        flying: HashMap::new(),
        oldest: VecDeque::new(),
        buffer: vec![0; 16 * 1024],
        turned: 0,
    };
    publishing.run(arrived)?;
    publishing.drain(arrived)
}

impl Publishing<'_> {
    fn run(&mut self, arrived: &Receiver<Key>) -> Result<()> {
        loop {
            let now = clock::now();
            if now >= self.program.until {
                return Ok(());
            }
            self.give_up(now);
            while let Some(intended) = self.due(now) {
                self.send(intended, now)?;
            }
            self.turn(now)?;
            let wake = self.next().min(now + BEAT).min(self.program.until);
            self.wait(arrived, wake)?;
        }
    }

    /// A message that should go by now, with its time.
    fn due(&self, now: u64) -> Option<u64> {
        match self.program.tempo {
            Tempo::Rate(_) => Some(self.next()).filter(|&next| next <= now && next < self.program.until),
            Tempo::InFlight(most) => {
                (now >= self.program.start && self.flying.len() < most as usize).then_some(now)
            }
        }
    }

    /// When the next message should go, if time alone decides.
    fn next(&self) -> u64 {
        match self.program.tempo {
            Tempo::Rate(rate) => self.program.start + (self.count as f64 * 1e6 / rate) as u64,
            Tempo::InFlight(_) => u64::MAX,
        }
    }

    fn send(&mut self, intended: u64, now: u64) -> Result<()> {
        let at = (self.count % self.publishers.len() as u64) as usize;
        let level = self.deal.next();
        let marker = self.publishers[at].send(self.program.run, level, intended)?;
        self.count += 1;
        self.published.latest = self.published.latest.max(now - intended);
        if (self.program.from..self.program.until).contains(&intended) {
            self.published.measured[at][usize::from(level)] += 1;
        }
        if let Tempo::InFlight(_) = self.program.tempo {
            let key = (marker.publisher, level, marker.sequence);
            self.flying.insert(key, now);
            self.oldest.push_back((now, key));
        }
        Ok(())
    }

    fn wait(&mut self, arrived: &Receiver<Key>, until: u64) -> Result<()> {
        // A channel waits to the microsecond, timers of the runtime to the millisecond.
        let pause = Duration::from_micros(until.saturating_sub(clock::now()));
        match arrived.recv_timeout(pause) {
            Ok(key) => {
                self.flying.remove(&key);
                // What has come together is taken together.
                while let Ok(key) = arrived.try_recv() {
                    self.flying.remove(&key);
                }
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the fleet has ended"),
        }
    }

    fn give_up(&mut self, now: u64) {
        while let Some(&(sent, key)) = self.oldest.front() {
            let gone = !self.flying.contains_key(&key);
            if !gone && now < sent + LOST {
                break;
            }
            if !gone {
                self.flying.remove(&key);
                self.published.given_up += 1;
            }
            self.oldest.pop_front();
        }
    }

    fn turn(&mut self, now: u64) -> Result<bool> {
        if now < self.turned + BEAT {
            return Ok(false);
        }
        self.turned = now;
        let mut written = true;
        for publisher in self.publishers.iter_mut() {
            written &= publisher.turn(&mut self.buffer)?;
        }
        Ok(written)
    }

    fn drain(mut self, arrived: &Receiver<Key>) -> Result<Published> {
        let end = clock::now() + DRAIN;
        loop {
            let now = clock::now();
            let written = self.turn(now)?;
            let answers: u64 = self.publishers.iter().map(|publisher| publisher.answers.total()).sum();
            let missing = if self.program.answered { self.count - answers } else { 0 };
            if (written && missing == 0) || now >= end {
                self.published.unanswered = missing;
                break;
            }
            self.wait(arrived, self.turned + BEAT)?;
        }
        for publisher in self.publishers.iter() {
            self.published.sent.push(publisher.sequences);
            self.published.answers.add(publisher.answers.clone());
        }
        Ok(self.published)
    }
}
