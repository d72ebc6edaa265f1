//! History pages: from the bounds a client sends to an interval that a store can read.

use grandstand_protocol::{Direction, MessageId};

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
