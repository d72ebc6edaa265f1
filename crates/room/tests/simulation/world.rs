//! The simulated world: devices, connections, nodes, a bus that loses and delays, and a store that does neither.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId, Level, RoomId};
use grandstand_room::{
    clock::Millis,
    gap::Confirmation,
    session::{Identity, SessionId},
    switches::Rejoin,
    token::{Revocations, Signer},
};

use crate::{
    device::{Device, devices},
    dice::Dice,
    hub::{FRAME_BYTES, HighLost},
    node::Node,
    store::{Claimed, Message, Store},
};

/// A node compares its members with the store this often, so nobody gets messages of a room longer than that after
/// having left it elsewhere (design.md, section 6). Half a second for the step of the clock.
const SWEEP: i64 = 2_000;
pub(crate) const LATEST_DELIVERY: i64 = SWEEP + 500;

/// What happened, over all runs: a simulation in which nothing goes wrong proves nothing.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opens: u32,
    pub(crate) takeovers: u32,
    pub(crate) conflicts: u32,
    pub(crate) refusals: u32,
    pub(crate) refused_tokens: u32,
    pub(crate) returns: u32,
    pub(crate) places_taken: u32,
    pub(crate) returns_to_taken: u32,
    pub(crate) tokens_to_taken: u32,
    pub(crate) renamed: u32,
    pub(crate) without_room: u32,
    pub(crate) restarts: u32,
    pub(crate) in_time: u32,
    pub(crate) in_time_though_taken: u32,
    pub(crate) too_late: u32,
    pub(crate) claims_outrun: u32,
    pub(crate) evicted_by_sweep: u32,
    pub(crate) lost_on_the_bus: u32,
    pub(crate) overflows: u32,
    pub(crate) shed: u32,
    pub(crate) replayed: u32,
    pub(crate) delivered: u32,
    pub(crate) checked_high: u32,
}

pub(crate) struct Connection {
    pub(crate) node: usize,
    pub(crate) device: usize,
    pub(crate) identity: Identity,
    /// A replay is read: nothing of the room goes before it.
    held: bool,
    /// What it missed, and is still to be written.
    missed: VecDeque<(RoomId, Message)>,
    /// The room it is in, and what of it is confirmed.
    stay: Option<(RoomId, Confirmation)>,
    /// What was written and not read yet.
    wire: VecDeque<Wire>,
    /// A command waits for its answer.
    pub(crate) busy: bool,
    /// Whether the device is still at the other end.
    pub(crate) alive: bool,
    pub(crate) replaced_at: Option<Millis>,
}

enum Wire {
    Message(RoomId, Message),
    Ping([u8; 8]),
}

enum Event {
    Claimed { client: ClientId, room: RoomId, epoch: u64 },
    Stored { room: RoomId, message: Message },
}

struct Flight {
    at: Millis,
    node: usize,
    event: Event,
}

