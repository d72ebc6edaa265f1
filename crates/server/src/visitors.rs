//! Who logged in today: counted for the app's back end, noted in the store once a second so that a restart forgets
//! nobody.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use grandstand_protocol::{AppId, ClientId};
use grandstand_room::clock::Millis;
use sha2::{Digest, Sha256};

use crate::store::Visitor;

/// A day, in milliseconds. Days begin at midnight UTC.
const DAY: i64 = 24 * 3600 * 1000;

/// Distinct client ids of each app today.
#[derive(Debug, Default)]
pub(crate) struct Visitors(Mutex<Today>);

#[derive(Debug, Default)]
struct Today {
    day: i64,
    seen: HashMap<AppId, HashSet<u64>>,
    /// What the store has not noted yet.
    unnoted: Vec<Visitor>,
}

impl Visitors {
    /// The day of a time, as the store counts days.
    pub(crate) fn day(now: Millis) -> i64 {
        now.0.div_euclid(DAY)
    }

    /// Those that the store knows of a day.
    pub(crate) fn known(day: i64, visitors: Vec<Visitor>) -> Self {
        let mut seen: HashMap<AppId, HashSet<u64>> = HashMap::new();
        for Visitor { app, client } in visitors {
            seen.entry(app).or_default().insert(client);
        }
        Self(Mutex::new(Today { day, seen, unnoted: Vec::new() }))
    }

    /// A client id logged in.
    pub(crate) fn note(&self, app: &AppId, client: &ClientId, now: Millis) {
        let hash = hash(client);
        let mut today = self.of(now);
        if today.seen.entry(app.clone()).or_default().insert(hash) {
            today.unnoted.push(Visitor { app: app.clone(), client: hash });
        }
    }

    /// Forgets that a client id logged in today: its hash, for whoever keeps it elsewhere; and whether it was here.
    pub(crate) fn forget(&self, app: &AppId, client: &ClientId, now: Millis) -> (u64, bool) {
        let hash = hash(client);
        let mut today = self.of(now);
        let known = today.seen.get_mut(app).is_some_and(|seen| seen.remove(&hash));
        today.unnoted.retain(|visitor| visitor.app != *app || visitor.client != hash);
        (hash, known)
    }

    /// How many logged in today.
    pub(crate) fn count(&self, app: &AppId, now: Millis) -> usize {
        self.of(now).seen.get(app).map_or(0, HashSet::len)
    }

    /// Takes what is to be noted, for who writes it.
    pub(crate) fn take(&self, now: Millis) -> (i64, Vec<Visitor>) {
        let mut today = self.of(now);
        (today.day, std::mem::take(&mut today.unnoted))
    }

    /// What could not be written waits for the next time.
    pub(crate) fn put_back(&self, day: i64, visitors: &[Visitor]) {
        let mut today = self.lock();
        if today.day == day {
            today.unnoted.extend_from_slice(visitors);
        }
    }

    /// Today's; at midnight all are forgotten. A clock that is set back a little changes nothing.
    fn of(&self, now: Millis) -> MutexGuard<'_, Today> {
        let mut today = self.lock();
        let day = Self::day(now);
        if day > today.day || day < today.day - 1 {
            *today = Today { day, ..Today::default() };
        }
        today
    }

    fn lock(&self) -> MutexGuard<'_, Today> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same in every life of the server.
fn hash(client: &ClientId) -> u64 {
    let digest = Sha256::digest(client.as_str());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: Millis = Millis(20_000 * DAY);

    fn client(name: &str) -> ClientId {
        ClientId::new(name).unwrap()
    }

    #[test]
    fn each_client_id_counts_once_a_day_and_app() {
        let visitors = Visitors::known(19_999, Vec::new());
        let (app, other) = (AppId::from("app"), AppId::from("other"));
        for (app, name) in [(&app, "ann"), (&app, "bob"), (&app, "ann"), (&other, "ann")] {
            visitors.note(app, &client(name), MIDNIGHT.plus(-1));
        }
        assert_eq!(
            (visitors.count(&app, MIDNIGHT.plus(-1)), visitors.count(&other, MIDNIGHT.plus(-1))),
            (2, 1)
        );
        let (day, noted) = visitors.take(MIDNIGHT.plus(-1));
        assert_eq!((day, noted.len()), (19_999, 3));
        assert!(visitors.take(MIDNIGHT.plus(-1)).1.is_empty());
        assert_eq!(visitors.count(&app, MIDNIGHT), 0, "a new day");

        // The next life.
        let visitors = Visitors::known(day, noted);
        visitors.note(&app, &client("ann"), MIDNIGHT.plus(-1));
        visitors.note(&app, &client("cid"), MIDNIGHT.plus(-1));
        assert_eq!(visitors.count(&app, MIDNIGHT.plus(-1)), 3);
        assert_eq!(visitors.take(MIDNIGHT.plus(-1)).1.len(), 1);
    }

    #[test]
    fn what_could_not_be_noted_waits_unless_the_day_is_over() {
        let visitors = Visitors::default();
        visitors.note(&"app".into(), &client("ann"), MIDNIGHT);
        let (day, noted) = visitors.take(MIDNIGHT);
        visitors.put_back(day, &noted);
        assert_eq!(visitors.take(MIDNIGHT), (day, noted.clone()));
        visitors.note(&"app".into(), &client("ann"), MIDNIGHT.plus(DAY));
        visitors.put_back(day, &noted);
        assert_eq!(visitors.take(MIDNIGHT.plus(DAY)).1.len(), 1, "only today's");
    }
}
