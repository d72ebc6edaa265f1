//! Quotas: how much each app's back end may ask in a minute or a day, and how often an address may guess a master key.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use grandstand_protocol::AppId;
use grandstand_room::{
    quota::{Guess, Guesses, Window},
    rates::Wait,
};
use tracing::warn;

use crate::{apps::App, gateway::admission::Address};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Addresses that are remembered of each kind. When more come within a window, all are forgotten: a few megabytes, and
/// whoever has that many addresses is not held back by counting each.
const REMEMBERED: usize = 10_000;

/// The quotas of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaSettings {
    /// Messages that are sent, edited or recalled over HTTP in a minute.
    pub messages_per_minute: u32,
    /// Requests about rooms with the app's key, in a minute from one address.
    pub by_key_per_minute: u32,
    /// Broadcasts to rooms in a minute.
    pub broadcasts_per_minute: u32,
    /// Broadcasts to rooms in a day.
    pub broadcasts_per_day: u32,
}

impl Default for QuotaSettings {
    /// LeanCloud's for apps in business, where it has one (protocol 6.6).
    fn default() -> Self {
        Self {
            messages_per_minute: 1800,
            by_key_per_minute: 120,
            broadcasts_per_minute: 10,
            broadcasts_per_day: 30,
        }
    }
}

/// A call that has a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// A message is sent, edited or recalled.
    Message,
    /// Whoever has the app's key asks about rooms from this address.
    ByKey(IpAddr),
    /// A message goes to many rooms.
    Broadcast,
}

impl Call {
    /// How many are possible in which time.
    fn limits(self, quotas: &QuotaSettings) -> Vec<(Duration, u32)> {
        match self {
            Self::Message => vec![(MINUTE, quotas.messages_per_minute)],
            Self::ByKey(_) => vec![(MINUTE, quotas.by_key_per_minute)],
            Self::Broadcast => {
                vec![(MINUTE, quotas.broadcasts_per_minute), (DAY, quotas.broadcasts_per_day)]
            }
        }
    }
}

/// An app's call, and the length of the window in which it is counted.
type Counted = (AppId, Call, Duration);

/// What was used in windows that began with the first call, on this node.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<Counted, Window>>);

impl Quotas {
    /// Counts a call.
    ///
    /// # Errors
    /// The time until the next one is possible.
    pub(crate) fn take(&self, app: &App, call: Call, now: Duration) -> Result<(), Wait> {
        let call = match call {
            Call::ByKey(address) => Call::ByKey(Address::from(address).0),
            call => call,
        };
        let mut windows = self.lock();
        if windows.len() >= REMEMBERED {
            let is_kept = |call: &Call| !matches!(call, Call::ByKey(_));
            windows.retain(|(_, call, length), window| is_kept(call) || !window.is_over(*length, now));
            if windows.len() >= REMEMBERED {
                windows.retain(|(_, call, _), _| is_kept(call));
            }
        }
        let limits = call.limits(&app.quotas);
        for (length, limit) in &limits {
            let window = windows.entry((app.id.clone(), call, *length)).or_default();
            window.has_place(*limit, *length, now)?;
        }
        for (length, _) in limits {
            windows.entry((app.id.clone(), call, length)).or_default().take(length, now);
        }
        Ok(())
    }