/// Work that was begun and is done later.
enum Work {
    /// A committed claim reaches its node. `gap`: a return, with HIGH messages due after this number.
    Join { connection: u64, room: RoomId, claimed: Claimed, gap: Option<u64> },
    /// What a returning member missed was read.
    Replay { connection: u64, room: RoomId, missed: Vec<Message> },
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Millis,
    pub(crate) store: Store,
    pub(crate) nodes: Vec<Node>,
    pub(crate) devices: Vec<Device>,
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) revocations: Revocations,
    pub(crate) signer: Signer,
    pub(crate) rejoin: Rejoin,
    /// Sessions whose place another login took since they dropped.
    pub(crate) given_away: BTreeSet<SessionId>,
    pub(crate) counts: Counts,
    pub(crate) app: AppId,
    lossy: bool,
    bus: Vec<Flight>,
    work: Vec<(Millis, Work)>,
    swept_at: Millis,
    next_id: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let devices = devices(&mut dice);
        let rejoin = if dice.chance(70) { Rejoin::Any } else { Rejoin::ResumeOnly };
        Self {
            dice,
            now: Millis(1_700_000_000_000),
            store: Store::default(),
            nodes: (0..3).map(|_| Node::default()).collect(),
            devices,
            connections: BTreeMap::new(),
            revocations: Revocations::default(),
            signer: Signer::new([1; 32], None),
            rejoin,
            given_away: BTreeSet::new(),
            counts: Counts::default(),
            app: AppId::from("app"),
            lossy: true,
            bus: Vec::new(),
            work: Vec::new(),
            swept_at: Millis(0),
            next_id: 0,
        }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The device's connection, if it is still up at both ends.
    pub(crate) fn online(&self, device: usize) -> Option<u64> {
        self.devices[device].connection.filter(|id| self.connections.contains_key(id))
    }

    pub(crate) fn of_client(&self, client: &ClientId) -> impl Iterator<Item = (u64, &Connection)> {
        let client = client.clone();
        self.connections
            .iter()
            .filter(move |(_, connection)| connection.identity.client == client)
            .map(|(id, connection)| (*id, connection))
    }

    pub(crate) fn connection_of(&self, session: SessionId) -> Option<u64> {
        let mut all = self.connections.iter();
        all.find(|(_, connection)| connection.identity.session == session).map(|(id, _)| *id)
    }

    pub(crate) fn connect(&mut self, device: usize, node: usize, identity: Identity, replaced: bool) -> u64 {
        let id = self.next_id();
        let connection = Connection {
            node,
            device,
            identity,
            held: false,
            missed: VecDeque::new(),
            stay: None,
            wire: VecDeque::new(),
            busy: false,
            alive: true,
            replaced_at: replaced.then_some(self.now),
        };
        self.connections.insert(id, connection);
        self.devices[device].connection = Some(id);
        id
    }

    /// Takes a connection out of its node. Returns its session, and what the client confirmed of its room.
    pub(crate) fn disconnect(&mut self, id: u64) -> Option<(SessionId, Option<u64>)> {
        let connection = self.connections.remove(&id)?;
        let session = connection.identity.session;
        self.nodes[connection.node].remove_where(|member, _| member == session);
        Some((session, connection.stay.map(|(_, confirmation)| confirmation.confirmed())))
    }

    /// The server notices that a connection is gone, or takes its session away from it.
    pub(crate) fn drop_connection(&mut self, id: u64) {
        let device = self.connections.get(&id).map(|connection| connection.device);
        if let Some((session, confirmed)) = self.disconnect(id) {
            self.store.drop_session(session, confirmed, self.now);
            let stay = device.and_then(|device| self.devices[device].stay.as_mut());
            if let Some(stay) = stay.filter(|stay| stay.session == session) {
                stay.dropped_at = Some(self.now);
            }
        }
    }

    /// The device loses its network; the server does not see it yet.
    pub(crate) fn lose_network(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.alive = false;
            self.devices[connection.device].connection = None;
        }
    }

    /// The application logs out.
    pub(crate) fn close(&mut self, id: u64) {
        let Some(Connection { device, .. }) = self.connections.get(&id) else { return };
        self.devices[*device].stay = None;
        if let Some((session, _)) = self.disconnect(id) {
            self.store.end_session(session, self.now);
        }
    }

    /// A claim is committed: it travels to all nodes, and is applied on its own a little later.
    pub(crate) fn claimed(&mut self, id: u64, room: &RoomId, claimed: Claimed, gap: Option<u64>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.busy = true;
        if connection.stay.as_ref().is_some_and(|(former, _)| former != room) {
            connection.stay = None;
        }
        let client = connection.identity.client.clone();
        let own = connection.node;
        let later = self.later(300);
        self.work.push((later, Work::Join { connection: id, room: room.clone(), claimed, gap }));
        self.publish(own, || Event::Claimed {
            client: client.clone(),
            room: room.clone(),
            epoch: claimed.epoch,
        });
    }

    /// A message is stored and goes to all nodes.
    pub(crate) fn send(&mut self, id: u64, room: &RoomId, level: Level) {
        let Connection { node: own, device, ref identity, .. } = self.connections[&id];
        let stay = self.devices[device].stay.as_ref().filter(|stay| stay.room == *room);
        let message = self.store.append(room, level, identity.session, stay.map(|stay| stay.serial));
        self.publish(own, || Event::Stored { room: room.clone(), message: message.clone() });
    }

    fn publish(&mut self, own: usize, event: impl Fn() -> Event) {
        for node in 0..self.nodes.len() {
            if self.lossy && node != own && self.dice.chance(10) {
                self.counts.lost_on_the_bus += 1;
                continue;
            }
            let at_most = if self.dice.chance(15) { 5_000 } else { 150 };
            let at = self.later(at_most);
            self.bus.push(Flight { at, node, event: event() });
        }
    }

    /// The time of the rings.
    pub(crate) fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now.0.unsigned_abs())
    }

    fn later(&mut self, at_most: usize) -> Millis {
        let delay = self.dice.below(at_most) as i64;
        self.now.plus(delay)
    }

    /// Time passes: what is due happens, in the order in which it is due.
    pub(crate) fn pass(&mut self, milliseconds: i64) {
        self.now = self.now.plus(milliseconds);
        let now = self.now;
        let mut flights: Vec<Flight> = self.bus.extract_if(.., |flight| flight.at <= now).collect();
        flights.sort_by_key(|flight| flight.at);
        for Flight { node, event, .. } in flights {
            match event {
                Event::Claimed { client, room, epoch } => {
                    let left = self.nodes[node].learn(&client, &room, epoch);
                    self.forget(left);
                }
                Event::Stored { room, message } => {
                    let monotonic = self.monotonic();
                    self.nodes[node].offer(&room, message, monotonic);
                }
            }
        }
        let mut work: Vec<(Millis, Work)> = self.work.extract_if(.., |(at, _)| *at <= now).collect();
        work.sort_by_key(|(at, _)| *at);
        for (_, work) in work {
            self.apply(work);
        }
        if now.since(self.swept_at) >= SWEEP {
            self.sweep();
        }
    }

    pub(crate) fn sweep(&mut self) {
        self.swept_at = self.now;
        for node in 0..self.nodes.len() {
            let left = self.nodes[node].sweep(&self.store);
            self.counts.evicted_by_sweep += left.len() as u32;
            self.forget(left);
        }
    }

    fn apply(&mut self, work: Work) {
        match work {
            Work::Join { connection: id, room, claimed, gap } => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                connection.busy = false;
                let (session, client) = (connection.identity.session, connection.identity.client.clone());
                let Some(from) = self.nodes[connection.node].join(session, &client, &room, claimed) else {
                    self.counts.claims_outrun += 1;
                    return;
                };
                if connection.stay.as_ref().is_none_or(|(known, _)| *known != room) {
                    connection.stay = Some((room.clone(), Confirmation::new(0, gap.unwrap_or(from))));
                }
                let stay = self.devices[connection.device].stay.as_mut();
                if let Some(stay) = stay.filter(|stay| stay.session == session && stay.room == room) {
                    // Back before its node knew that it had left: what came in between was not for this stay.
                    stay.from.get_or_insert(gap.unwrap_or(from.max(claimed.head)));
                }
                if let Some(gap) = gap {
                    connection.held = true;
                    let missed = self.store.gap(&room, gap, from, session);
                    let at_most = if self.dice.chance(30) { 5_000 } else { 300 };
                    let at = self.later(at_most);
                    self.work.push((at, Work::Replay { connection: id, room, missed }));
                }
            }
            Work::Replay { connection: id, room, missed } => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                self.counts.replayed += missed.len() as u32;
                connection.held = false;
                connection.missed.extend(missed.into_iter().map(|message| (room.clone(), message)));
            }
        }
    }

    /// Sessions that left a room get nothing more of it.
    fn forget(&mut self, left: Vec<(SessionId, RoomId)>) {
        for (session, room) in left {
            let id = self.connection_of(session);
            if let Some(connection) = id.and_then(|id| self.connections.get_mut(&id)) {
                connection.missed.retain(|(of, _)| *of != room);
                connection.stay.take_if(|(of, _)| *of == room);
            }
        }
    }

    /// The application leaves the room by itself.
    pub(crate) fn quit(&mut self, id: u64, room: &RoomId) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (session, node) = (connection.identity.session, connection.node);
        if self.store.records.get(&session).is_some_and(|record| record.room == *room) {
            self.store.end_session(session, self.now);
        }
        let left = self.nodes[node].remove_where(|member, at| member == session && at.room == *room);
        self.forget(left);
    }

    /// Reads gaps from the store; `all`: also what came last and was lost.
    pub(crate) fn fill(&mut self, all: bool) {
        let monotonic = self.monotonic();
        for node in &mut self.nodes {
            node.fill_gaps(&self.store, monotonic);
            if all {
                node.compare_heads(&self.store, monotonic);
            }
        }
    }

    /// A connection is written to once: what it missed first, then what is in the ring.
    pub(crate) fn write(&mut self, id: u64, bytes: usize) {
        let monotonic = self.monotonic();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (session, node) = (connection.identity.session, &mut self.nodes[connection.node]);
        match node.shed(session, monotonic) {
            Ok(lost) => self.counts.shed += lost as u32,
            Err(HighLost) => {
                self.counts.overflows += 1;
                return self.drop_connection(id);
            }
        }
        if connection.held {
            return;
        }
        let replayed = connection.missed.len().min((bytes / FRAME_BYTES).max(1));
        let mut batch: Vec<(RoomId, Message)> = connection.missed.drain(..replayed).collect();
        let rest = bytes.saturating_sub(replayed * FRAME_BYTES);
        if rest > 0
            && connection.missed.is_empty()
            && let Some((room, messages)) = node.write(session, rest)
        {
            self.counts.delivered += messages.len() as u32;
            self.store.check_membership(session, &room, &messages, self.now);
            batch.extend(messages.into_iter().map(|message| (room.clone(), message)));
        }
        for (room, message) in batch {
            if let Some((_, confirmation)) = connection.stay.as_mut().filter(|(of, _)| *of == room)
                && message.level == Level::High
            {
                confirmation.wrote_high(message.number);
            }
            connection.wire.push_back(Wire::Message(room, message));
        }
        let ping = connection.stay.as_mut().and_then(|(_, confirmation)| confirmation.ping_due(monotonic));
        connection.wire.extend(ping.map(Wire::Ping));
    }

    /// A device reads what came, up to `count` frames; the rest is lost if it drops.
    pub(crate) fn read(&mut self, at: usize, count: usize) {
        let Some(id) = self.online(at) else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let device = &mut self.devices[at];
        for _ in 0..count {
            match connection.wire.pop_front() {
                None => break,
                Some(Wire::Ping(payload)) => {
                    if let Some((_, confirmation)) = &mut connection.stay {
                        confirmation.pong(&payload);
                    }
                }
                Some(Wire::Message(room, message)) => {
                    assert_ne!(message.by, connection.identity.session, "the sender gets its own message");
                    let Some(stay) = device.stay.as_mut().filter(|stay| stay.room == room) else { continue };
                    let is_own = message.stay == Some(stay.serial) && !stay.renamed;
                    assert!(!is_own, "device {at} gets its own {message:?}");
                    if message.level == Level::High && device.received.insert((room, message.number)) {
                        assert!(message.number > stay.newest, "{message:?} after {}", stay.newest);
                        stay.newest = message.number;
                    }
                }
            }
        }
    }

    /// No more faults, until nothing is under way.
    pub(crate) fn come_to_rest(&mut self) {
        self.lossy = false;
        let dead: Vec<u64> =
            self.connections.iter().filter(|(_, connection)| !connection.alive).map(|(id, _)| *id).collect();
        for id in dead {
            self.drop_connection(id);
        }
        for _ in 0..100 {
            self.pass(500);
            self.fill(true);
            for id in self.connections.keys().copied().collect::<Vec<_>>() {
                self.write(id, 10_000);
            }
            for device in 0..self.devices.len() {
                self.read(device, usize::MAX);
            }
            let is_idle = |connection: &Connection| {
                let node = &self.nodes[connection.node];
                connection.missed.is_empty()
                    && connection.wire.is_empty()
                    && node.is_idle(connection.identity.session)
            };
            if self.bus.is_empty() && self.work.is_empty() && self.connections.values().all(is_idle) {
                break;
            }
        }
        assert!(self.bus.is_empty() && self.work.is_empty(), "the world does not come to rest");
        self.sweep();
        self.lossy = true;
    }
}
