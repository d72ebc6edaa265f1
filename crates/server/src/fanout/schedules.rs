//! Fan-out under many schedules: its locks, counters and tasks are tried in orders that a machine rarely takes.
//!
//! Real rooms, outboxes, flushers and writers, with sockets in memory that take little at a time. What shuttle prints
//! when one fails is the schedule: `shuttle::replay` takes it.

mod room;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use grandstand_protocol::Level;
use shuttle::{
    Config, MaxSteps, Runner,
    scheduler::{PctScheduler, RandomScheduler},
    thread,
};

use self::room::{Bounds, Room};
use super::LEVELS;

/// Schedules of each test and each kind, if `GRANDSTAND_SCHEDULES` does not say how many.
const SCHEDULES: usize = 2_000;

/// What a socket takes that nobody reads: less than a frame.
const NARROW: usize = 100;
/// A frame, and a part of the next.
const WIDE_AS_A_MESSAGE: usize = 150;
/// As much as anybody sends here.
const WIDE: usize = 16 * 1024;

#[test]
fn who_stays_gets_everything_once_in_order_and_nothing_of_its_own() {
    explore(|| {
        let room = Room::new(Bounds::WIDE);
        let watcher = room.enter("watcher", WIDE);
        let members = ["ann", "ben", "cid"].map(|name| room.enter(name, NARROW));
        let talking = [&members[0], &members[1]].map(|member| {
            let (room, session) = (Arc::clone(&room), Arc::clone(&member.session));
            thread::spawn(move || room.talk(&session, LEVELS))
        });
        talking.into_iter().for_each(|talk| talk.join().unwrap());
        room.come_to_rest();

        let watched = room.take(watcher);
        assert_eq!(watched.texts.len(), 6, "{watched:?}");
        let received = members.map(|member| room.take(member));
        for one in &received {
            assert_eq!(*one, watched.without(one.name), "{watched:?}");
        }
        room.check_account(received.iter().chain([&watched]));
    });
}

#[test]
fn who_comes_and_goes_misses_nothing_in_between() {
    explore(|| {
        let room = Room::new(Bounds::WIDE);
        let watcher = room.enter("watcher", WIDE);
        let ann = room.enter("ann", NARROW);
        let talk = {
            let (room, session) = (Arc::clone(&room), Arc::clone(&ann.session));
            thread::spawn(move || room.talk(&session, [Level::High, Level::Low, Level::High]))
        };
        let visits = ["ben", "cid"].map(|name| {
            let room = Arc::clone(&room);
            thread::spawn(move || {
                let visitor = room.enter(name, NARROW);
                room.talk(&visitor.session, [Level::High]);
                room.take(visitor)
            })
        });
        let visitors = visits.map(|visit| visit.join().unwrap());
        talk.join().unwrap();
        room.come_to_rest();

        let ann = room.take(ann);
        let watched = room.take(watcher);
        assert_eq!(watched.texts.len(), 5, "{watched:?}");
        assert_eq!(ann, watched.without("ann"));
        for one in &visitors {
            assert!(one.is_part_of(&watched.without(one.name)), "{one:?} of {watched:?}");
        }
        room.check_account(visitors.iter().chain([&ann, &watched]));
    });
}

#[test]
fn who_is_behind_loses_low_messages_first_and_never_high_ones() {
    explore(|| {
        let room = Room::new(Bounds::NARROW);
        let watcher = room.enter("watcher", WIDE);
        let slow = ["ann", "ben"].map(|name| room.enter(name, NARROW));
        let talk = {
            let (room, session) = (Arc::clone(&room), Arc::clone(&slow[0].session));
            thread::spawn(move || room.talk(&session, [Level::Low, Level::Normal, Level::High].repeat(3)))
        };
        talk.join().unwrap();
        room.come_to_rest();

        let received = slow.map(|member| room.take(member));
        let watched = room.take(watcher);
        assert_eq!(received[0].texts.len(), 0, "ann has sent it all");
        let (ben, all) = (&received[1], watched.without("ben"));
        assert_eq!(ben.of(Level::High), all.of(Level::High));
        assert_eq!(all.of(Level::High).len(), 3);
        room.check_account(received.iter().chain([&watched]));
    });
}

#[test]
fn nobody_is_to_blame_for_what_its_socket_was_not_offered() {
    let lost = Arc::new(AtomicBool::new(false));
    let lost_once = Arc::clone(&lost);
    explore(move || {
        let room = Room::new(Bounds::NARROW);
        let held = room.enter("ann", WIDE);
        // As long as it gets what it missed before.
        held.session.outbox.hold();
        (0..9).for_each(|_| room.talk_of_nobody(Level::Low));
        room.leave_behind();
        held.session.outbox.release(None);
        room.come_to_rest();

        let outcomes = room.outcomes(Level::Low);
        assert_eq!((outcomes.behind, outcomes.late), (0, 0), "{outcomes:?}");
        lost_once.fetch_or(outcomes.overrun > 0, Ordering::Relaxed);
        room.check_account([&room.take(held)]);
    });
    // If a flusher comes first, it gets everything.
    assert!(lost.load(Ordering::Relaxed), "it was never behind");
}

#[test]
fn what_is_pending_for_one_asleep_is_kept_however_often_the_room_falls_silent() {
    explore(|| {
        let room = Room::new(Bounds::WIDE);
        let ann = room.enter_asleep("ann", WIDE_AS_A_MESSAGE);
        let ben = room.enter("ben", NARROW);
        room.talk(&ben.session, [Level::Normal; 3]);
        // Whoever is held up goes on.
        (0..8).for_each(|_| thread::yield_now());
        ann.wake();
        room.come_to_rest();

        let received = [ann, ben].map(|member| room.take(member));
        assert_eq!(received[0].texts.len(), 3);
        room.check_account(&received);
    });
}

#[test]
fn no_flusher_is_the_last_before_everybody_had_a_visit() {
    explore(|| {
        let room = Room::new(Bounds::WIDE);
        let ann = room.enter("ann", WIDE);
        room.talk_of_nobody(Level::High);
        // Where the others of the block are not, if nobody was there meanwhile.
        let ben = room.enter("ben", WIDE);
        let ann = room.take(ann);
        room.talk_of_nobody(Level::High);
        room.retire_unseen();
        room.come_to_rest();

        let ben = room.take(ben);
        assert_eq!(ben.texts.len(), 1);
        room.check_account([&ann, &ben]);
    });
}

/// Tries orders by chance, and orders in which a few threads are held up at a bad moment.
fn explore(scene: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("GRANDSTAND_SCHEDULES").ok().and_then(|count| count.parse().ok());
    let schedules = schedules.unwrap_or(SCHEDULES);
    let scene = Arc::new(scene);
    let run = |runner: Box<dyn FnOnce(Config)>| {
        let mut config = Config::new();
        config.stack_size = 256 * 1024;
        config.max_steps = MaxSteps::FailAfter(100_000);
        runner(config);
    };
    let by_chance = Arc::clone(&scene);
    run(Box::new(move |config| {
        Runner::new(RandomScheduler::new(schedules), config).run(move || by_chance());
    }));
    run(Box::new(move |config| {
        Runner::new(PctScheduler::new(3, schedules), config).run(move || scene());
    }));
}
