//! Servers with habits of their own, and apps that go on living while they are exported.

use grandstand_migrate::export::{By, List, Thoroughness};
use rand::{SeedableRng, rngs::SmallRng};

use crate::{
    desk::{Desk, Everything},
    leancloud::{HALF_EMOJI, Habits, LeanCloud},
    world::{FIRST, Size, World, message},
};

#[tokio::test]
async fn all_rooms_are_found_in_whatever_order_they_come() {
    // A fifth of them is of one millisecond: more than a page.
    let world = World::seeded(11, Size { rooms: 6000, messages: 10, at_once: 1 });
    for (orders, rows) in [(true, None), (false, None), (true, Some(100)), (false, Some(300))] {
        let server = LeanCloud::start(1, world.clone(), Habits { orders, rows, ..Habits::default() }).await;
        let mut desk = Desk::new();
        desk.options.without = vec![List::Silences, List::Blocks, List::Roles];
        desk.options.checks = Thoroughness::Files;
        let exported = desk.complete(&server).await;
        let found = Everything::in_archive(desk.archive());
        assert_eq!(found.rooms, Everything::there(&world).rooms, "{orders} {rows:?}");
        let asked = server.asked().requests;
        let pages = 6000 / rows.unwrap_or(1000) as u64;
        assert!(asked < 12 * pages, "{asked} requests: {orders} {rows:?} {:?}", exported.report.calls);
    }
}

#[tokio::test]
async fn rows_that_come_again_at_the_borders_of_pages_hide_none() {
    // Lists of more than a page each; a fifth of the rooms is of one millisecond, so that they are read by `skip`.
    let mut world = World::seeded(29, Size { rooms: 1200, messages: 10, at_once: 1 });
    let room = world.rooms()[0].clone();
    let names = |kind: &str| (0..430).map(|n| format!("{kind}-{n}")).collect::<Vec<_>>();
    world.silences.insert(room.clone(), names("loud"));
    world.blocks.insert(room.clone(), names("out"));
    let role = |client: String| (client.clone(), "Manager".to_owned(), format!("row of {client}"));
    world.roles.insert(room, names("boss").into_iter().map(role).collect());
    for borders in [1, 7, 40] {
        let habits = Habits { borders, rows: Some(100), ..Habits::default() };
        let server = LeanCloud::start(1, world.clone(), habits).await;
        let mut desk = Desk::new();
        desk.options.checks = Thoroughness::Files;
        desk.complete(&server).await;
        Everything::in_archive(desk.archive()).assert_is(&Everything::there(&world));
    }
}

#[tokio::test]
async fn messages_that_lack_something_for_good_are_in_the_report_as_they_came() {
    let world = World::seeded(31, Size { rooms: 20, messages: 3000, at_once: 10 });
    let rooms = world.rooms();
    let of_rooms = world.messages.iter().filter(|message| rooms.contains(&message.conversation));
    let chosen: Vec<_> = of_rooms.step_by(500).cloned().collect();
    let id = |n: usize| chosen[n].id.clone();
    for by in [By::App, By::Room] {
        let lacking = vec![(id(0), "data"), (id(1), "msg-id"), (id(2), "timestamp"), (id(3), "from")];
        let server = LeanCloud::start(1, world.clone(), Habits { lacking, ..Habits::default() }).await;
        let mut desk = Desk::new();
        desk.options.by = Some(by);
        desk.options.checks = Thoroughness::Files;
        let exported = desk.export(&server.url()).await.unwrap();
        let (manifest, report) = (exported.manifest, exported.report);
        assert!(!manifest.complete);
        assert_eq!((report.missing_count, report.missing.len()), (3, 3), "{by:?}: {:#?}", report.missing);
        for (n, (what, key)) in [("no data", "data"), ("no msg-id", "msg-id"), ("no timestamp", "timestamp")]
            .into_iter()
            .enumerate()
        {
            let finding = report.missing.iter().find(|finding| finding.what.contains(what)).unwrap();
            let (row, message) = (&finding.row, &chosen[n]);
            assert!(row.get(key).is_none() && row["from"] == message.from.as_str(), "{row}");
        }
        // A sender is nothing that the archive insists on; whoever imports it decides.
        let mut expected = Everything::there(&world);
        for messages in expected.messages.values_mut() {
            messages.retain(|message| !chosen[..3].iter().any(|lost| lost.id == message.id));
            for message in messages.iter_mut().filter(|message| message.id == chosen[3].id) {
                message.from.clear();
            }
        }
        Everything::in_archive(desk.archive()).assert_is(&expected);
    }
}