    /// Forgets windows that are over.
    pub(crate) fn forget_old(&self, now: Duration) {
        self.lock().retain(|(_, _, length), window| !window.is_over(*length, now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counted, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who guesses what: an address, an app, and whether it says that it is its back end. So a guesser locks nobody out
/// elsewhere and no other app, and a device with a wrong key not the back end behind the same address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Guesser {
    address: IpAddr,
    app: AppId,
    as_master: bool,
}

/// The wrong keys that came lately.
#[derive(Debug, Default)]
pub(crate) struct Lockout {
    guesses: Mutex<HashMap<Guesser, Guesses>>,
    /// Keys are remembered as digests that mean nothing outside of this process.
    digests: RandomState,
}

/// One attempt to prove something, before it is decided.
#[derive(Debug)]
pub(crate) struct Attempt {
    guesser: Guesser,
    digest: u64,
    /// Whether it is to be compared; the same wrong key again is not.
    pub(crate) is_fresh: bool,
}

impl Lockout {
    /// Whether keys from there are looked at.
    ///
    /// # Errors
    /// The time until they are again.
    pub(crate) fn attempt(
        &self,
        address: IpAddr,
        app: &AppId,
        as_master: bool,
        credentials: impl Hash,
        now: Duration,
    ) -> Result<Attempt, Wait> {
        let guesser = Guesser { address: Address::from(address).0, app: app.clone(), as_master };
        let digest = self.digests.hash_one(credentials);
        let guess = match self.lock().get(&guesser) {
            Some(guesses) => guesses.judge(digest, now)?,
            None => Guess::Fresh,
        };
        Ok(Attempt { guesser, digest, is_fresh: guess == Guess::Fresh })
    }

    /// Notes that an attempt failed; true when no key from there is looked at from now on.
    pub(crate) fn note(&self, attempt: Attempt, now: Duration) -> bool {
        let Attempt { guesser, digest, is_fresh } = attempt;
        if !is_fresh {
            return false;
        }
        let mut guesses = self.lock();
        if guesses.len() >= REMEMBERED {
            guesses.retain(|_, guesses| !guesses.is_over(now));
            if guesses.len() >= REMEMBERED {
                guesses.clear();
            }
        }
        let was_last = guesses.entry(guesser.clone()).or_default().note(digest, now);
        drop(guesses);
        if was_last {
            let Guesser { address, app, as_master } = guesser;
            metrics::counter!("grandstand_lockouts_total").increment(1);
            warn!(%address, %app, as_master, "too many guesses at the master key; none is looked at from there for an hour");
        }
        was_last
    }

    /// Forgets what is over.
    pub(crate) fn forget_old(&self, now: Duration) {
        self.lock().retain(|_, guesses| !guesses.is_over(now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Guesser, Guesses>> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let (quotas, lockout) = (Quotas::default(), Lockout::default());
        let app = App::new("the-app", "k", "m");
        let now = Duration::from_secs(1);
        for number in 0..3 * REMEMBERED as u32 {
            let address = IpAddr::from(number.to_be_bytes());
            assert!(quotas.take(&app, Call::ByKey(address), now).is_ok());
            let attempt = lockout.attempt(address, &app.id, true, "wrong", now).unwrap();
            lockout.note(attempt, now);
        }
        assert!(quotas.lock().len() <= REMEMBERED && lockout.lock().len() <= REMEMBERED);
        quotas.forget_old(now + MINUTE);
        lockout.forget_old(now + MINUTE * 60);
        assert!(quotas.lock().is_empty() && lockout.lock().is_empty());
    }

    #[test]
    fn broadcasts_are_counted_by_minute_and_by_day() {
        let (quotas, mut app) = (Quotas::default(), App::new("the-app", "k", "m"));
        app.quotas = QuotaSettings { broadcasts_per_minute: 2, broadcasts_per_day: 3, ..app.quotas };
        let take = |now| quotas.take(&app, Call::Broadcast, now).map_err(|Wait(wait)| wait);
        let began = Duration::from_secs(1);
        assert_eq!([take(began), take(began)], [Ok(()); 2]);
        assert_eq!(take(began), Err(MINUTE));
        assert_eq!(take(began + MINUTE), Ok(()), "what was refused does not count");
        assert_eq!(take(began + MINUTE * 2), Err(DAY - MINUTE * 2));
        quotas.forget_old(began + MINUTE * 3);
        assert!(take(began + MINUTE * 3).is_err());
        assert_eq!(take(began + DAY), Ok(()));
    }

    #[test]
    fn a_household_is_one_address() {
        let (lockout, app) = (Lockout::default(), App::new("the-app", "k", "m"));
        let now = Duration::from_secs(1);
        for number in 0..20 {
            let address: IpAddr = format!("2001:db8::{number:x}").parse().unwrap();
            lockout.note(lockout.attempt(address, &app.id, true, number, now).unwrap(), now);
        }
        assert!(lockout.attempt("2001:db8::ffff".parse().unwrap(), &app.id, true, 0, now).is_err());
        assert!(lockout.attempt("2001:db8:0:1::1".parse().unwrap(), &app.id, true, 0, now).is_ok());
        assert!(lockout.attempt("2001:db8::1".parse().unwrap(), &app.id, false, 0, now).is_ok());
    }
}
