//! What the application is told, and the bounded queue on the way to it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use grandstand_protocol::{Patch, Push, RoomId};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::{CloseReason, Lost};

/// Something that happened without being asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A message of another session in the room.
    Message(Box<Push>),
    /// A message was edited or recalled.
    Patched(Box<Patch>),
    /// Somebody changed the room.
    RoomUpdated(Box<RoomUpdate>),
    /// The connection is gone; the client is trying to come back.
    Disconnected(Lost),
    /// The session is open again. Away for more than 30 minutes, it has to join its room again.
    Connected {
        /// Time since the connection was lost.
        away: Duration,
    },
    /// The session has ended for good. Nothing comes after it; it is missing when the last handle was dropped first.
    Closed(CloseReason),
}

/// A change of a room's attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomUpdate {
    /// The room.
    pub room: RoomId,
    /// Client id of who did it.
    pub by: String,
    /// The room's new `updatedAt`, ISO 8601.
    pub updated_at: String,
    /// Keys as they were named (dotted keys too), with the resulting values.
    pub set: Map<String, Value>,
    /// The resulting values, nested, without deleted keys.
    pub resulting: Map<String, Value>,
}

/// The events of a session, in order. A [`Stream`]; [`Self::next`] needs no extension trait.
///
/// Dropped events are discarded: drop the whole of it if nobody is interested.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; `None` after [`Event::Closed`], or when the last handle was dropped. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.receiver.poll_recv(cx)
    }
}

/// The sending end.
///
/// It has room for `size` events and, behind that, a reserve that is used only while a request waits for its answer:
/// the answer stands behind those events in the socket, and an application that sends from its event loop would
/// otherwise wait for itself.
#[derive(Debug)]
pub(crate) struct EventQueue {
    sender: mpsc::Sender<Event>,
    reserve: usize,
    /// A change of the connection that found the queue full. A later one replaces it.
    held: Option<Event>,
}

/// The reserve, as a multiple of the queue's size.
const RESERVE: usize = 3;

impl EventQueue {
    pub(crate) fn new(size: usize) -> (Self, Events) {
        let reserve = size.saturating_mul(RESERVE);
        let (sender, receiver) = mpsc::channel(size + reserve);
        (Self { sender, reserve, held: None }, Events { receiver })
    }

    /// Whether the socket may be read.
    pub(crate) fn has_room(&self, answer_awaited: bool) -> bool {
        self.sender.is_closed()
            || (self.held.is_none() && self.sender.capacity() >= self.needed(answer_awaited))
    }

    /// Waits until the socket may be read. Cancel safe.
    pub(crate) async fn wait_room(&mut self, answer_awaited: bool) {
        self.flush().await;
        // The places are given back at once: nothing else sends, so they stay free.
        drop(self.sender.reserve_many(self.needed(answer_awaited)).await);
    }

    /// To be called for what the socket said, when [`Self::has_room`], and for changes of the connection.
    pub(crate) fn push(&mut self, event: Event) {
        if self.held.is_some() {
            self.held = Some(event);
        } else if let Err(mpsc::error::TrySendError::Full(event)) = self.sender.try_send(event) {
            self.held = Some(event);
        }
    }

    /// Waits for a place for a held event.
    pub(crate) async fn flush(&mut self) {
        if self.held.is_some()
            && let Ok(place) = self.sender.reserve().await
            && let Some(event) = self.held.take()
        {
            place.send(event);
        }
    }

    fn needed(&self, answer_awaited: bool) -> usize {
        if answer_awaited { 1 } else { self.reserve + 1 }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn connected(seconds: u64) -> Event {
        Event::Connected { away: Duration::from_secs(seconds) }
    }

    #[tokio::test]
    async fn the_reserve_is_for_those_who_wait_for_an_answer() {
        let (mut queue, mut events) = EventQueue::new(2);
        queue.push(connected(1));
        assert!(queue.has_room(false));
        queue.push(connected(2));
        assert!(!queue.has_room(false));
        assert!(queue.has_room(true));
        assert!(queue.wait_room(false).now_or_never().is_none());
        assert!(queue.wait_room(true).now_or_never().is_some());

        events.next().await;
        assert!(queue.wait_room(false).now_or_never().is_some());
        assert!(queue.has_room(false));
    }

    #[tokio::test]
    async fn a_full_queue_merges_changes_of_the_connection_and_keeps_order() {
        let (mut queue, mut events) = EventQueue::new(1);
        for seconds in 1..=6 {
            queue.push(connected(seconds));
        }
        assert!(!queue.has_room(true), "a held event goes first");
        assert_eq!(events.next().await, Some(connected(1)));
        queue.wait_room(true).now_or_never();
        assert!(!queue.has_room(true), "the held event took the place");
        for seconds in [2, 3, 4, 6] {
            assert_eq!(events.next().await, Some(connected(seconds)));
        }
        assert!(queue.has_room(true));
    }

    #[tokio::test]
    async fn without_a_listener_there_is_always_room() {
        let (mut queue, events) = EventQueue::new(1);
        drop(events);
        for seconds in 0..10 {
            assert!(queue.has_room(false));
            queue.push(connected(seconds));
        }
        queue.flush().await;
    }
}
