//! A stretch of a room's HIGH messages, and what of it belongs to a member.

use std::{ops::Range, sync::Arc};

use grandstand_protocol::ClientId;
use grandstand_room::session::SessionId;

use super::{
    SPARE,
    page::{Page, Weighed},
};
use crate::{fanout::Broadcast, store::Most};

/// A gap of one member: HIGH messages after `after`, up to `last`, that are not its `own`; the newest `limit`, or
/// those that fit in half the bytes of a read.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct Gap<'a> {
    pub(in crate::service) after: u64,
    pub(in crate::service) last: u64,
    pub(in crate::service) own: &'a Own,
    pub(in crate::service) limit: usize,
}

/// Whose messages a member does not get back.
#[derive(Debug, Clone)]
pub(in crate::service) struct Own {
    pub(in crate::service) sessions: [SessionId; 2],
    pub(in crate::service) client: ClientId,
    /// What its other sessions sent counts as its own, too.
    pub(in crate::service) all_sessions: bool,
}

/// A gap as read: a stretch of what the members of a room share.
#[derive(Debug)]
pub(crate) struct Missed<T = Arc<Broadcast>> {
    page: Arc<Page<High<T>>>,
    next: usize,
    end: usize,
    own: Own,
    /// The page was given up before all of the stretch was read: what is left has to be asked for anew.
    is_given_up: bool,
    /// Whether there may be older ones beyond the limit.
    pub(in crate::service) cut: bool,
}

/// The HIGH messages of a range of numbers, or the newest of them.
#[derive(Debug)]
pub(super) struct Span<T> {
    pub(super) after: u64,
    pub(super) last: u64,
    /// Whether older ones of the range were left out.
    pub(super) cut: bool,
    /// Ascending.
    pub(super) page: Arc<Page<High<T>>>,
}

#[derive(Debug, Clone)]
pub(super) struct High<T> {
    pub(super) number: u64,
    pub(super) sender: Option<SessionId>,
    pub(super) from: String,
    /// The only ones for whom it is, if the app's hook named some.
    pub(super) audience: Option<Vec<ClientId>>,
    pub(super) bytes: usize,
    pub(super) message: T,
}

impl Own {
    /// Whether a message is due to whoever missed it.
    fn is_due<T>(&self, high: &High<T>) -> bool {
        let is_named = high.audience.as_ref().is_none_or(|named| named.contains(&self.client));
        is_named && !self.has(high)
    }

    fn has<T>(&self, high: &High<T>) -> bool {
        match high.sender {
            Some(sender) if self.sessions.contains(&sender) => true,
            Some(_) if !self.all_sessions => false,
            // What the back end sent in its name is for none of its sessions.
            _ => self.client.as_str() == high.from,
        }
    }
}

impl<T: Clone> Missed<T> {
    pub(super) fn new(
        page: Arc<Page<High<T>>>,
        Range { start, end }: Range<usize>,
        own: &Own,
        cut: bool,
    ) -> Self {
        Self { page, next: start, end, own: own.clone(), is_given_up: false, cut }
    }

    /// The next message, and its number.
    pub(crate) fn next(&mut self) -> Option<(u64, T)> {
        let found = self.page.read(|messages| {
            let due = messages[self.next..self.end].iter().position(|high| self.own.is_due(high))?;
            let high = &messages[self.next + due];
            Some((due, high.number, high.message.clone()))
        });
        let Some(found) = found else {
            self.is_given_up = self.next < self.end;
            return None;
        };
        let Some((due, number, message)) = found else {
            self.next = self.end;
            return None;
        };
        self.next += due + 1;
        Some((number, message))
    }

    /// Whether the end came before all was read.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up
    }
}

impl<T> Weighed for High<T> {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<T: Clone> Span<T> {
    /// Whether everything that belongs to the gap is here, or as much as a member may get.
    pub(super) fn answers(&self, gap: Gap<'_>, most: Most) -> bool {
        let answers = self.page.read(|messages| {
            let is_whole = (self.after <= gap.after && !self.cut) || self.reaches(messages, gap.after);
            let newer = || messages[end(messages, gap)..].iter().map(High::bytes).sum::<usize>();
            let is_much = || self.cut && self.page.bytes().saturating_sub(newer()) >= most.bytes / SPARE;
            is_whole || is_much() || due(messages, gap).count() > gap.limit
        });
        gap.last <= self.last && answers == Some(true)
    }

    /// Of a span that was cut: whether it holds everything after this number.
    fn reaches(&self, messages: &[High<T>], after: u64) -> bool {
        self.cut && messages.first().is_some_and(|oldest| oldest.number <= after)
    }

    /// `None` if the page is given up.
    pub(super) fn missed(&self, gap: Gap<'_>) -> Option<Missed<T>> {
        let (stretch, cut) = self.page.read(|messages| {
            let end = end(messages, gap);
            let mut due = due(messages, gap);
            let next = due.by_ref().take(gap.limit).last().unwrap_or(end);
            (next..end, due.next().is_some() || (self.cut && !self.reaches(messages, gap.after)))
        })?;
        Some(Missed::new(Arc::clone(&self.page), stretch, gap.own, cut))
    }

    /// With what came after it, on the same page: who has a stretch of that shares what comes next, too. Where it would
    /// hold more than twice `most`, the newest `most` begin a new one. `None` if the page is given up.
    pub(super) fn extended(mut self, newer: Self, most: Most) -> Option<Self> {
        if newer.cut {
            // What lies between is not known.
            return Some(Self { after: self.after, ..newer });
        }
        self.last = newer.last;
        let is_long = self.page.len() + newer.page.len() > most.messages.saturating_mul(2);
        if is_long || self.page.bytes() + newer.page.bytes() > most.bytes.saturating_mul(2) {
            self.page = Arc::new(self.page.newest_beside(&newer.page, most)?);
            self.cut = true;
        }
        self.page.append(&newer.page).then_some(self)
    }
}

/// Places of what is due to a member, the newest first.
fn due<T>(messages: &[High<T>], gap: Gap<'_>) -> impl Iterator<Item = usize> {
    let places = (0..end(messages, gap)).rev();
    let of_gap = places.take_while(move |at| messages[*at].number > gap.after);
    of_gap.filter(move |at| gap.own.is_due(&messages[*at]))
}

/// Behind the last message of the gap.
fn end<T>(messages: &[High<T>], gap: Gap<'_>) -> usize {
    messages.partition_point(|high| high.number <= gap.last)
}
