//! Which part of a room's history to read.

use grandstand_protocol::{Bound, Direction, HistoryRequest, RoomId};

/// A page of history: the newest messages before a point, or the oldest after one.
///
/// Pages always come in ascending order. To go on, bound the next page by the last message of the one before:
///
/// ```
/// # use grandstand_client::{HistoryQuery, MessageRef};
/// # fn next(oldest: &MessageRef) -> HistoryQuery {
/// HistoryQuery::newest().from(oldest).limit(100)
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    limit: Option<i32>,
    start: Bound,
    end: Bound,
    direction: Direction,
    lctype: Option<i32>,
}

impl HistoryQuery {
    /// The newest messages before [`Self::from`], or of all.
    #[must_use]
    pub fn newest() -> Self {
        Self::towards(Direction::Old)
    }

    /// The oldest messages after [`Self::from`], or of all.
    #[must_use]
    pub fn oldest() -> Self {
        Self::towards(Direction::New)
    }

    fn towards(direction: Direction) -> Self {
        Self { limit: None, start: Bound::default(), end: Bound::default(), direction, lctype: None }
    }

    /// Where reading starts: a [`crate::MessageRef`], or a [`Bound`] with a time in ms.
    #[must_use]
    pub fn from(mut self, start: impl Into<Bound>) -> Self {
        self.start = start.into();
        self
    }

    /// Where reading ends.
    #[must_use]
    pub fn until(mut self, end: impl Into<Bound>) -> Self {
        self.end = end.into();
        self
    }

    /// Messages in the page: 20 by default, at most 100.
    #[must_use]
    pub fn limit(mut self, messages: u32) -> Self {
        self.limit = Some(i32::try_from(messages).unwrap_or(i32::MAX));
        self
    }

    /// Only typed messages of this `_lctype`, e.g. -1 for texts.
    #[must_use]
    pub fn of_type(mut self, lctype: i32) -> Self {
        self.lctype = Some(lctype);
        self
    }

    pub(crate) fn into_command(self, room: RoomId) -> HistoryRequest {
        HistoryRequest {
            room,
            limit: self.limit,
            start: self.start,
            end: self.end,
            direction: self.direction,
            lctype: self.lctype,
        }
    }
}
