//! Switches, bans and words from another Grandstand server: taken where nobody has decided yet, and nowhere else.

use std::path::Path;

use grandstand::store::{ModerationStore, SqliteStore, Store, WordStore};
use grandstand_migrate::archive::{BanLine, MuteAllLine, SlowModeLine, SwitchesLine, WordLine};
use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::{
    ban::{Ban, Banned},
    clock::Millis,
    moderation::{MuteAll, Role, RoomSwitches, SlowMode, SwitchChange},
};
use tempfile::TempDir;

use crate::fixture::{THEN, app, aside, finish, import, room, writer};

/// 2096.
const LATER: i64 = 4_000_000_000_000;

fn switches(room: &str) -> SwitchesLine {
    SwitchesLine { room: room.to_owned(), ..SwitchesLine::default() }
}

fn mute(until: Option<i64>) -> MuteAllLine {
    MuteAllLine { until, clients: vec!["ann".to_owned()], roles: vec!["Owner".to_owned()] }
}

fn client(name: &str) -> BanLine {
    BanLine { client: Some(name.to_owned()), created_at: Some(THEN), ..BanLine::default() }
}

fn address(text: &str) -> BanLine {
    BanLine { address: Some(text.to_owned()), until: Some(LATER), ..BanLine::default() }
}

/// What can be taken, and what cannot.
fn archive(folder: &Path) {
    let mut writer = writer(folder);
    for id in ["muted", "slow", "frozen", "over", "here"] {
        writer.room(&room(id)).unwrap();
    }
    let slow = |seconds| Some(SlowModeLine { seconds, roles: vec!["Manager".to_owned()] });
    for line in [
        SwitchesLine { mute_all: Some(mute(Some(LATER))), ..switches("muted") },
        SwitchesLine { slow_mode: slow(5), mute_all: Some(mute(Some(THEN))), ..switches("slow") },
        SwitchesLine { frozen: true, ..switches("frozen") },
        SwitchesLine { mute_all: Some(mute(Some(THEN))), ..switches("over") },
        SwitchesLine { frozen: true, ..switches("here") },
        SwitchesLine { frozen: true, ..switches("nowhere") },
        SwitchesLine { slow_mode: slow(0), ..switches("muted") },
    ] {
        writer.switches(&line).unwrap();
    }
    let over = BanLine { until: Some(THEN), ..client("over") };
    for line in [
        BanLine { reason: Some("刷屏".to_owned()), ..client("bob") },
        address("192.0.2.7/24"),
        client("here"),
        over,
        address("everywhere"),
        address("0.0.0.0/0"),
        BanLine::default(),
    ] {
        writer.ban(&line).unwrap();
    }
    for word in ["刷单", "Casino", "two\nlines", ""] {
        writer.word(&WordLine { word: word.to_owned() }).unwrap();
    }
    finish(writer);
}

fn named(name: &str) -> Banned {
    Banned::Client(ClientId::new(name).unwrap())
}

#[tokio::test]
async fn what_can_be_taken_is_there_and_what_is_here_stays() {
    let folder = TempDir::new().unwrap();
    let (from, data) = (folder.path().join("archive"), folder.path().join("data"));
    archive(&from);
    let rooms = folder.path().join("rooms");
    let mut first = writer(&rooms);
    first.room(&room("here")).unwrap();
    finish(first);
    import(&data, &[&rooms]).await.unwrap();
    let store = SqliteStore::open(&data).unwrap();
    let slow = SlowMode { seconds: 60, roles: [Role::Owner].into() };
    let change = SwitchChange { slow_mode: Some(Some(slow.clone())), ..SwitchChange::default() };
    store.change_room_switches(&app(), &RoomId::from("here"), change).await.unwrap();
    let ours = Ban { banned: named("here"), until: Some(Millis(LATER)), reason: None, made_at: Millis(THEN) };
    store.ban(&app(), ours.clone()).await.unwrap();
    store.close().await.unwrap();

    let report = import(&data, &[&from]).await.unwrap();
    let of =
        |tally: grandstand::import::Tally| [tally.read, tally.imported, tally.known, tally.over, tally.aside];
    assert_eq!(of(report.switches), [7, 3, 1, 1, 2]);
    assert_eq!(of(report.bans), [7, 2, 1, 1, 3]);
    assert_eq!(of(report.words), [4, 2, 0, 0, 2]);
    assert_eq!(aside(&report).len(), 7, "{:?}", report.reasons);

    let store = SqliteStore::open(&data).unwrap();
    let now = Millis(THEN + 1);
    let muted = MuteAll {
        until: Some(Millis(LATER)),
        clients: [ClientId::new("ann").unwrap()].into(),
        roles: [Role::Owner].into(),
    };
    let off = RoomSwitches::default();
    for (id, expected) in [
        ("muted", RoomSwitches { mute_all: Some(muted), ..off.clone() }),
        (
            "slow",
            RoomSwitches {
                slow_mode: Some(SlowMode { seconds: 5, roles: [Role::Manager].into() }),
                ..off.clone()
            },
        ),
        ("frozen", RoomSwitches { frozen: true, ..off.clone() }),
        ("over", off.clone()),
        ("here", RoomSwitches { slow_mode: Some(slow), ..off }),
    ] {
        let rules = store.room_rules(&app(), &RoomId::from(id), now).await.unwrap().unwrap();
        assert_eq!(rules.switches, expected, "{id}");
    }
    let bans = store.bans(&app(), now).await.unwrap();
    let find = |banned: Banned| bans.iter().find(|ban| ban.banned == banned).unwrap();
    assert_eq!(bans.len(), 3, "{bans:?}");
    assert_eq!(*find(named("here")), ours);
    let bob = find(named("bob"));
    assert_eq!((bob.reason.as_deref(), bob.until, bob.made_at), (Some("刷屏"), None, Millis(THEN)));
    find(Banned::Network("192.0.2.0/24".parse().unwrap()));
    assert_eq!(store.words(&app()).await.unwrap().unwrap(), ["刷单", "Casino"]);
    store.set_words(&app(), vec!["ours".to_owned()]).await.unwrap();
    store.close().await.unwrap();

    // Once more changes nothing.
    let again = import(&data, &[&from]).await.unwrap();
    assert_eq!(of(again.switches), [7, 0, 4, 1, 2]);
    assert_eq!(of(again.bans), [7, 0, 3, 1, 3]);
    assert_eq!(of(again.words), [4, 0, 2, 0, 2]);
    let store = SqliteStore::open(&data).unwrap();
    assert_eq!(store.words(&app()).await.unwrap().unwrap(), ["ours"]);
    store.close().await.unwrap();
}
