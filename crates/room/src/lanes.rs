//! The lanes of an outbox: what waits for one connection, what goes first, and what is left out when it is too much.

use std::collections::VecDeque;

use grandstand_protocol::Level;

/// How much may wait, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// HIGH frames. When they do not fit, the connection has to close: none is ever left out.
    pub high_bytes: usize,
    /// NORMAL and LOW frames.
    pub rest_bytes: usize,
}

/// What became of an offered frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It waits.
    Taken,
    /// So many frames were left out to make room, the offered one perhaps among them.
    Shed { normal: u32, low: u32 },
    /// It is HIGH and did not fit, or one before it did not. It was not taken, and the connection has to close: what
    /// the client confirms after a gap would hide the gap.
    HighFull,
}

impl Offer {
    fn of(normal: u32, low: u32) -> Self {
        if normal + low == 0 { Self::Taken } else { Self::Shed { normal, low } }
    }
}

/// Frames per level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub high: u32,
    pub normal: u32,
    pub low: u32,
}

/// The frames that wait for one connection: control (replies, pongs), HIGH, and the rest.
///
/// Within a level the order is that of arrival. LOW is left out first, the oldest of it, then NORMAL. The control lane
/// has no bound of its own: the connection stops reading commands while too much of it waits. An empty value has
/// allocated nothing.
#[derive(Debug)]
pub struct Lanes<T> {
    bounds: Bounds,
    held: bool,
    /// A HIGH frame was refused: no later one is taken.
    high_refused: bool,
    /// Arrival of the next frame, to keep order between the lanes.
    clock: u64,
    control: Lane<T>,
    /// HIGH frames of the gap, delivered again before the live ones. Bounded by whoever read them from the store.
    replayed: Lane<T>,
    high: Lane<T>,
    normal: Lane<T>,
    low: Lane<T>,
}

