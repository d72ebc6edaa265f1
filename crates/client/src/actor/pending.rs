//! Requests on their way: matched by serial, expired by deadline, taken back when the connection is lost.

use std::collections::{BTreeMap, VecDeque};

use grandstand_protocol::{Command, Event as Answer};
use tokio::{sync::oneshot, time::Instant};

use crate::RequestError;

/// A request as the handle makes it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) command: Command,
    /// Whether asking twice does it only once.
    pub(crate) repeatable: bool,
    /// When the caller stops waiting.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Result<Answer, RequestError>>,
}

impl Call {
    /// Whether the caller has stopped waiting.
    pub(crate) fn expired(&self, now: Instant) -> bool {
        self.deadline <= now || self.reply.is_closed()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pending {
    sent: BTreeMap<i32, Call>,
    /// To be sent again, before anything new, in the order in which they were sent first.
    again: VecDeque<Call>,
}

impl Pending {
    /// Requests that wait for an answer on this connection.
    pub(crate) fn len(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn sent(&mut self, serial: i32, call: Call) {
        self.sent.insert(serial, call);
    }

    /// The request that this answer is for; `None` when its caller has given up long ago.
    pub(crate) fn answered(&mut self, serial: i32) -> Option<Call> {
        self.sent.remove(&serial)
    }

    /// What has to be sent again, one by one.
    pub(crate) fn next_again(&mut self, now: Instant) -> Option<Call> {
        while let Some(call) = self.again.pop_front() {
            if !call.expired(now) {
                return Some(call);
            }
        }
        None
    }

    /// The connection is lost: what may not be repeated fails, the rest goes out again on the next one.
    pub(crate) fn connection_lost(&mut self, now: Instant) {
        let mut again = VecDeque::new();
        for call in std::mem::take(&mut self.sent).into_values() {
            if call.expired(now) {
                continue;
            }
            if call.repeatable {
                again.push_back(call);
            } else {
                // The caller may have gone in this moment: nobody to tell.
                call.reply.send(Err(RequestError::ConnectionLost)).ok();
            }
        }
        again.append(&mut self.again);
        self.again = again;
    }

    /// Forgets requests whose callers have stopped waiting.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.sent.retain(|_, call| !call.expired(now));
    }

    /// When [`Self::expire`] has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.sent.values().map(|call| call.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Reply = oneshot::Receiver<Result<Answer, RequestError>>;

    fn call(repeatable: bool, seconds: u64) -> (Call, Reply) {
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + Duration::from_secs(seconds);
        (Call { command: Command::Echo, repeatable, deadline, reply }, answer)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_unanswered_goes_out_again_in_its_first_order() {
        let mut pending = Pending::default();
        let replies: Vec<Reply> = (1..=4)
            .map(|serial| {
                let (call, reply) = call(true, u64::try_from(serial).unwrap());
                pending.sent(serial, call);
                reply
            })
            .collect();
        let now = Instant::now();
        pending.connection_lost(now);
        // Two are sent on the next connection, which is lost as well.
        for serial in 5..=6 {
            let call = pending.next_again(now).unwrap();
            pending.sent(serial, call);
        }
        pending.connection_lost(now);
        let order: Vec<u64> = std::iter::from_fn(|| pending.next_again(now))
            .map(|call| (call.deadline - now).as_secs())
            .collect();
        assert_eq!(order, [1, 2, 3, 4]);
        drop(replies);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_not_be_repeated_fails_when_the_connection_is_lost() {
        let mut pending = Pending::default();
        let (call, reply) = call(false, 1);
        pending.sent(1, call);
        pending.connection_lost(Instant::now());
        assert!(matches!(reply.await, Ok(Err(RequestError::ConnectionLost))));
        assert!(pending.next_again(Instant::now()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_expired_and_the_abandoned_are_forgotten() {
        let mut pending = Pending::default();
        let (late, _late) = call(true, 1);
        let (abandoned, gone) = call(true, 60);
        let (waiting, _waiting) = call(true, 60);
        drop(gone);
        pending.sent(1, late);
        pending.sent(2, abandoned);
        pending.sent(3, waiting);
        assert_eq!(pending.next_deadline(), Some(Instant::now() + Duration::from_secs(1)));

        tokio::time::advance(Duration::from_secs(1)).await;
        pending.expire(Instant::now());
        assert_eq!(pending.len(), 1);
        assert!(pending.answered(3).is_some());
        assert!(pending.answered(3).is_none());
    }
}
