//! What became of the messages of a room on this node, as it stands at one moment.

use std::{sync::Arc, time::Duration};

use grandstand_protocol::{ClientId, Level, MessageId};
use grandstand_room::{
    account::{Fate, Totals},
    session::SessionId,
};

use super::{Hub, Roster};
use crate::{
    fanout::{LEVELS, Seats, Stage},
    sync::MutexGuard,
};

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAccount {
    pub fate: Fate,
    /// Since it entered the room.
    pub age: Duration,
    /// Members for which nothing is decided yet. Counted from where each member is, so that the sum is a proof.
    pub pending: u64,
}

/// What became of everything since the room came to life here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomAccount {
    pub members: usize,
    /// Members that are not where the others around them are, mostly because their sockets did not take everything.
    pub behind: usize,
    pub totals: Totals,
    /// By level, counted from where each member is.
    pub pending: [u64; 3],
}

/// How far a member has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub session: SessionId,
    /// What waits for it, by level.
    pub pending: [u64; 3],
    /// Whether a message's turn has come for it; `None` if the message is not remembered, or was shown to nobody.
    pub has_passed: Option<bool>,
}

/// Everything that decides about a room's deliveries, and nothing of it moves.
struct Still<'a> {
    roster: &'a Roster,
    blocks: Vec<MutexGuard<'a, Seats>>,
    stage: MutexGuard<'a, Stage>,
}

impl Hub {
    /// What became of a message; `None` if it is not remembered.
    pub fn message_account(&self, message: &MessageId) -> Option<MessageAccount> {
        self.hold_still(|still| still.message(message, self.engine.now()))
    }

    /// The same, and at the same moment how far the sessions of a client have got that are here.
    pub(crate) fn trace(
        &self,
        message: &MessageId,
        client: &ClientId,
    ) -> (Option<MessageAccount>, Vec<Reach>) {
        self.hold_still(|still| {
            let account = still.message(message, self.engine.now());
            let place = account.as_ref().and_then(|known| Some((known.fate.level, known.fate.position?)));
            (account, still.reaches(client, place))
        })
    }

    /// What became of everything.
    pub fn account(&self) -> RoomAccount {
        self.hold_still(|still| RoomAccount {
            members: still.roster.members.len(),
            behind: self.alone(),
            totals: *still.stage.account().totals(),
            pending: still.all_pending(),
        })
    }

    /// How full the HIGH lane of the member is that has got least of it, as a share of what may wait.
    pub(crate) fn high_fill(&self) -> f64 {
        let blocks: Vec<_> = self.roster().blocks.iter().map(|row| Arc::clone(&row.block)).collect();
        let next = blocks.iter().filter_map(|block| block.lock().last_in(Level::High)).min();
        next.map_or(0.0, |next| self.stage().high_fill(next))
    }

    /// A member got the stored message of this number when it returned.
    pub fn replayed(&self, number: u64) {
        self.stage().replayed(number);
    }

    /// Forgets messages that nobody may ask for any more.
    pub(in crate::router) fn forget_old_fates(&self) {
        self.stage().expire(self.engine.now());
    }

    /// Takes the locks in their order. It is a matter of a millisecond: flushers wait only for blocks, and are not
    /// waited for but at the blocks that they visit.
    fn hold_still<R>(&self, look: impl FnOnce(&Still<'_>) -> R) -> R {
        let roster = self.roster();
        let blocks = roster.blocks.iter().map(|row| row.block.lock()).collect();
        let still = Still { roster: &roster, blocks, stage: self.stage() };
        look(&still)
    }
}

impl Still<'_> {
    fn message(&self, message: &MessageId, now: Duration) -> Option<MessageAccount> {
        let fate = self.stage.account().fate(message)?;
        let pending = fate.position.map_or(0, |position| self.pending(fate.level, position));
        Some(MessageAccount { age: now.saturating_sub(fate.entered), fate, pending })
    }

    fn reaches(&self, client: &ClientId, place: Option<(Level, u64)>) -> Vec<Reach> {
        let head = self.stage.head();
        let readers = self.blocks.iter().flat_map(|seats| seats.readers());
        let own = readers.filter(|(session, _)| session.identity.client == *client);
        let reach = own.map(|(session, cursor)| Reach {
            session: session.identity.session,
            pending: LEVELS.map(|level| head.next(level) - cursor.next(level)),
            has_passed: place.map(|(level, position)| cursor.next(level) > position),
        });
        reach.collect()
    }