#[tokio::test]
async fn half_an_emoji_does_not_cost_the_page() {
    let mut world = World::seeded(41, Size { rooms: 20, messages: 2500, at_once: 10 });
    let (room, mut whole) = (world.rooms()[0].clone(), world.clone());
    let cut: Vec<usize> =
        (0..2500).filter(|n| world.messages[*n].conversation == room).step_by(300).collect();
    for n in cut {
        for (messages, end) in [(&mut world.messages, HALF_EMOJI), (&mut whole.messages, "\u{fffd}")] {
            messages[n].data = format!("so nice {end}");
            messages[n].bin = false;
        }
    }
    for by in [By::App, By::Room] {
        let server = LeanCloud::start(1, world.clone(), Habits { halves: true, ..Habits::default() }).await;
        let mut desk = Desk::new();
        desk.options.by = Some(by);
        let exported = desk.complete(&server).await;
        Everything::in_archive(desk.archive()).assert_is(&Everything::there(&whole));
        assert!(exported.report.calls.mended >= 2, "{:?}", exported.report.calls);
        assert_eq!(exported.report.calls.repeated, 0);
    }
}

#[tokio::test]
async fn a_message_of_a_clock_that_was_set_back_is_in_the_next_export() {
    let mut world = World::seeded(37, Size { rooms: 20, messages: 2000, at_once: 10 });
    let (room, mut rng) = (world.rooms()[0].clone(), SmallRng::seed_from_u64(1));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    world.messages.push(message(&mut rng, room.clone(), now));
    // It comes when the history has been read, and its time is before that of the last one, and of the beginning.
    let late = message(&mut rng, room.clone(), now - 5000);
    let later = World { messages: vec![late.clone()], ..World::default() };
    let habits = Habits { later: Some((12, later)), ..Habits::default() };
    let server = LeanCloud::start(1, world.clone(), habits).await;
    let mut first = Desk::new();
    first.options.checks = Thoroughness::Files;
    let exported = first.complete(&server).await;
    let ids = |desk: &Desk| {
        let messages = Everything::in_archive(desk.archive()).messages.remove(&room).unwrap_or_default();
        messages.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    assert!(!ids(&first).contains(&late.id), "nothing told that there was more: {:?}", server.asked());

    let next = exported.report.next_since.unwrap();
    let mut second = Desk::new();
    second.options.since = grandstand_room::clock::Millis::from_iso(&next).map(|time| time.0);
    second.complete(&server).await;
    assert_eq!(ids(&second), [late.id.clone(), world.messages.last().unwrap().id.clone()]);
}

#[tokio::test]
async fn what_the_history_of_the_app_leaves_out_the_rooms_have() {
    let world = World::seeded(13, Size { rooms: 50, messages: 4000, at_once: 10 });
    let rooms = world.rooms();
    // The newest message of a room: its row tells that something is missing. And one in the middle of another.
    let of = |room: &String| {
        let all = world.messages.iter().filter(|message| message.conversation == *room);
        all.map(|message| message.id.clone()).collect::<Vec<_>>()
    };
    let busy = rooms.iter().max_by_key(|room| of(room).len()).unwrap();
    let quiet = rooms.iter().find(|room| *room != busy && of(room).len() > 3).unwrap();
    let newest = of(quiet).last().unwrap().clone();
    let middle = of(busy)[20].clone();
    let habits = Habits { forgets: vec![newest, middle], ..Habits::default() };
    let server = LeanCloud::start(1, world.clone(), habits).await;
    let desk = Desk::new();
    let exported = desk.complete(&server).await;
    assert_eq!(exported.report.checks.added, 2, "{:#?}", exported.report);
    assert_eq!(exported.report.checks.rooms, rooms.len() as u64);
    let expected = Everything::there(&world);
    Everything::in_archive(desk.archive()).in_the_order_of(&expected).assert_is(&expected);
}

#[tokio::test]
async fn rooms_that_are_made_meanwhile_come_with_their_messages() {
    let mut world = World::seeded(17, Size { rooms: 20, messages: 4000, at_once: 10 });
    let (mut later, mut rng) = (World::default(), SmallRng::seed_from_u64(1));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let room = later.make_room(&mut rng, now);
    later.messages.push(message(&mut rng, room.clone(), now + 100));
    later.messages.push(message(&mut rng, room.clone(), now + 200));
    let habits = Habits { later: Some((5, later.clone())), ..Habits::default() };
    let server = LeanCloud::start(1, world.clone(), habits).await;
    let desk = Desk::new();
    desk.complete(&server).await;
    world.rows.extend(later.rows);
    world.messages.extend(later.messages);
    Everything::in_archive(desk.archive()).assert_is(&Everything::there(&world));
}

#[tokio::test]
async fn a_room_that_goes_meanwhile_is_in_the_report() {
    let world = World::seeded(19, Size { rooms: 20, messages: 4000, at_once: 10 });
    let rooms = world.rooms();
    let gone = rooms[rooms.len() / 2].clone();
    for by in [By::App, By::Room] {
        let habits = Habits { gone: Some((12, gone.clone())), ..Habits::default() };
        let server = LeanCloud::start(1, world.clone(), habits).await;
        let mut desk = Desk::new();
        desk.options.by = Some(by);
        let exported = desk.complete(&server).await;
        assert_eq!(exported.report.gone, [gone.as_str()]);
        let found = Everything::in_archive(desk.archive());
        let expected = Everything::there(&world);
        for (room, messages) in expected.messages.iter().filter(|(room, _)| **room != gone) {
            assert_eq!(found.messages.get(room), Some(messages));
        }
    }
}

#[tokio::test]
async fn some_rooms_and_some_time() {
    let world = World::seeded(23, Size { rooms: 30, messages: 3000, at_once: 400 });
    let times: Vec<i64> = world.messages.iter().map(|message| message.timestamp).collect();
    // The bounds are in the middle of messages of one time: all of them are in, and none of those.
    let (since, until) = (times[times.len() / 3 + 20], times[times.len() - 100]);
    let rooms: Vec<String> = world.rooms().into_iter().take(3).collect();
    for chosen in [Vec::new(), rooms] {
        let server = LeanCloud::start(1, world.clone(), Habits::default()).await;
        let mut desk = Desk::new();
        desk.options.rooms = chosen.clone();
        (desk.options.since, desk.options.until) = (Some(since), Some(until));
        let exported = desk.complete(&server).await;
        let is_chosen = |room: &String| chosen.is_empty() || chosen.contains(room);
        let mut expected = Everything::there(&world);
        expected.rooms.retain(|room, _| is_chosen(room));
        expected.silences.retain(|room, _| is_chosen(room));
        expected.blocks.retain(|room, _| is_chosen(room));
        expected.roles.retain(|room, _| is_chosen(room));
        expected.messages.retain(|room, messages| {
            messages.retain(|message| (since..until).contains(&message.timestamp));
            is_chosen(room) && !messages.is_empty()
        });
        Everything::in_archive(desk.archive()).assert_is(&expected);
        let next = grandstand_room::clock::Millis(until).to_iso();
        assert_eq!(exported.report.next_since, Some(next));
        assert!(since > FIRST);
    }
}
