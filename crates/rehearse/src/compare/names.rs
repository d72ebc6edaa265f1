//! What stands here for what stood there: ids, digests and times, learned from replies.

use std::collections::{BTreeMap, HashMap};

/// Pairs of names, one to one.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    actual: HashMap<String, String>,
    recorded: HashMap<String, String>,
}

impl Pairs {
    /// What stands for this one, if that is known.
    pub(super) fn actual(&self, recorded: &str) -> Option<&str> {
        self.actual.get(recorded).map(String::as_str)
    }

    /// Whether these two stand for each other as far as is known.
    pub(super) fn agree(&self, recorded: &str, actual: &str) -> bool {
        self.actual.get(recorded).is_none_or(|known| known == actual)
            && self.recorded.get(actual).is_none_or(|known| known == recorded)
    }

    /// From now on these two stand for each other, unless they stand for others already.
    pub(super) fn learn(&mut self, recorded: &str, actual: &str) -> bool {
        let agree = self.agree(recorded, actual);
        if agree {
            self.replace(recorded, actual);
        }
        agree
    }

    /// From now on these two stand for each other, whatever they stood for.
    pub(super) fn replace(&mut self, recorded: &str, actual: &str) {
        self.actual.insert(recorded.to_owned(), actual.to_owned());
        self.recorded.insert(actual.to_owned(), recorded.to_owned());
    }

    /// What stands for an id that an app names: itself, if no reply told of another one. From now on it does.
    pub(super) fn pin(&mut self, recorded: &str) -> String {
        if let Some(actual) = self.actual(recorded) {
            return actual.to_owned();
        }
        self.replace(recorded, recorded);
        recorded.to_owned()
    }
}

/// Milliseconds before and after which a number is no time of ours: 1973, and 2096.
const TIMES: std::ops::Range<i64> = 100_000_000_000..4_000_000_000_000;

/// Times of the recording, and those of the same things now.
#[derive(Debug)]
pub(super) struct Times {
    pairs: BTreeMap<i64, i64>,
    /// Of messages, by their recorded ids: several may share one millisecond there and none here.
    messages: HashMap<String, i64>,
}

impl Times {
    /// The recording began then, and the comparison begins now.
    pub(super) fn new(recorded: i64, now: i64) -> Self {
        Self { pairs: BTreeMap::from([(recorded, now)]), messages: HashMap::new() }
    }

    pub(super) fn is_time(number: i64) -> bool {
        TIMES.contains(&number)
    }

    pub(super) fn learn(&mut self, recorded: i64, actual: i64) {
        if Self::is_time(recorded) && Self::is_time(actual) {
            self.pairs.entry(recorded).or_insert(actual);
        }
    }

    pub(super) fn learn_message(&mut self, recorded: &str, actual: i64) {
        self.messages.insert(recorded.to_owned(), actual);
    }

    /// When this message came here.
    pub(super) fn of_message(&self, recorded: &str) -> Option<i64> {
        self.messages.get(recorded).copied()
    }

    /// The time that corresponds: the same distance from the last one that is known.
    pub(super) fn actual(&self, recorded: i64) -> i64 {
        if !Self::is_time(recorded) {
            return recorded;
        }
        let before = self.pairs.range(..=recorded).next_back();
        let near = before.or_else(|| self.pairs.range(recorded..).next());
        near.map_or(recorded, |(known, actual)| recorded - known + actual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_each_other_one_to_one() {
        let mut pairs = Pairs::default();
        assert!(pairs.learn("r1", "a1") && pairs.learn("r1", "a1"));
        assert!(!pairs.learn("r1", "a2") && !pairs.learn("r2", "a1"));
        assert!(pairs.learn("r2", "a2"));
        assert_eq!((pairs.pin("r1"), pairs.pin("own")), ("a1".to_owned(), "own".to_owned()));
        assert!(!pairs.learn("r3", "own"), "an id that the app named stands for itself");
    }

    #[test]
    fn times_keep_their_distances() {
        let (then, now) = (1_700_000_000_000, 1_800_000_000_000);
        let mut times = Times::new(then, now);
        assert_eq!(times.actual(then + 5), now + 5);
        times.learn(then + 100, now + 40);
        assert_eq!((times.actual(then + 100), times.actual(then + 101)), (now + 40, now + 41));
        assert_eq!(times.actual(then - 7), now - 7);
        for other in [0, -1, 50, 64_092_211_200_000] {
            assert_eq!(times.actual(other), other, "no time, or a year that means for ever");
        }
    }
}
