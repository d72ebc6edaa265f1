//! A server with 512 MiB under floods of messages and of connections, with members that do not read.
//!
//! The kernel enforces the bound where this user may make a control group; elsewhere the process is measured against it.
//! `GRANDSTAND_FLOOD_SECONDS` makes the floods longer.

use std::{
    collections::{BTreeSet, VecDeque},
    env, fs,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use grandstand_protocol::{Body, Command, Event, Format, Level, Open, RoomId, Token};
use tokio::{net::TcpSocket, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    cgroup::Cgroup,
    connect_flood::ConnectFlood,
    guest::{Guest, message},
    raw::Raw,
    running::Running,
    server,
};

const MEMORY: usize = 512 << 20;

/// Rooms of two: one member reads, one does not.
const ROOMS: usize = 15;

/// Members of the large room who read, and as many who do not.
const READERS: usize = 50;

const PUBLISHERS: usize = 3;

/// Commands of a publisher that wait for their answer.
const IN_FLIGHT: usize = 32;

/// Messages of a publisher at least: more than a member who does not read can be kept.
const LEAST: usize = 1500;

/// HIGH messages of a publisher into one room: together no more than a member gets that returns, who gets what fits in
/// 120 bytes for each of `limits.replay` (40,000), a message counting as its text and 120 bytes.
const HIGH: usize = 120 * 40_000 / (FILLER + 200) / PUBLISHERS;

/// Bytes of text beside a message's name.
const FILLER: usize = 4000;

const LEVELS: [Level; 6] = [Level::Low, Level::Low, Level::Low, Level::Normal, Level::Normal, Level::High];

/// The honest ones are fewer.
const MANY: u64 = 200;

/// Connections that have to be refused, or it was no flood.
const REFUSED: usize = 100;

/// How much longer the floods may take for that.
const PATIENCE: Duration = Duration::from_mins(1);

/// When the floods have ended, the server must be as it was within this time.
const RECOVERY: Duration = Duration::from_secs(30);

/// Enough that the floods are felt, and that honest members do not come near.
const LIMITS: &str =
    "connections = 1000\nsockets_per_address = 400\nhandshakes_per_second_per_address = 100000\n";

/// Somebody in a room who has a token to come back with.
struct Member {
    guest: Guest,
    token: Token,
    room: usize,
    reads: bool,
}

/// What was acknowledged to publishers of a room, or heard by a member: HIGH messages by their name, LOW ones as a number.
#[derive(Default)]
struct Messages {
    high: BTreeSet<String>,
    low: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_512_mib_floods_cost_low_messages_and_new_connections_but_nothing_high() {
    let seconds = env::var("GRANDSTAND_FLOOD_SECONDS").map_or(6, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let prepared = server::prepared(folder.path(), LIMITS);
    let cgroup = Cgroup::with_memory(MEMORY);
    let server = match &cgroup {
        Some(cgroup) => {
            Running::start_command(cgroup.confine(&prepared).current_dir(folder.path()).env_clear())
        }
        None => server::start(folder.path(), LIMITS),
    };
    let (mut host, _) = Guest::log_in(server.public, "host").await;
    let mut rooms = Vec::new();
    for _ in 0..=ROOMS {
        rooms.push(host.create().await);
    }
    let rooms: Arc<[RoomId]> = rooms.into();
    let members = fill(server.public, &rooms).await;

    let (enough, over) = (CancellationToken::new(), CancellationToken::new());
    let flood = ConnectFlood::start(server.public, &over);
    let publishing: JoinSet<_> =
        (0..PUBLISHERS).map(|n| publish(server.public, n, Arc::clone(&rooms), enough.clone())).collect();
    let reading: JoinSet<_> =
        members.into_iter().map(|member| live(member, server.public, over.clone())).collect();
    flooded(&flood, Duration::from_secs(seconds)).await;
    enough.cancel();
    let acked = sum(publishing.join_all().await);
    over.cancel();
    let refused = flood.end().await;
    let ended = Instant::now();
    while connections(&server) > MANY {
        assert!(ended.elapsed() < RECOVERY, "the flood's sockets are gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut late, _) = Guest::log_in(server.public, "late").await;
    late.join(&rooms[0]).await;
    for room in &*rooms {
        late.say(room, Level::High, "end").await;
    }
    assert!(ended.elapsed() < RECOVERY, "a new client is served after {:?}", ended.elapsed());

    let mut shed = 0;
    for (room, reads, heard) in reading.join_all().await {
        let acked = &acked[room];
        let missing: Vec<_> = acked.high.difference(&heard.high).collect();
        assert!(missing.is_empty(), "of room {room}, to one who reads: {reads}: {missing:?}");
        assert!(reads || heard.low < acked.low, "{} LOW messages to one who does not read", heard.low);
        shed += acked.low - heard.low;
    }
    let high: usize = acked.iter().map(|acked| acked.high.len()).sum();
    let peak = peak(&server);
    let all = cgroup.as_ref().and_then(Cgroup::peak).map(|bytes| bytes >> 20);
    eprintln!(
        "{high} HIGH messages, none lost; {shed} LOW ones not delivered; {refused} connections refused"
    );
    eprintln!("at most {} MiB; {all:?} MiB with the kernel's and cached files", peak >> 20);
    assert!(high > 100, "that was no flood: {high} HIGH");
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    assert_eq!(cgroup.as_ref().map_or(0, Cgroup::killed), 0);
}

/// Returns when the flood lasted for so long, and so many were refused that the server was full: on a slow machine that
/// takes longer.
async fn flooded(flood: &ConnectFlood, least: Duration) {
    let start = Instant::now();
    tokio::time::sleep(least).await;
    while flood.refused() < REFUSED {
        let refused = flood.refused();
        assert!(start.elapsed() < least + PATIENCE, "that was no flood: {refused} refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The large room is the first one.
async fn fill(address: SocketAddr, rooms: &Arc<[RoomId]>) -> Vec<Member> {
    let places = (0..2 * READERS).map(|_| 0).chain((1..rooms.len()).flat_map(|room| [room, room]));
    let coming: JoinSet<_> =
        places.enumerate().map(|(n, room)| come(address, n, room, rooms[room].clone())).collect();
    coming.join_all().await
}

async fn come(address: SocketAddr, n: usize, room: usize, id: RoomId) -> Member {
    let reads = n.is_multiple_of(2);
    let socket = TcpSocket::new_v4().unwrap();
    if !reads {
        // What its own kernel takes is not what is tested.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
    }
    let stream = socket.connect(address).await.unwrap();
    let mut guest =
        Guest::over(Raw::upgrade(stream, "lc.protobuf2.3").await, &format!("guest-{n}"), Format::Binary);
    let token = guest.open(Open::default()).await;
    guest.join(&id).await;
    Member { guest, token, room, reads }
}

/// Sends to all rooms in turn, without waiting for each answer. Returns what was acknowledged, by room.
async fn publish(
    address: SocketAddr,
    n: usize,
    rooms: Arc<[RoomId]>,
    enough: CancellationToken,
) -> Vec<Messages> {
    let (mut publisher, _) = Guest::log_in(address, &format!("publisher-{n}")).await;
    let mut acked: Vec<Messages> = rooms.iter().map(|_| Messages::default()).collect();
    let mut waiting = VecDeque::new();
    let mut sent = 0;
    loop {
        let is_over = sent >= LEAST && enough.is_cancelled();
        if is_over && waiting.is_empty() {
            return acked;
        }
        if !is_over && waiting.len() < IN_FLIGHT {
            let (room, round) = (sent % rooms.len(), sent / rooms.len());
            let level = LEVELS[round % LEVELS.len()];
            let level = if round / LEVELS.len() < HIGH { level } else { Level::Low };
            let name = format!("{level:?} {n} {sent}");
            let text = format!("{name} {}", "x".repeat(FILLER));
            let command = Command::Send(Box::new(message(&rooms[room], level, &text)));
            waiting.push_back((publisher.send(command).await, room, name));
            sent += 1;
            continue;
        }
        let told = publisher.read().await.expect("an answer before the end");
        assert!(matches!(told.event, Event::Accepted { .. }), "{:?}", told.event);
        let (serial, room, name) = waiting.pop_front().unwrap();
        assert_eq!(told.serial, Some(serial));
        acked[room].count(name);
    }
}

/// Reads to the end, at once or when the flood is over; comes back if it is sent away for being behind.
async fn live(member: Member, address: SocketAddr, over: CancellationToken) -> (usize, bool, Messages) {
    let Member { mut guest, token, room, reads } = member;
    if !reads {
        over.cancelled().await;
    }
    let mut heard = Messages::default();
    loop {
        match guest.read().await.map(|told| told.event) {
            Some(Event::Message(push)) => {
                let Body::Text(text) = push.body else { panic!("a text") };
                if text == "end" {
                    return (room, reads, heard);
                }
                let name: Vec<_> = text.split(' ').take(3).collect();
                heard.count(name.join(" "));
            }
            Some(_) => {}
            None => guest = Guest::reopen(address, &guest.client, &token).await,
        }
    }
}

impl Messages {
    fn count(&mut self, name: String) {
        if name.starts_with("Low") {
            self.low += 1;
        } else if name.starts_with("High") {
            self.high.insert(name);
        }
    }
}

fn sum(of_publishers: Vec<Vec<Messages>>) -> Vec<Messages> {
    let mut sum: Vec<Messages> = Vec::new();
    for of_rooms in of_publishers {
        sum.resize_with(of_rooms.len(), Messages::default);
        for (sum, mut of_room) in sum.iter_mut().zip(of_rooms) {
            sum.high.append(&mut of_room.high);
            sum.low += of_room.low;
        }
    }
    sum
}

fn connections(server: &Running) -> u64 {
    server.overview()["connections"].as_u64().unwrap()
}

/// The most resident memory that the process ever had.
fn peak(server: &Running) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}
