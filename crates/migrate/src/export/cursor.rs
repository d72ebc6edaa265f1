//! Where an export is: what is sealed with each piece of the archive, so that it goes on from there.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{By, List, report::Report, rooms::Windows};

/// Messages that are remembered, so that one that comes again is known: two pages.
const RECENT: usize = 2000;

/// Where an export is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) by: By,
    pub(super) without: Vec<List>,
    /// Unix milliseconds by the server's clock at the beginning; 0 when it did not tell. Later messages may be in the
    /// archive, and need not be.
    pub(super) began: i64,
    pub(super) place: Place,
    pub(super) report: Report,
}

/// What is read next.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Place {
    Rooms(Windows),
    Messages(Walk),
    Lists(Lists),
    /// What belongs to no room.
    OfApp,
    /// `all`: every room, after an export that ended without everything.
    Checks {
        all: bool,
    },
    Done,
}

/// A place in the lists of the rooms.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lists {
    /// By the order in the archive.
    pub(super) room: usize,
    /// How many rooms in a row were refused, of each list.
    pub(super) refused: Vec<(List, u32)>,
}

/// A place in the messages of the app, or of one room after the other.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Walk {
    /// By the order in the archive.
    pub(super) room: usize,
    /// The last message that was read.
    pub(super) anchor: Option<Anchor>,
    recent: VecDeque<Anchor>,
    #[serde(skip)]
    known: HashSet<String>,
    /// The time of the first message.
    pub(super) first: Option<i64>,
}

/// A message, as a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) timestamp: i64,
    pub(super) id: String,
}

impl Walk {
    pub(super) fn of_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// After it was read back.
    pub(super) fn remember(&mut self) {
        self.known = self.recent.iter().map(|anchor| anchor.id.clone()).collect();
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    /// Notes a message; `false` when it was there before.
    pub(super) fn note(&mut self, timestamp: i64, id: &str) -> bool {
        if !self.known.insert(id.to_owned()) {
            return false;
        }
        self.first.get_or_insert(timestamp);
        self.recent.push_back(Anchor { timestamp, id: id.to_owned() });
        if self.recent.len() > RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.known.remove(&oldest.id);
        }
        true
    }

    /// Messages before the last one, ever further back, from which a page still leads on.
    pub(super) fn earlier(&self) -> Vec<Anchor> {
        let at = |back: usize| self.recent.get(self.recent.len().checked_sub(back)?).cloned();
        [2, 3, 5, 10, 50, 200, 500].into_iter().filter_map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_knows_its_last_two_pages_also_when_it_is_read_back() {
        let mut walk = Walk::default();
        for n in 0..3000 {
            assert!(walk.note(n, &n.to_string()));
        }
        assert!(!walk.note(2500, "2500") && !walk.knows("999") && walk.knows("1000"));
        let mut read: Walk = serde_json::from_value(serde_json::to_value(&walk).unwrap()).unwrap();
        read.remember();
        assert!(read.knows("1000") && read.knows("2999") && !read.knows("999"));
        assert_eq!(read.earlier()[0], Anchor { timestamp: 2998, id: "2998".to_owned() });
        assert!(Walk::default().earlier().is_empty());
    }
}
