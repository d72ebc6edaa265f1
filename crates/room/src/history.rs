//! History pages: from the bounds a client sends to an interval that a store can read.

use std::cmp::Ordering;

use grandstand_protocol::{Bound, Direction, HistoryRequest, MessageId, limits};

use crate::clock::Millis;

/// One end of the interval. A message id stands for that message's place; an unknown one is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Time of the bound; ignored when `message` is known to the store.
    pub timestamp: Option<Millis>,
    /// The message whose place (timestamp, number) is the bound.
    pub message: Option<MessageId>,
    /// Whether the bound itself belongs to the interval.
    pub included: bool,
}

/// A page to read. Messages are ordered by (timestamp, number).
///
/// `Old`: the `limit` newest messages in (older, newer). `New`: the `limit` oldest in (older, newer).
/// The answer is ascending either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The end towards the past; `None` = the beginning.
    pub older: Option<Edge>,
    /// The end towards the future; `None` = now.
    pub newer: Option<Edge>,
    /// Which end the page is taken from.
    pub direction: Direction,
    /// Messages at most.
    pub limit: u32,
    /// Only typed messages of this `_lctype`.
    pub lctype: Option<i32>,
}

impl HistoryQuery {
    /// Reads what a client asks. `Old` reads from its start back to its end, `New` from its start on to its end.
    #[must_use]
    pub fn from_request(request: &HistoryRequest) -> Self {
        let (start, end) = (Edge::from_bound(&request.start), Edge::from_bound(&request.end));
        let (older, newer) = match request.direction {
            Direction::Old => (end, start),
            Direction::New => (start, end),
        };
        let limit =
            request.limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(limits::HISTORY_DEFAULT_ROWS);
        Self {
            older,
            newer,
            direction: request.direction,
            limit: limit.min(limits::HISTORY_ROWS),
            lctype: request.lctype.filter(|lctype| *lctype != 0),
        }
    }
}

impl Edge {
    fn from_bound(bound: &Bound) -> Option<Self> {
        let message = bound.message.clone().filter(|id| !id.as_str().is_empty());
        let timestamp = bound.timestamp.filter(|time| *time != 0).map(Millis);
        if message.is_none() && timestamp.is_none() {
            return None;
        }
        Some(Self { timestamp, message, included: bound.included })
    }
}

/// The place of a stored message, as far as paging looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its time.
    pub timestamp: Millis,
    /// Its number; negative for imported messages.
    pub number: i64,
    /// Its id.
    pub id: MessageId,
    /// Its `_lctype`, if it is a typed message.
    pub lctype: Option<i32>,
}

/// The page of a query, written for clarity: stores are tested against it. `room` holds all messages of the room in
/// any order; the answer is ascending.
///
/// An edge with a known id lies at that message's (timestamp, number), and its own time is ignored; one with an
/// unknown id lies at its time, or nowhere if it has none. At a bare time lie all messages of that millisecond:
/// none of them belongs to the interval, or with `included` all.
#[must_use]
pub fn select<'a>(room: &'a [Place], query: &HistoryQuery) -> Vec<&'a Place> {
    let position = |edge: &Edge| {
        let known = edge.message.as_ref().and_then(|id| room.iter().find(|place| place.id == *id));
        known.map(|place| (place.timestamp, Some(place.number))).or(edge.timestamp.map(|time| (time, None)))
    };
    let inside = |edge: Option<&Edge>, place: &Place, side: Ordering| {
        let Some((edge, (time, number))) =
            edge.and_then(|edge| position(edge).map(|position| (edge, position)))
        else {
            return true;
        };
        let by_number = number.map_or(Ordering::Equal, |number| place.number.cmp(&number));
        let order = place.timestamp.cmp(&time).then(by_number);
        order == side || (edge.included && order == Ordering::Equal)
    };
    let mut page: Vec<&Place> = room
        .iter()
        .filter(|place| inside(query.older.as_ref(), place, Ordering::Greater))
        .filter(|place| inside(query.newer.as_ref(), place, Ordering::Less))
        .filter(|place| query.lctype.is_none_or(|lctype| place.lctype == Some(lctype)))
        .collect();
    page.sort_by_key(|place| (place.timestamp, place.number));
    let limit = query.limit as usize;
    match query.direction {
        Direction::Old => page.drain(..page.len().saturating_sub(limit)).for_each(drop),
        Direction::New => page.truncate(limit),
    }
    page
}
