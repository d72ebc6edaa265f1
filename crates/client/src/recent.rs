//! The last messages seen, to drop those that come twice.

use std::collections::{HashSet, VecDeque};

use grandstand_protocol::{MessageId, Push};

/// Enough for what the server repeats after a drop: the HIGH messages of a second or two.
const REMEMBERED: usize = 1024;

/// A message and its last edit: an edited message that comes again is news.
type Seen = (MessageId, Option<i64>);

#[derive(Debug, Default)]
pub(crate) struct Recent {
    order: VecDeque<Seen>,
    set: HashSet<Seen>,
}

impl Recent {
    /// Notes the message; false if it was noted before.
    pub(crate) fn is_new(&mut self, message: &Push) -> bool {
        self.note((message.message.clone(), message.patched_at))
    }

    /// Notes a message of one's own: what a server replays after a crash may contain it.
    pub(crate) fn own(&mut self, message: &MessageId) {
        self.note((message.clone(), None));
    }

    fn note(&mut self, seen: Seen) -> bool {
        if !self.set.insert(seen.clone()) {
            return false;
        }
        self.order.push_back(seen);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use grandstand_protocol::{Body, Mentions};

    use super::*;

    fn push(number: usize, patched_at: Option<i64>) -> Push {
        Push {
            room: "room".into(),
            message: number.to_string().into(),
            timestamp: 1,
            from: "ann".to_owned(),
            body: Body::default(),
            transient: false,
            mentions: Mentions::default(),
            patched_at,
        }
    }

    #[test]
    fn a_message_is_new_once_and_again_when_edited() {
        let mut recent = Recent::default();
        assert!(recent.is_new(&push(1, None)));
        assert!(!recent.is_new(&push(1, None)));
        assert!(recent.is_new(&push(1, Some(5))));
        assert!(!recent.is_new(&push(1, Some(5))));
    }

    #[test]
    fn a_message_of_ones_own_is_no_news() {
        let mut recent = Recent::default();
        recent.own(&"1".into());
        assert!(!recent.is_new(&push(1, None)));
        assert!(recent.is_new(&push(1, Some(5))), "somebody edited it");
    }

    #[test]
    fn memory_is_bounded() {
        let mut recent = Recent::default();
        for number in 0..=REMEMBERED {
            assert!(recent.is_new(&push(number, None)));
        }
        assert_eq!((recent.order.len(), recent.set.len()), (REMEMBERED, REMEMBERED));
        assert!(recent.is_new(&push(0, None)), "the oldest is forgotten");
        assert!(!recent.is_new(&push(REMEMBERED, None)));
    }
}
