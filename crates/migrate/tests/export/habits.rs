//! Servers with habits of their own, and apps that go on living while they are exported.

use grandstand_migrate::export::{By, List, Thoroughness};
use rand::{SeedableRng, rngs::SmallRng};

use crate::{
    desk::{Desk, Everything},
    leancloud::{Habits, LeanCloud},
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
