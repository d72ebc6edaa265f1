//! `kill -9` under load, again and again on one data folder: what was acknowledged is there, once, in order.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use grandstand::store::{Appended, NewMessage, SqliteStore, Store, StoredMessage};
use grandstand_protocol::{AppId, Body, ClientId, Direction, Level, Mentions, MessageId, RoomId};
use grandstand_room::{clock::Millis, history::HistoryQuery, room::Room};
use rand::RngExt;

const KILLS: usize = 20;
const SENDERS: usize = 16;
const ROOMS: usize = 3;

/// In the environment of the process that is killed: the data folder, and which of its lives this is.
const FOLDER: &str = "GRANDSTAND_TEST_KILL_FOLDER";
const LIFE: &str = "GRANDSTAND_TEST_KILL_LIFE";

/// What the killed process said before it died: `ack ID ROOM NUMBER TIMESTAMP`.
#[derive(Debug)]
struct Ack {
    id: String,
    room: String,
    number: i64,
    timestamp: i64,
}

#[test]
fn acknowledged_messages_survive_kill_9() {
    // This test is also the program that it kills.
    if let Some(folder) = env::var_os(FOLDER) {
        return append_until_killed(Path::new(&folder), &env::var(LIFE).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    block_on(make_rooms(folder.path()));
    let mut acks = Vec::new();
    for life in 0..KILLS {
        let acked = kill_one(folder.path(), life);
        assert!(!acked.is_empty(), "life {life} was killed before any load");
        acks.extend(acked);
    }
    block_on(check(folder.path(), &acks));
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn make_rooms(folder: &Path) {
    let store = SqliteStore::open(folder).unwrap();
    for n in 0..ROOMS {
        let (creator, data) = (String::new(), serde_json::Map::new());
        let (id, now) = (RoomId::from(format!("room-{n}")), wall());
        let room = Room { id, creator, data, created_at: now, updated_at: now, last_message_at: None };
        store.create_room(&app(), room).await.unwrap();
    }
    store.close().await.unwrap();
}

fn app() -> AppId {
    AppId::from("app")
}

fn wall() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn message(id: &str, sender: &str, room: &str) -> NewMessage {
    NewMessage {
        app: app(),
        room: RoomId::from(room),
        id: MessageId::from(id),
        from: ClientId::new(sender).unwrap(),
        session: None,
        level: Level::High,
        body: Body::Text("x".repeat(200)),
        mentions: Mentions::default(),
        lctype: Some(-1),
        dedupe: Some(format!("mark of {id}")),
        address: None,
        original: None,
        audience: None,
    }
}

/// Each sender appends one message after the other and says so after each acknowledgement.
fn append_until_killed(folder: &Path, life: &str) {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder).unwrap());
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..SENDERS {
            let (store, life) = (Arc::clone(&store), life.to_owned());
            senders.spawn(async move {
                for n in 0.. {
                    let (id, room) = (format!("{life}-{sender}-{n}"), format!("room-{}", n % ROOMS));
                    let appended =
                        store.append(message(&id, &format!("sender-{sender}"), &room), wall()).await;
                    let Appended::Stored(stamp) = appended.unwrap() else { panic!("{id} was there") };
                    let line = format!("ack {id} {room} {} {}\n", stamp.number, stamp.timestamp.0);
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        senders.join_all().await;
    });
}

/// Starts the program, lets it come under load, kills it at a random moment; returns what it had acknowledged.
fn kill_one(folder: &Path, life: usize) -> Vec<Ack> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["acknowledged_messages_survive_kill_9", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(LIFE, life.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (line, lines) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || read_acks(output, &line));
    let mut acks = wait_for_load(&lines, &mut child);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it ran until it was killed: {status}");
    reader.join().unwrap();
    // What it wrote to the pipe before it died.
    acks.extend(lines.try_iter());
    acks
}

fn read_acks(mut output: impl BufRead, acks: &mpsc::Sender<Ack>) {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // A last line that was cut off is none.
        if line.ends_with('\n')
            && let ["ack", id, room, number, timestamp] = line.split_whitespace().collect::<Vec<_>>()[..]
        {
            let (number, timestamp) = (number.parse().unwrap(), timestamp.parse().unwrap());
            let _ = acks.send(Ack { id: id.to_owned(), room: room.to_owned(), number, timestamp });
        }
        line.clear();
    }
}

/// Takes a random number of acknowledgements, then a random moment more, so that kills fall anywhere in a commit.
fn wait_for_load(lines: &mpsc::Receiver<Ack>, child: &mut Child) -> Vec<Ack> {
    let mut random = rand::rng();
    let wanted = random.random_range(30..400);
    let mut acks: Vec<Ack> = Vec::with_capacity(wanted);
    while acks.len() < wanted {
        match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(ack) => acks.push(ack),
            Err(reason) => panic!("no load after {} acks: {reason}, {:?}", acks.len(), child.try_wait()),
        }
    }
    let moment = Instant::now() + Duration::from_micros(random.random_range(0..5000));
    while let Some(left) = moment.checked_duration_since(Instant::now()) {
        match lines.recv_timeout(left) {
            Ok(ack) => acks.push(ack),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("it ended by itself"),
        }
    }
    acks
}

async fn check(folder: &Path, acks: &[Ack]) {
    let store = SqliteStore::open(folder).unwrap();
    let mut stored: HashMap<String, (String, StoredMessage)> = HashMap::new();
    for n in 0..ROOMS {
        let name = format!("room-{n}");
        let query = HistoryQuery {
            older: None,
            newer: None,
            direction: Direction::New,
            limit: u32::MAX,
            lctype: None,
        };
        let messages = store.history(&app(), &RoomId::from(name.as_str()), &query).await.unwrap();
        assert!(
            messages.iter().map(|message| message.number).eq(1..=messages.len() as i64),
            "{name} has gaps"
        );
        assert!(messages.is_sorted_by_key(|message| message.timestamp), "{name}: times go back");
        check_senders(&messages);
        for message in messages {
            let twice = stored.insert(message.id.to_string(), (name.clone(), message));
            assert!(twice.is_none(), "{twice:?} is there twice");
        }
    }
    for ack in acks {
        let (room, message) = stored.get(&ack.id).unwrap_or_else(|| panic!("{ack:?} is lost"));
        let place = (room.as_str(), message.number, message.timestamp.0);
        assert_eq!(place, (ack.room.as_str(), ack.number, ack.timestamp), "{ack:?} is elsewhere");
    }
    check_retries(&store, &acks[acks.len().saturating_sub(20)..]).await;
    store.close().await.unwrap();
    eprintln!("{KILLS} kills, {} acknowledged, {} stored", acks.len(), stored.len());
}

/// A sender waits for each acknowledgement, so its messages stand in the order in which it sent them.
fn check_senders(messages: &[StoredMessage]) {
    let mut last: HashMap<&str, u64> = HashMap::new();
    for message in messages {
        let (sender, n) = message.id.as_str().rsplit_once('-').unwrap();
        let n = n.parse().unwrap();
        let before = last.insert(sender, n);
        assert!(before < Some(n), "{sender}: {n} after {before:?}");
    }
}

/// A client that did not see its acknowledgement sends again: it gets the same one.
async fn check_retries(store: &SqliteStore, acks: &[Ack]) {
    for ack in acks {
        let sender = format!("sender-{}", ack.id.split('-').nth(1).unwrap());
        let retry = NewMessage {
            dedupe: Some(format!("mark of {}", ack.id)),
            ..message("a retry", &sender, &ack.room)
        };
        let first = Appended::Duplicate { id: ack.id.as_str().into(), timestamp: Millis(ack.timestamp) };
        assert_eq!(store.append(retry, wall()).await.unwrap(), first);
    }
}
