//! One address that connects far too often, while a room is busy: it gets what it may and is told the rest; members and
//! newcomers hardly notice.
//!
//! `GRANDSTAND_RUSH_MEMBERS` and `GRANDSTAND_RUSH_SECONDS` make it larger and longer; then it is also looked at how soon
//! the flood is told. What it costs the members in time is printed and not judged: flood, members and server share the
//! machine, so half of the figure is the flood's own work.

use std::{
    env,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use grandstand_protocol::{Body, Format, Level, Open, RoomId};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{ALONE, guest::Guest, raw::Raw, running::upgrade_request, server};

/// Handshakes of one address in a second, and the flood's.
const LIMIT: usize = 100;
const FLOOD: usize = 10 * LIMIT;

const FLOODER: [u8; 4] = [127, 0, 0, 7];

/// Members of whom each message is looked at. The others read and forget.
const SAMPLED: usize = 50;

/// Between two messages.
const BEAT: Duration = Duration::from_millis(250);

const LIMITS: &str = "handshakes_per_second_per_address = 100\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_gets_its_share_and_members_and_newcomers_theirs() {
    let _alone = ALONE.lock().await;
    let full = env::var("GRANDSTAND_RUSH_SECONDS").ok().map(|text| text.parse().unwrap());
    let seconds = Duration::from_secs(full.unwrap_or(2));
    let members = env::var("GRANDSTAND_RUSH_MEMBERS").map_or(300, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), LIMITS);
    // Takes the same flood first: what that costs the machine is not this server's doing.
    let another = tempfile::tempdir().unwrap();
    let another = (server::start(another.path(), LIMITS), another);
    let (mut host, _) = Guest::log_in(server.public, "host").await;
    let room = host.create().await;
    let (mut sampled, mut others) = (Vec::new(), JoinSet::new());
    for n in 0..members {
        let guest = come(server.public, n, &room).await;
        if n < SAMPLED {
            sampled.push(guest);
        } else {
            others.spawn(read_all(guest));
        }
    }

    let start = Instant::now();
    let mut hearing: JoinSet<_> = sampled.into_iter().map(|guest| hear(guest, start)).collect();
    let over = CancellationToken::new();
    let elsewhere: JoinSet<_> = [flood(another.0.public, over.clone())].into_iter().collect();
    let before = talk(&mut host, &room, seconds, start, "before").await;
    over.cancel();
    elsewhere.join_all().await;
    let over = CancellationToken::new();
    let coming: JoinSet<_> = [newcomers(server.public, room.clone(), over.clone())].into_iter().collect();
    let flooding: JoinSet<_> = [flood(server.public, over.clone())].into_iter().collect();
    let during = talk(&mut host, &room, seconds, start, "during").await;
    over.cancel();
    let flooded = flooding.join_all().await.remove(0);
    let came = coming.join_all().await.remove(0);
    host.say(&room, Level::Normal, "end").await;

    let (mut calm, mut hurried) = (Vec::new(), Vec::new());
    while let Some(heard) = hearing.join_next().await {
        let heard = heard.unwrap();
        assert_eq!(heard.calm.len(), before, "every member has every message");
        assert_eq!(heard.flooding.len(), during, "every member has every message");
        calm.extend(heard.calm);
        hurried.extend(heard.flooding);
    }
    let (calm, hurried) = (p99(&mut calm), p99(&mut hurried));
    let Flooded { admitted, mut refused, lasted } = flooded;
    // A second's worth at once, and then so many a second.
    let due = LIMIT as f64 * (1.0 + lasted.as_secs_f64());
    let told = p99(&mut refused);
    eprintln!(
        "{admitted} of {} admitted, {due:.0} due; told within {told:?}; members' p99 {hurried:?}, {:.1} × that \
         beside a flood at another server, {calm:?}; {came} newcomers",
        admitted + refused.len(),
        hurried.as_secs_f64() / calm.as_secs_f64()
    );
    assert!(admitted >= LIMIT && admitted as f64 <= due + 1.0, "{admitted} of {due} admitted");
    assert!(refused.len() > admitted, "that was no flood: {} refused", refused.len());
    assert!(came > 0, "somebody came meanwhile");
    if full.is_some() {
        assert!(admitted as f64 >= 0.95 * due, "{admitted} of {due} admitted");
        assert!(told < Duration::from_millis(50), "99 of 100 are told within 50 ms, not {told:?}");
    }
}

