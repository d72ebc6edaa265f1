//! A phone that goes to sleep with its socket open, and is cut off with unread bytes in the kernels of both sides.

use std::{
    collections::{BTreeSet, HashMap},
    env,
};

use grandstand_protocol::{Body, Format, Level, MessageId, Open, Push};

use crate::{guest::Guest, raw::Raw, server};

/// Without `GRANDSTAND_SLEEPER_GIFTS`. With 10,000 more wait than may: the server closes, and all come on return.
const GIFTS: usize = 600;

fn remember(seen: &mut HashMap<MessageId, String>, push: Push) -> String {
    let Body::Text(text) = push.body else { panic!("a text") };
    // The same message may come twice; another one with its id may not.
    let before = seen.insert(push.message, text.clone());
    assert!(before.is_none_or(|before| before == text));
    text
}

#[tokio::test]
async fn every_gift_arrives_once_by_id() {
    let gifts = env::var("GRANDSTAND_SLEEPER_GIFTS").map_or(GIFTS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), "");
    let (mut host, _) = Guest::log_in(server.public, "host").await;
    let room = host.create().await;
    let raw = Raw::connect(server.public, "lc.protobuf2.3").await;
    let mut phone = Guest::over(raw, "phone", Format::Binary);
    let token = phone.open(Open::default()).await;
    phone.join(&room).await;

    let mut seen = HashMap::new();
    // More than may wait, and less than a client gets that returns.
    let filler = "x".repeat((4_000_000 / gifts).min(1000));
    for n in 0..gifts {
        host.say(&room, Level::High, &format!("{n} {filler}")).await;
        if n < 100 {
            remember(&mut seen, phone.hear().await);
        }
    }
    // Half a megabyte is on its way, most of it in the kernel, and nobody will read it.
    drop(phone);
    let mut phone = Guest::reopen(server.public, "phone", &token).await;
    host.say(&room, Level::High, "end").await;
    let mut again = 0;
    loop {
        let push = phone.hear().await;
        again += usize::from(seen.contains_key(&push.message));
        if remember(&mut seen, push) == "end" {
            break;
        }
    }
    let numbers: BTreeSet<usize> =
        seen.values().filter_map(|text| text.split(' ').next().unwrap().parse().ok()).collect();
    let missing: Vec<_> = (0..gifts).filter(|n| !numbers.contains(n)).collect();
    assert!(
        missing.is_empty(),
        "{} are missing, from {:?} to {:?}",
        missing.len(),
        missing.first(),
        missing.last()
    );
    assert_eq!(seen.len(), gifts + 1, "each has one id");
    assert!(again <= 100, "only what was not confirmed comes again: {again}");
}