impl<T> Lanes<T> {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            held: false,
            high_refused: false,
            clock: 0,
            control: Lane::new(),
            replayed: Lane::new(),
            high: Lane::new(),
            normal: Lane::new(),
            low: Lane::new(),
        }
    }

    /// Lets a reply or a pong wait.
    pub fn push_control(&mut self, frame: T, size: usize) {
        let arrival = self.tick();
        self.control.push(frame, size, arrival);
    }

    /// Lets a message wait, if need be by leaving out others.
    pub fn offer(&mut self, level: Level, frame: T, size: usize) -> Offer {
        let arrival = self.tick();
        if level == Level::High {
            // One frame always fits: otherwise a frame above the bound would close the connection again and again.
            self.high_refused |=
                !self.high.frames.is_empty() && self.high.bytes + size > self.bounds.high_bytes;
            if self.high_refused {
                return Offer::HighFull;
            }
            self.high.push(frame, size, arrival);
            return Offer::Taken;
        }

        let (mut normal, mut low) = (0, 0);
        if size <= self.bounds.rest_bytes {
            (normal, low) = self.make_room(size, level);
        }
        match (self.fits(size), level) {
            (true, Level::Low) => self.low.push(frame, size, arrival),
            (true, _) => self.normal.push(frame, size, arrival),
            (false, Level::Low) => low += 1,
            (false, _) => normal += 1,
        }
        Offer::of(normal, low)
    }

    /// From now on only control frames are popped: the HIGH messages of the gap have to come first.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Ends [`Self::hold`]: `front` goes before all messages that wait.
    pub fn release(&mut self, front: impl Iterator<Item = (T, usize)>) {
        for (frame, size) in front {
            let arrival = self.tick();
            self.replayed.push(frame, size, arrival);
        }
        self.held = false;
    }

    /// Moves the next frames into `into`, for one write of about `max_bytes`: at least one frame if any may go, and
    /// no more than fit. Returns their bytes.
    ///
    /// Control goes first. What fits into one write goes in order of arrival; only when the connection is behind do
    /// HIGH frames overtake the rest.
    pub fn pop_batch(&mut self, max_bytes: usize, into: &mut Vec<T>) -> usize {
        let in_order = self.bytes() <= max_bytes;
        let mut popped = 0;
        while let Some((frame, size)) =
            self.pop_if(in_order, |size| popped == 0 || popped + size <= max_bytes)
        {
            popped += size;
            into.push(frame);
        }
        popped
    }

    /// Removes messages, wherever they wait: those of a session that left its room.
    pub fn remove_where(&mut self, mut gone: impl FnMut(&T) -> bool) -> Counts {
        Counts {
            high: self.replayed.remove_where(&mut gone) + self.high.remove_where(&mut gone),
            normal: self.normal.remove_where(&mut gone),
            low: self.low.remove_where(&mut gone),
        }
    }

    /// Changes messages where they wait; `change` returns the new size of those that it changed. `None` when no
    /// message was. What grew makes room as an offered one does.
    pub fn change_where(&mut self, mut change: impl FnMut(&mut T) -> Option<usize>) -> Option<Offer> {
        let lanes = [&mut self.replayed, &mut self.high, &mut self.normal, &mut self.low];
        let changed: u32 = lanes.into_iter().map(|lane| lane.change_where(&mut change)).sum();
        if changed == 0 {
            return None;
        }
        self.high_refused |= self.high.frames.len() > 1 && self.high.bytes > self.bounds.high_bytes;
        if self.high_refused {
            return Some(Offer::HighFull);
        }
        let (normal, low) = self.make_room(0, Level::Normal);
        Some(Offer::of(normal, low))
    }

    /// How many frames wait, held ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all().map(|lane| lane.frames.len()).sum()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().all(|lane| lane.frames.is_empty())
    }

    /// Whether [`Self::pop_batch`] has something to give.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if self.held { !self.control.frames.is_empty() } else { !self.is_empty() }
    }

    /// Bytes that wait, held ones included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.all().map(|lane| lane.bytes).sum()
    }

    /// Bytes of replies and pongs that wait: reading pauses while these are too many.
    #[must_use]
    pub fn control_bytes(&self) -> usize {
        self.control.bytes
    }

    /// Messages that wait, by level.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |lane: &Lane<T>| u32::try_from(lane.frames.len()).unwrap_or(u32::MAX);
        Counts {
            high: count(&self.replayed).saturating_add(count(&self.high)),
            normal: count(&self.normal),
            low: count(&self.low),
        }
    }

    /// Leaves out the oldest LOW frames, then for a NORMAL one the oldest NORMAL frames, until so many bytes fit.
    fn make_room(&mut self, size: usize, level: Level) -> (u32, u32) {
        let (mut normal, mut low) = (0, 0);
        while !self.fits(size) && self.low.pop().is_some() {
            low += 1;
        }
        while !self.fits(size) && level == Level::Normal && self.normal.pop().is_some() {
            normal += 1;
        }
        (normal, low)
    }

    fn fits(&self, size: usize) -> bool {
        self.normal.bytes + self.low.bytes + size <= self.bounds.rest_bytes
    }

    fn pop_if(&mut self, in_order: bool, fits: impl Fn(usize) -> bool) -> Option<(T, usize)> {
        let lane = self.next_lane(in_order)?;
        if fits(lane.frames.front()?.size) { lane.pop() } else { None }
    }

    fn next_lane(&mut self, in_order: bool) -> Option<&mut Lane<T>> {
        if !self.control.frames.is_empty() {
            return Some(&mut self.control);
        }
        if self.held {
            return None;
        }
        if !self.replayed.frames.is_empty() {
            return Some(&mut self.replayed);
        }
        if !in_order && !self.high.frames.is_empty() {
            return Some(&mut self.high);
        }
        [&mut self.high, &mut self.normal, &mut self.low].into_iter().min_by_key(|lane| lane.oldest())
    }

    fn all(&self) -> impl Iterator<Item = &Lane<T>> {
        [&self.control, &self.replayed, &self.high, &self.normal, &self.low].into_iter()
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

#[derive(Debug)]
struct Lane<T> {
    frames: VecDeque<Waiting<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    frame: T,
    size: usize,
    arrival: u64,
}

impl<T> Lane<T> {
    fn new() -> Self {
        Self { frames: VecDeque::new(), bytes: 0 }
    }

    fn push(&mut self, frame: T, size: usize, arrival: u64) {
        self.bytes += size;
        self.frames.push_back(Waiting { frame, size, arrival });
    }

    fn pop(&mut self) -> Option<(T, usize)> {
        let Waiting { frame, size, .. } = self.frames.pop_front()?;
        self.bytes -= size;
        self.free_if_empty();
        Some((frame, size))
    }

    /// Arrival of the frame that waits longest; an empty lane comes last.
    fn oldest(&self) -> u64 {
        self.frames.front().map_or(u64::MAX, |waiting| waiting.arrival)
    }

    fn remove_where(&mut self, gone: &mut impl FnMut(&T) -> bool) -> u32 {
        let before = self.frames.len();
        self.frames.retain(|waiting| !gone(&waiting.frame));
        self.bytes = self.frames.iter().map(|waiting| waiting.size).sum();
        self.free_if_empty();
        u32::try_from(before - self.frames.len()).unwrap_or(u32::MAX)
    }

    fn change_where(&mut self, change: &mut impl FnMut(&mut T) -> Option<usize>) -> u32 {
        let mut changed = 0;
        for waiting in &mut self.frames {
            if let Some(size) = change(&mut waiting.frame) {
                self.bytes = self.bytes - waiting.size + size;
                waiting.size = size;
                changed += 1;
            }
        }
        changed
    }

    /// Most connections are idle most of the time: what they once needed is given back.
    fn free_if_empty(&mut self) {
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
    }
}