/// A member from an address that has sent fewer than it may.
async fn come(to: SocketAddr, n: usize, room: &RoomId) -> Guest {
    let source = [127, 0, 1, u8::try_from(n / (LIMIT / 2)).unwrap()];
    let raw = Raw::upgrade(connect_from(source, to).await, "lc.protobuf2.3").await;
    let mut guest = Guest::over(raw, &format!("guest-{n}"), Format::Binary);
    guest.open(Open::default()).await;
    guest.join(room).await;
    guest
}

async fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

async fn read_all(mut guest: Guest) {
    let mut buffer = [0; 4096];
    while guest.raw.stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// How long messages took to one member.
#[derive(Default)]
struct Heard {
    calm: Vec<Duration>,
    flooding: Vec<Duration>,
}

/// Messages say when they were sent.
async fn hear(mut guest: Guest, start: Instant) -> Heard {
    let mut heard = Heard::default();
    loop {
        let Body::Text(text) = guest.hear().await.body else { panic!("a text") };
        if text == "end" {
            return heard;
        }
        let (when, sent) = text.split_once(' ').unwrap();
        let took = start.elapsed() - Duration::from_micros(sent.parse().unwrap());
        let times = if when == "before" { &mut heard.calm } else { &mut heard.flooding };
        times.push(took);
    }
}

/// Returns how many messages were sent.
async fn talk(host: &mut Guest, room: &RoomId, lasts: Duration, start: Instant, when: &str) -> usize {
    let mut beat = interval(BEAT);
    let mut count = 0;
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        beat.tick().await;
        let text = format!("{when} {}", start.elapsed().as_micros());
        host.say(room, Level::Normal, &text).await;
        count += 1;
    }
    count
}

/// Somebody comes five times a second, each from an address of its own, logs in and enters the room.
async fn newcomers(to: SocketAddr, room: RoomId, over: CancellationToken) -> usize {
    let mut came = Vec::new();
    while !over.is_cancelled() {
        let n = came.len();
        let source = [127, 0, 2, 1 + u8::try_from(n % 250).unwrap()];
        let raw = Raw::upgrade(connect_from(source, to).await, "lc.protobuf2.3").await;
        let mut guest = Guest::over(raw, &format!("late-{n}"), Format::Binary);
        guest.open(Open::default()).await;
        guest.join(&room).await;
        came.push(guest);
        sleep(Duration::from_millis(200)).await;
    }
    came.len()
}

struct Flooded {
    admitted: usize,
    /// How long each waited for its answer.
    refused: Vec<Duration>,
    lasted: Duration,
}

/// Knocks at a fixed rate, whatever becomes of the earlier ones, and holds what it gets.
async fn flood(to: SocketAddr, over: CancellationToken) -> Flooded {
    let start = Instant::now();
    let (mut knocks, mut beat) = (JoinSet::new(), interval(Duration::from_secs(1) / FLOOD as u32));
    let held = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    while !over.is_cancelled() {
        beat.tick().await;
        let held = Arc::clone(&held);
        knocks.spawn(async move {
            let (status, took, stream) = knock(to).await;
            match status {
                Some(101) => held.lock().await.push(stream),
                Some(503) | None => return Some(took),
                Some(other) => panic!("{other} is no answer to an upgrade"),
            }
            None
        });
    }
    let refused: Vec<Duration> = knocks.join_all().await.into_iter().flatten().collect();
    let admitted = held.lock().await.len();
    Flooded { admitted, refused, lasted: start.elapsed() }
}

/// The status of an upgrade, how long it took, and the socket. Where very many are refused in one moment, some are
/// closed without a word.
async fn knock(to: SocketAddr) -> (Option<u16>, Duration, TcpStream) {
    let mut stream = connect_from(FLOODER, to).await;
    // From here: connecting is between the kernels.
    let start = Instant::now();
    let mut answer = [0; 12];
    let _ = stream.write_all(upgrade_request("/", &[]).as_bytes()).await;
    let answered = stream.read_exact(&mut answer).await;
    let status = answered.ok().map(|_| std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap());
    (status, start.elapsed(), stream)
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}
