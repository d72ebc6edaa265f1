//! Everything goes wrong, by seeds.

use std::collections::BTreeMap;

use grandstand_migrate::export::{By, Thoroughness};

use crate::{
    desk::{Desk, Everything},
    faults::Faults,
    leancloud::{Habits, LeanCloud, QUOTA_WINDOW},
    world::{Size, World},
};

const SIZE: Size = Size { rooms: 60, messages: 9000, at_once: 3500 };

fn faults(answers: u32, pages: u32) -> Habits {
    Habits { faults: Faults { answers, pages, quota: None }, ..Habits::default() }
}

#[tokio::test]
async fn what_is_there_comes_out() {
    for by in [By::App, By::Room] {
        let world = World::seeded(1, SIZE);
        let server = LeanCloud::start(1, world.clone(), Habits::default()).await;
        let mut desk = Desk::new();
        desk.options.by = Some(by);
        let exported = desk.complete(&server).await;
        let expected = Everything::there(&world);
        Everything::in_archive(desk.archive()).assert_is(&expected);
        let (counts, report) = (exported.manifest.counts, exported.report);
        assert_eq!(counts.rooms, expected.rooms.len() as u64);
        assert_eq!(counts.messages, expected.messages.values().map(Vec::len).sum::<usize>() as u64);
        assert_eq!((report.continuity.repeated, report.continuity.duplicates), (0, 0), "{report:#?}");
        assert_eq!(report.continuity.pages, report.continuity.proven);
        let others = report.other_conversations;
        assert!(others.ordinary > 0 && others.service > 0 && others.temporary > 0, "{others:?}");
        assert_eq!(
            others.ordinary + others.service + others.temporary + counts.rooms,
            world.rows.len() as u64
        );
        if by == By::App {
            assert_eq!(report.other_messages.messages + counts.messages, world.messages.len() as u64);
        }
    }
}

#[tokio::test]
async fn what_is_there_comes_out_whatever_goes_wrong() {
    let mut seen = BTreeMap::new();
    for seed in 0..8 {
        let world = World::seeded(seed, SIZE);
        let server = LeanCloud::start(seed, world.clone(), faults(120, 250)).await;
        let mut desk = Desk::new();
        desk.options.by = Some(if seed % 3 == 0 { By::Room } else { By::App });
        // A page that comes without its middle looks like any other: only reading again, the other way, finds it.
        desk.options.checks = Thoroughness::All;
        let exported = desk.export(&server.url()).await.unwrap();
        let expected = Everything::there(&world);
        Everything::in_archive(desk.archive()).in_the_order_of(&expected).assert_is(&expected);
        assert!(exported.manifest.complete, "seed {seed}: {:#?}", exported.report);
        for (fault, count) in server.asked().faults {
            *seen.entry(fault).or_insert(0) += count;
        }
    }
    // All of them did happen.
    for fault in ["Broken", "ProxyPage", "Reset", "CutOff", "Silence", "Nonsense", "Html"] {
        assert!(seen.contains_key(fault), "{fault}: {seen:?}");
    }
    for fault in ["border", "twice", "hole", "short", "reversed", "lacking", "empty"] {
        assert!(seen.contains_key(fault), "{fault}: {seen:?}");
    }
    assert!(seen.keys().filter(|fault| fault.starts_with("TooMany")).count() == 2, "{seen:?}");
}

#[tokio::test]
async fn a_quota_is_waited_for() {
    let world = World::seeded(5, Size { rooms: 40, messages: 3000, at_once: 100 });
    let habits = Habits { faults: Faults { quota: Some(10), ..Faults::default() }, ..Habits::default() };
    let server = LeanCloud::start(5, world.clone(), habits).await;
    let mut desk = Desk::new();
    desk.pace.quota = QUOTA_WINDOW;
    let exported = desk.complete(&server).await;
    Everything::in_archive(desk.archive()).assert_is(&Everything::there(&world));
    let (calls, asked) = (exported.report.calls, server.asked());
    let refused: u64 = asked.faults.values().sum();
    assert!(refused > 0 && calls.over_quota == refused, "{calls:?} {asked:?}");
    // One refusal for each ten that are answered: of what was refused, nothing was asked for again too early.
    assert!(refused * 10 <= calls.sent, "{calls:?}");
}

#[tokio::test]
async fn an_export_that_stops_anywhere_goes_on() {
    let world = World::seeded(7, Size { rooms: 40, messages: 5000, at_once: 2500 });
    let expected = Everything::there(&world);
    let mut stops = 0;
    for (seed, by) in [(1, By::App), (2, By::Room), (3, By::App)] {
        let server = LeanCloud::start(seed, world.clone(), faults(150, 0)).await;
        let mut desk = Desk::new();
        desk.options.by = Some(by);
        desk.options.checks = Thoroughness::Files;
        desk.options.seal_every = std::time::Duration::ZERO;
        // No second attempt: the first thing that goes wrong ends it.
        desk.pace.attempts = 1;
        desk.pace.quotas = 1;
        while let Err(error) = desk.export(&server.url()).await {
            stops += 1;
            assert!(stops < 2000, "{error}");
        }
        Everything::in_archive(desk.archive()).assert_is(&expected);
        let again = desk.complete(&server).await;
        assert!(again.was_done);
    }
    assert!(stops > 20, "{stops}");
}
