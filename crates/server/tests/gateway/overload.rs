//! A member that does not read: what it loses, what it never loses, and that nobody else notices.

use grandstand_protocol::{Format, Level, Open};

use crate::{guest::Guest, raw::Raw, server::Server};

/// A text of about this many bytes that begins with its number.
fn text(number: usize, bytes: usize) -> String {
    format!("{number} {}", "x".repeat(bytes))
}

fn number(text: &str) -> usize {
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_slow_member_loses_low_first_and_gets_every_high() {
    let server = Server::start("[limits]\nbacklog = \"64KiB\"").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut slow = Guest::over(narrow, "slow", Format::Binary);
    slow.open(Open::default()).await;
    slow.join(&room).await;

    let levels = [Level::Low, Level::Low, Level::Normal, Level::High];
    let total = 1200;
    for n in 0..total {
        host.say(&room, levels[n % 4], &text(n, 1000)).await;
    }
    host.say(&room, Level::High, "0 last").await;
    let mut heard = slow.hear_until("0 last").await;
    // What waited behind the last HIGH message still comes.
    host.say(&room, Level::Normal, "0 end").await;
    heard.extend(slow.hear_until("0 end").await);
    heard.retain(|text| !["0 last", "0 end"].contains(&text.as_str()));
    let heard: Vec<usize> = heard.iter().map(|text| number(text)).collect();
    let count = |heard: &[usize], level: Level| heard.iter().filter(|n| levels[**n % 4] == level).count();
    assert_eq!(count(&heard, Level::High), total / 4, "every HIGH message");
    assert!(count(&heard, Level::Low) < total / 2, "the fault happened: LOW was left out");
    let (low, normal) = (count(&heard, Level::Low) * 2, count(&heard, Level::Normal) * 4);
    assert!(low < normal, "LOW goes first: of {total} would have come {low} LOW, {normal} NORMAL");
    let high: Vec<usize> = heard.into_iter().filter(|n| levels[n % 4] == Level::High).collect();
    assert!(high.is_sorted(), "HIGH in order");
}

#[tokio::test]
async fn a_member_with_a_full_high_lane_is_sent_away_and_misses_nothing_when_it_returns() {
    let server = Server::start("[limits]\nhigh_backlog = \"64KiB\"").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut slow = Guest::over(narrow, "slow", Format::Binary);
    let token = slow.open(Open::default()).await;
    slow.join(&room).await;

    let mut total = 0;
    while host.count(&room).await == 2 {
        host.say(&room, Level::High, &text(total, 1000)).await;
        total += 1;
    }
    // It reads on at once: the server waits only so long for its last words to be heard.
    assert_eq!(slow.raw.close_code().await, 1001, "come back");
    let mut back = Guest::reopen(server.address, "slow", &token).await;
    host.say(&room, Level::High, "0 last").await;
    let heard = back.hear_until("0 last").await;
    let mut numbers: Vec<usize> = heard.iter().map(|text| number(text)).collect();
    numbers.pop();
    // It confirmed nothing, so everything comes again, in order.
    assert_eq!(numbers, (0..total).collect::<Vec<_>>());
}
