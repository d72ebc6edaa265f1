//! The latest edits and recalls of a room. News of two changes may come in any order, and a message may come behind the
//! news of its edit: neither is to undo what came later.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use grandstand_protocol::MessageId;

use crate::fanout::Broadcast;

/// Messages of which the last edit is remembered: news that overtake each other are milliseconds apart.
const REMEMBERED: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Patches {
    latest: HashMap<MessageId, Arc<Broadcast>>,
    /// The same messages, the one edited last at the end.
    order: VecDeque<MessageId>,
    /// How many of the first were there a round ago.
    old: usize,
}

impl Patches {
    /// The event as members are to see it: a message as it is by now, and nothing of an edit that was overtaken.
    pub(super) fn up_to_date(&mut self, event: &Arc<Broadcast>) -> Option<Arc<Broadcast>> {
        let Some((message, time)) = event.state_of_message() else { return Some(Arc::clone(event)) };
        let later = self.latest.get(message).filter(|latest| latest.patched_at() > time);
        match (event.is_patch(), later) {
            (true, None) => self.remember(message.clone(), Arc::clone(event)),
            (true, Some(_)) => return None,
            (false, None) => {}
            (false, Some(patch)) => return patch.edited(event).map(Arc::new),
        }
        Some(Arc::clone(event))
    }

    fn remember(&mut self, message: MessageId, patch: Arc<Broadcast>) {
        if self.latest.insert(message.clone(), patch).is_some() {
            let before = self.order.iter().position(|known| *known == message);
            before.map(|at| self.forget_place(at));
        }
        self.order.push_back(message);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.forget_place(0)
        {
            self.latest.remove(&oldest);
        }
    }

    fn forget_place(&mut self, at: usize) -> Option<MessageId> {
        self.old -= usize::from(at < self.old);
        self.order.remove(at)
    }

    /// Called once a minute: forgets what was there at the last time already.
    pub(super) fn forget_old(&mut self) {
        for message in self.order.drain(..self.old) {
            self.latest.remove(&message);
        }
        self.old = self.order.len();
        if self.order.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use grandstand_protocol::{Body, Event, Level, Mentions, Patch, RoomId};
    use grandstand_room::clock::Millis;

    use super::*;
    use crate::cluster::{Except, RoomNews};

    fn patch(message: usize, patched_at: i64) -> Arc<Broadcast> {
        let room = RoomId::from("room");
        let event = Event::Patched(Box::new(Patch {
            room: room.clone(),
            message: MessageId::from(message.to_string()),
            timestamp: 1,
            from: "ann".to_owned(),
            patched_at,
            recall: false,
            body: Body::default(),
            mentions: Mentions::default(),
            code: None,
            reason: None,
        }));
        let (app, number, except) = ("app".into(), None, Except::Nobody);
        Arc::new(Broadcast::new(RoomNews { app, room, event, level: Level::High, number, except }, Millis(1)))
    }

    #[test]
    fn so_many_are_remembered_and_not_for_long() {
        let mut patches = Patches::default();
        for message in (0..1000).chain(990..1000) {
            assert!(patches.up_to_date(&patch(message, 20)).is_some());
        }
        assert_eq!((patches.latest.len(), patches.order.len()), (REMEMBERED, REMEMBERED));
        patches.forget_old();
        assert!(patches.up_to_date(&patch(999, 30)).is_some());
        assert!(patches.up_to_date(&patch(998, 10)).is_none(), "still known");
        patches.forget_old();
        assert_eq!(patches.latest.keys().collect::<Vec<_>>(), [&MessageId::from("999")]);
        assert!(patches.up_to_date(&patch(999, 29)).is_none());
        patches.forget_old();
        assert_eq!((patches.latest.len(), patches.order.len(), patches.old), (0, 0, 0));
    }
}
