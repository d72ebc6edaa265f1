//! Whether each member has every message, once and in order: by what stands in the markers, without decoding.

use crate::marker::Marker;

/// What a member makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    InOrder,
    /// As of now the member knows that it misses others, of which this is the first.
    AfterGap(u32),
    /// Behind a later one of its publisher and level, by no more than [`LATE`].
    Behind,
    Again,
}

/// A message that comes so many behind its place, in its stream, is not told from a repeated one.
const LATE: u32 = 64;

/// What the members of one process have. A stream is what one publisher sends of one level: sequences rise by one there.
#[derive(Debug)]
pub(crate) struct Sequences {
    rooms: usize,
    /// Streams of each member.
    streams: usize,
    /// For each member and stream.
    had: Vec<Had>,
    skipped: [u64; 3],
    /// None where no order is promised.
    order: Option<RoomOrder>,
}

/// What a member has of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Had {
    /// The highest sequence that came.
    latest: u32,
    /// Bit n: the sequence `latest` - 1 - n has not come.
    missed: u64,
}

/// The order of a room's messages of one level is the one in which they first came to anybody. If all have this order,
/// nothing is counted; if one member has another, it may be this one that is counted or all others. Who misses a message
/// may be the first to have the next, so this holds only where nothing is missing.
#[derive(Debug)]
struct RoomOrder {
    /// For each publisher and level, by sequence: the place of the message. 0 has none yet.
    places: Vec<Vec<u32>>,
    /// The last place that was given, of each room and level.
    given: Vec<[u32; 3]>,
    /// Where each member is.
    reached: Vec<[u32; 3]>,
    disagreed: [u64; 3],
}

impl Sequences {
    pub(crate) fn new(publishers: u16, members: usize, rooms: usize, ordered: bool) -> Self {
        let streams = usize::from(publishers).div_ceil(rooms) * 3;
        Self {
            rooms,
            streams,
            had: vec![Had::default(); members * streams],
            skipped: [0; 3],
            order: ordered.then(|| RoomOrder {
                places: vec![Vec::new(); usize::from(publishers) * 3],
                given: vec![[0; 3]; rooms],
                reached: vec![[0; 3]; members],
                disagreed: [0; 3],
            }),
        }
    }

    pub(crate) fn came(&mut self, member: usize, marker: &Marker) -> Came {
        let (level, sequence) = (usize::from(marker.level), marker.sequence);
        let at = member * self.streams + usize::from(marker.publisher) / self.rooms * 3 + level;
        let had = &mut self.had[at];
        let came = if sequence > had.latest {
            let ahead = sequence - had.latest;
            let missed = had.latest + 1;
            had.advance(ahead);
            self.skipped[level] += u64::from(ahead - 1);
            if ahead == 1 { Came::InOrder } else { Came::AfterGap(missed) }
        } else if had.takes_late(sequence) {
            self.skipped[level] -= 1;
            Came::Behind
        } else {
            return Came::Again;
        };
        let room = usize::from(marker.publisher) % self.rooms;
        if let Some(order) = &mut self.order {
            order.follow(member, room, marker);
        }
        came
    }

    /// What members know that they miss, by level.
    pub(crate) fn skipped(&self) -> [u64; 3] {
        self.skipped
    }

    /// What came in another order than to others, by level.
    pub(crate) fn disagreed(&self) -> [u64; 3] {
        self.order.as_ref().map_or([0; 3], |order| order.disagreed)
    }
}

impl RoomOrder {
    fn follow(&mut self, member: usize, room: usize, marker: &Marker) {
        let (level, sequence) = (usize::from(marker.level), marker.sequence as usize);
        let places = &mut self.places[usize::from(marker.publisher) * 3 + level];
        if sequence >= places.len() {
            places.resize(sequence + 1, 0);
        }
        let place = &mut places[sequence];
        if *place == 0 {
            let given = &mut self.given[room][level];
            *given += 1;
            *place = *given;
        }
        let reached = &mut self.reached[member][level];
        if *place > *reached {
            *reached = *place;
        } else {
            self.disagreed[level] += 1;
        }
    }
}

impl Had {
    /// The next one is so far ahead; what is between has not come.
    fn advance(&mut self, ahead: u32) {
        let between = u64::MAX.checked_shr(LATE + 1 - ahead.min(LATE + 1)).unwrap_or_default();
        self.missed = self.missed.checked_shl(ahead).unwrap_or_default() | between;
        self.latest += ahead;
    }

