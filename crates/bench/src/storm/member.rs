//! One member in a storm: it loses its connection, tries to come back, and notes what it is given.

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::Result;
use grandstand_protocol::{Body, Event};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    endpoint::Endpoint,
    members,
    socket::{Dial, Socket},
    storm::tally::Tally,
};

/// The JavaScript SDK's first pause; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Its longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

pub(super) struct Member {
    pub(super) endpoint: Endpoint,
    pub(super) from: Option<IpAddr>,
    pub(super) number: u32,
    pub(super) at_once: bool,
    pub(super) tally: Arc<Tally>,
}

/// The text of a HIGH message of the storm.
pub(super) fn gift(number: u32) -> String {
    format!("bench-gift {number}")
}

fn gift_number(body: &Body) -> Option<u32> {
    let Body::Text(text) = body else { return None };
    text.strip_prefix("bench-gift ")?.parse().ok()
}

impl Member {
    /// Lives until the storm and through it.
    pub(super) async fn live(self, mut socket: Socket, mut cut: watch::Receiver<Option<Instant>>) {
        let lost = tokio::select! {
            lost = cut.wait_for(Option::is_some) => lost.ok().and_then(|lost| *lost),
            // The connection ended before the storm.
            () = read(&mut socket, |_| {}) => None,
        };
        let Some(lost) = lost else { return self.tally.failed("the connection ended before the storm") };
        let mut token = socket.cut();
        self.tally.cut();
        let mut rng = SmallRng::seed_from_u64(self.number.into());
        let (mut attempt, mut seen, mut is_back) = (0, 0, false);
        loop {
            sleep(self.pause(attempt, &mut rng)).await;
            attempt += 1;
            let mut socket = match self.reopen(token.clone()).await {
                Ok(socket) => socket,
                Err(error) => {
                    self.tally.failed(&error.root_cause().to_string());
                    continue;
                }
            };
            if !is_back {
                self.tally.opened(lost.elapsed());
                is_back = true;
            }
            read(&mut socket, |number| self.tally.given(number, &mut seen, lost)).await;
            self.tally.failed("the connection ended again");
            token = socket.cut();
        }
    }

    async fn reopen(&self, token: String) -> Result<Socket> {
        let dial = Dial { from: self.from, ..Dial::default() };
        Socket::reopen(&self.endpoint, dial, &members::name(self.number), token).await
    }

    /// As the JavaScript SDK waits; phones do not notice in the same moment, so that up to half comes on top.
    fn pause(&self, attempt: u32, rng: &mut SmallRng) -> Duration {
        if self.at_once && attempt == 0 {
            return Duration::ZERO;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
        doubled.min(LONGEST_PAUSE).mul_f64(rng.random_range(1.0..=1.5))
    }
}

/// Reads to the end of the connection; numbers of HIGH messages of the storm are passed on.
async fn read(socket: &mut Socket, mut given: impl FnMut(u32)) {
    while let Ok(said) = socket.next().await {
        if let Event::Message(push) = &said.event
            && let Some(number) = gift_number(&push.body)
        {
            given(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gifts_are_known_by_their_number() {
        assert_eq!(gift_number(&Body::Text(gift(17))), Some(17));
        for other in ["bench-gift", "bench-gift x", "17", ""] {
            assert_eq!(gift_number(&Body::Text(other.to_owned())), None);
        }
    }

    #[tokio::test]
    async fn pauses_double_and_are_spread() {
        let endpoint = Endpoint::find("ws://127.0.0.1:1", "app", None).await.unwrap();
        let member = |at_once| Member {
            endpoint: endpoint.clone(),
            from: None,
            number: 1,
            at_once,
            tally: Arc::new(Tally::new(1)),
        };
        let mut rng = SmallRng::seed_from_u64(1);
        for (attempt, shortest) in [(0, 1), (1, 2), (2, 4), (9, 300), (40, 300)] {
            let pause = member(false).pause(attempt, &mut rng).as_secs_f64();
            assert!((f64::from(shortest)..=1.5 * f64::from(shortest)).contains(&pause), "{attempt}: {pause}");
        }
        assert_eq!(member(true).pause(0, &mut rng), Duration::ZERO);
        assert!(member(true).pause(1, &mut rng) >= Duration::from_secs(2));
    }
}