    /// Members that have not passed this position, without those that it is not for.
    fn pending(&self, level: Level, position: u64) -> u64 {
        let readers = self.blocks.iter().flat_map(|seats| seats.readers());
        let behind = readers.filter(|(_, cursor)| cursor.next(level) <= position);
        behind
            .map(|(session, _)| u64::from(session.exempt().binary_search(&(level, position)).is_err()))
            .sum()
    }

    /// The same for all positions, by level.
    fn all_pending(&self) -> [u64; 3] {
        let head = self.stage.head();
        let mut pending = [0; 3];
        for (session, cursor) in self.blocks.iter().flat_map(|seats| seats.readers()) {
            if cursor == head {
                continue;
            }
            let exempt = session.exempt();
            for level in LEVELS {
                let next = cursor.next(level);
                let own = exempt.iter().filter(|(of, position)| *of == level && *position >= next);
                pending[level as usize] += head.next(level) - next - own.count() as u64;
            }
        }
        pending
    }
}

#[cfg(test)]
mod tests {
    use grandstand_protocol::{AppId, Event, Format, Push, RoomId};
    use grandstand_room::{account::FATE_AGE, clock::Millis, session::Identity};
    use tokio::time::{Instant, advance};
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::{
        apps::{Apps, AppsHandle},
        cluster::{Except, RoomNews},
        config::Config,
        cores::Cores,
        fanout::{Broadcast, Engine},
        gateway::{outbox::Outbox, transport::Transport},
        router::{Remote, Router, Sdk, Session, Style},
        store::Claimed,
    };

    const APP: &str = "app";
    const ROOM: &str = "room";

    fn router() -> Router {
        let config = Config::from_toml("").unwrap();
        let apps = AppsHandle::new(Apps::default());
        Router::new(Arc::new(Engine::new(
            &config,
            apps,
            Cores::default(),
            TaskTracker::new(),
            Instant::now(),
        )))
    }

    fn session() -> (Arc<Session>, tokio::io::DuplexStream) {
        let (peer, ours) = tokio::io::duplex(1 << 20);
        let client = ClientId::new("ann").unwrap();
        let identity = Identity { session: SessionId(1), client, tag: None, device: Default::default() };
        let outbox = Arc::new(Outbox::new(Transport::from(ours)));
        let style = Style { format: Format::Binary, first_generation: false };
        (
            Arc::new(Session::new(
                APP.into(),
                identity,
                outbox,
                style,
                Remote { sdk: Sdk::Other, address: [127, 0, 0, 1].into() },
                None,
                true,
            )),
            peer,
        )
    }

    fn message(id: &str) -> Arc<Broadcast> {
        let event = Event::Message(Box::new(Push {
            room: ROOM.into(),
            message: id.into(),
            timestamp: 1,
            from: "bob".to_owned(),
            body: grandstand_protocol::Body::Text("hello".to_owned()),
            transient: true,
            mentions: Default::default(),
            patched_at: None,
        }));
        let (app, room) = (AppId::from(APP), RoomId::from(ROOM));
        let news = RoomNews { app, room, event, level: Level::High, number: None, except: Except::Nobody };
        Arc::new(Broadcast::new(news, Millis(1)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_stays_as_long_as_its_messages_can_be_asked_for_and_no_longer() {
        let router = router();
        let (app, room, id) = (router.app(&APP.into()), RoomId::from(ROOM), MessageId::from("one"));
        let (session, _peer) = session();
        let hub = app.hub(&room);
        let claimed = Claimed { epoch: 1, head: 0, former: Vec::new(), updated_at: Millis(1) };
        session.enter(&hub, &claimed, 0);
        hub.deliver(&message("one"));
        while hub.message_account(&id).unwrap().pending > 0 {
            tokio::task::yield_now().await;
        }
        let gone = Arc::downgrade(&hub);
        drop(hub);
        app.leave(&session, &room);
        while gone.strong_count() > 1 {
            // The flusher finds that there is nothing left to do.
            tokio::task::yield_now().await;
        }

        advance(FATE_AGE).await;
        app.forget_empty_rooms();
        let hub = app.existing_hub(&room).expect("it is remembered for ten minutes");
        assert_eq!(hub.message_account(&id).unwrap().fate.outcomes.written, 1);
        drop(hub);
        advance(Duration::from_millis(1)).await;
        app.forget_empty_rooms();
        assert!(app.existing_hub(&room).is_none() && gone.upgrade().is_none(), "nothing is left of it");
        let deliveries = router.engine().deliveries();
        assert_eq!(deliveries.level(Level::High).outcomes.written, 1, "but in the figures of the node");
    }
}