    /// Whether it was missed until now.
    fn takes_late(&mut self, sequence: u32) -> bool {
        let bit = (self.latest - sequence).checked_sub(1).and_then(|at| 1u64.checked_shl(at));
        let was_missed = bit.is_some_and(|bit| self.missed & bit != 0);
        self.missed &= !bit.unwrap_or_default();
        was_missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of (publisher, sequence) to a member.
    fn give(sequences: &mut Sequences, member: usize, messages: &[(u16, u32)]) -> Vec<Came> {
        let came = |&(publisher, sequence)| {
            sequences.came(member, &Marker { run: 1, publisher, sequence, intended: 0, level: 2 })
        };
        messages.iter().map(came).collect()
    }

    #[test]
    fn what_is_missed_may_still_come_and_only_once() {
        let mut sequences = Sequences::new(1, 2, 1, false);
        let came = give(&mut sequences, 1, &[(0, 1), (0, 4), (0, 2), (0, 2), (0, 4), (0, 5), (0, 200)]);
        let expected = [
            Came::InOrder,
            Came::AfterGap(2),
            Came::Behind,
            Came::Again,
            Came::Again,
            Came::InOrder,
            Came::AfterGap(6),
        ];
        assert_eq!(came, expected);
        assert_eq!(sequences.skipped(), [0, 0, 195], "3, and from 6 to 199");
        for sequence in (136..200).rev() {
            assert_eq!(
                give(&mut sequences, 1, &[(0, sequence); 2]),
                [Came::Behind, Came::Again],
                "{sequence}"
            );
        }
        assert_eq!(sequences.skipped(), [0, 0, 131]);
        assert_eq!(give(&mut sequences, 1, &[(0, 135), (0, 3)]), [Came::Again; 2], "too late to tell");
        assert_eq!(give(&mut sequences, 0, &[(0, 1)]), [Came::InOrder], "each member for itself");
    }

    #[test]
    fn gaps_of_every_length_are_remembered() {
        for length in 1..=70 {
            let mut sequences = Sequences::new(1, 1, 1, false);
            give(&mut sequences, 0, &[(0, 1), (0, 2), (0, 3 + length)]);
            assert_eq!(sequences.skipped(), [0, 0, u64::from(length)]);
            let missed = (3..3 + length).rev().take(LATE as usize);
            for sequence in missed {
                assert_eq!(give(&mut sequences, 0, &[(0, sequence)]), [Came::Behind], "{length}: {sequence}");
            }
            assert_eq!(give(&mut sequences, 0, &[(0, 2), (0, 1)]), [Came::Again; 2], "{length}");
        }
    }

    #[test]
    fn the_first_message_may_be_missed_too() {
        let mut sequences = Sequences::new(1, 1, 1, true);
        assert_eq!(give(&mut sequences, 0, &[(0, 70)]), [Came::AfterGap(1)]);
        assert_eq!(sequences.skipped(), [0, 0, 69]);
        assert_eq!(give(&mut sequences, 0, &[(0, 71), (0, 0)]), [Came::InOrder, Came::Again]);
    }

    #[test]
    fn members_of_a_room_have_all_publishers_in_the_same_order() {
        let one = [(0, 1), (1, 1), (1, 2), (0, 2)];
        let other = [(0, 1), (1, 1), (0, 2), (1, 2)];
        for (rooms, ordered, disagreed) in [(1, true, 1), (1, false, 0), (2, true, 0)] {
            let mut sequences = Sequences::new(2, 3, rooms, ordered);
            for (member, messages) in [one, one, other].iter().enumerate() {
                // With two rooms each publisher has its own.
                let heard = |publisher: u16| rooms == 1 || usize::from(publisher) == member % rooms;
                let messages: Vec<_> =
                    messages.iter().copied().filter(|&(publisher, _)| heard(publisher)).collect();
                assert_eq!(give(&mut sequences, member, &messages), vec![Came::InOrder; messages.len()]);
            }
            assert_eq!(sequences.disagreed(), [0, 0, disagreed], "{rooms} rooms");
        }
    }

    #[test]
    fn who_misses_some_or_gets_some_again_is_not_out_of_order_for_that() {
        let mut sequences = Sequences::new(2, 2, 1, true);
        give(&mut sequences, 0, &[(0, 1), (1, 1), (1, 2), (0, 2)]);
        let came = give(&mut sequences, 1, &[(1, 1), (0, 2), (1, 1)]);
        assert_eq!(came, [Came::InOrder, Came::AfterGap(1), Came::Again]);
        assert_eq!(sequences.disagreed(), [0; 3]);
    }
}
