//! A backup beside senders that note when each message was acknowledged: what was before the mark is in it, once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use grandstand::{clock::Clock, store::Store};
use grandstand_protocol::{Body, Level};
use grandstand_room::clock::Millis;
use tokio::task::JoinSet;

use crate::{
    guest::Guest,
    running::program as serve,
    running::{Running, run},
    server, stock,
};

const SENDERS: usize = 8;

/// What senders were told, and when.
type Acks = Vec<(String, Millis)>;

/// Every acknowledgement before the mark is there, nothing is twice, and numbers have no gap.
fn check(acks: &Acks, mark: Millis, stored: &[String]) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for id in stored {
        *times.entry(id).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "something is twice");
    let before = acks.iter().filter(|(_, at)| *at < mark);
    let missing: Vec<_> = before.clone().filter(|(id, _)| !times.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "acknowledged before {mark:?} and not there: {missing:?}");
    assert!(before.count() > SENDERS, "the load began before the backup");
    assert!(acks.iter().any(|(_, at)| *at > mark), "the load went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_the_mark_is_restored_once() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out, new) =
        (folder.path().join("data"), folder.path().join("backup"), folder.path().join("new"));
    let store = Arc::new(stock::with_room(&data).await);
    stock::fill(&store, 5000, 1000).await;

    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (store, stop, count) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&count));
        senders.spawn(async move {
            let (mut acks, clock) = (Acks::new(), Clock::system());
            while !stop.load(Ordering::Relaxed) {
                let id = format!("{sender}-{}", acks.len());
                let new = stock::message(&id, &format!("sender-{sender}"), 200);
                store.append(new, clock.wall()).await.expect("appends go on beside a backup");
                acks.push((id, clock.wall()));
                count.fetch_add(1, Ordering::Relaxed);
            }
            acks
        });
    }
    while count.load(Ordering::Relaxed) < 500 {
        tokio::task::yield_now().await;
    }
    let before = count.load(Ordering::Relaxed);
    let made = {
        let (data, out) = (data.clone(), out.clone());
        tokio::task::spawn_blocking(move || stock::back_up(&data, &out)).await.unwrap().unwrap()
    };
    let meanwhile = count.load(Ordering::Relaxed) - before;
    assert!(meanwhile > SENDERS, "{meanwhile} were acknowledged during the backup");
    let after = count.load(Ordering::Relaxed);
    while count.load(Ordering::Relaxed) < after + 100 {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    let acks: Acks = senders.join_all().await.into_iter().flatten().collect();
    store.close().await.unwrap();

    let restored = stock::restore(&out, &new).unwrap();
    assert_eq!((restored.mark, &restored.facts), (made.mark, &made.facts));
    let stored = stock::messages(&new, stock::ROOM).await;
    assert!(stored.iter().map(|message| message.number).eq(1..=stored.len() as i64), "numbers have gaps");
    assert_eq!(stored.len() as u64, made.facts.messages);
    check(&acks, made.mark, &stored.iter().map(|message| message.id.to_string()).collect::<Vec<_>>());
}

/// The same through the programs; then the restored server goes on, and a login of the old one is valid there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_server_goes_on_with_the_old_logins() {
    let folder = tempfile::tempdir().unwrap();
    let old = server::start(folder.path(), "");
    let (mut host, host_token) = Guest::log_in(old.public, "host").await;
    let room = host.create().await;
    host.join(&room).await;
    let (mut guest, token) = Guest::log_in(old.public, "guest").await;
    guest.join(&room).await;

    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (stop, count, room, address) = (Arc::clone(&stop), Arc::clone(&count), room.clone(), old.public);
        senders.spawn(async move {
            let (mut guest, _) = Guest::log_in(address, &format!("sender-{sender}")).await;
            let mut acks = Acks::new();
            while !stop.load(Ordering::Relaxed) {
                let text = format!("{sender}-{}", acks.len());
                guest.say(&room, Level::Normal, &text).await;
                acks.push((text, Clock::system().wall()));
                count.fetch_add(1, Ordering::Relaxed);
            }
            acks
        });
    }
    let reaches = async |wanted: usize| {
        while count.load(Ordering::Relaxed) < wanted {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    reaches(300).await;
    let made = in_background(folder.path().to_owned()).await;
    reaches(count.load(Ordering::Relaxed) + 50).await;
    stop.store(true, Ordering::Relaxed);
    let acks: Acks = senders.join_all().await.into_iter().flatten().collect();
    drop((host, guest));
    drop(old);

    let (backup, new) = (folder.path().join("backup"), folder.path().join("new"));
    assert!(run(stock::program("restore").arg(&backup).arg("--data").arg(&new)).status.success());
    let mark = Millis::from_iso(made["mark"].as_str().unwrap()).unwrap();
    let texts: Vec<String> =
        stock::messages(&new, room.as_str()).await.into_iter().filter_map(text).collect();
    check(&acks, mark, &texts);

    let mut command = serve(folder.path(), "new");
    let server = Running::start_command(command.arg("--config").arg(folder.path().join("grandstand.toml")));
    let mut guest = Guest::reopen(server.public, "guest", &token).await;
    let mut host = Guest::reopen(server.public, "host", &host_token).await;
    host.say(&room, Level::High, "after the restore").await;
    let heard = guest.hear_until("after the restore").await;
    assert_eq!(heard.last().unwrap(), "after the restore", "it is back in its room");
}

async fn in_background(folder: std::path::PathBuf) -> serde_json::Value {
    let command = move || {
        let mut backup = stock::program("backup");
        backup.current_dir(folder).args(["--data", "data", "--out", "backup", "--json"]);
        run(&mut backup)
    };
    let output = tokio::task::spawn_blocking(command).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(message: grandstand::store::StoredMessage) -> Option<String> {
    match message.body {
        Body::Text(text) => Some(text),
        Body::Binary(_) => None,
    }
}
