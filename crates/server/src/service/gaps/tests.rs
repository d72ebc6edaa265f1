//! Spans against a room kept in full.

use super::*;

const MEMBER: SessionId = SessionId(1);
const OTHER: SessionId = SessionId(2);

/// A room where every third message is HIGH, and every ninth is the member's own.
fn room(last: u64) -> Vec<High<u64>> {
    let sender = |number| Some(if number % 9 == 0 { MEMBER } else { OTHER });
    (1..=last)
        .filter(|number| number % 3 == 0)
        .map(|number| High { number, sender: sender(number), message: number })
        .collect()
}

/// What the store answers.
fn read(room: &[High<u64>], after: u64, last: u64, limit: usize) -> Span<u64> {
    let within = |high: &&High<u64>| high.number > after && high.number <= last;
    let found: Vec<_> = room.iter().filter(within).cloned().collect();
    let surplus = found.len().saturating_sub(limit);
    let cut = found.len() >= limit;
    Span { after, last, cut, messages: found.into_iter().skip(surplus).collect() }
}

/// What the member is owed.
fn owed(room: &[High<u64>], gap: Gap) -> Vec<u64> {
    let due = |high: &&High<u64>| high.number > gap.after && high.number <= gap.last;
    let mut due: Vec<u64> =
        room.iter().filter(due).filter(|high| high.sender != Some(MEMBER)).map(|high| high.number).collect();
    due.drain(..due.len().saturating_sub(gap.limit));
    due
}

fn numbers(missed: &Missed<u64>) -> Vec<u64> {
    missed.messages.iter().map(|(number, _)| *number).collect()
}

#[test]
fn a_span_that_answers_gives_what_is_owed() {
    let room = room(200);
    let mut answered = 0;
    for limit in [1, 3, 10, 100] {
        for (first, middle, last) in [(0, 60, 200), (30, 31, 100), (90, 180, 181), (100, 100, 200)] {
            let most = limit * SPARE;
            let span = read(&room, first, middle, most).extended(read(&room, middle, last, most), most);
            for after in (0..200).step_by(7) {
                for until in (after..200).step_by(11) {
                    let gap = Gap { after, last: until, own: [MEMBER, MEMBER], limit };
                    if span.answers(gap) {
                        answered += 1;
                        assert_eq!(numbers(&span.missed(gap)), owed(&room, gap), "{gap:?} of {span:?}");
                    }
                }
            }
        }
    }
    assert!(answered > 500, "{answered}");
}

#[test]
fn a_read_answers_who_asked() {
    let room = room(200);
    for limit in [1, 3, 10, 100] {
        for after in (0..200).step_by(7) {
            let gap = Gap { after, last: 200, own: [MEMBER, MEMBER], limit };
            let span = read(&room, after, 200, limit * SPARE);
            let missed = span.missed(gap);
            assert_eq!(numbers(&missed), owed(&room, gap), "{gap:?}");
            let all = owed(&room, Gap { limit: 1000, ..gap }).len();
            assert!(missed.cut || all <= limit, "what is left out is told: {gap:?}");
        }
    }
}

#[test]
fn a_small_gap_is_whole_and_not_cut() {
    let room = room(30);
    let gap = Gap { after: 10, last: 30, own: [MEMBER, OTHER], limit: 100 };
    assert_eq!(read(&room, 10, 30, 200).missed(gap), Missed { messages: vec![], cut: false });
    let gap = Gap { own: [MEMBER, MEMBER], ..gap };
    assert_eq!(
        read(&room, 10, 30, 200).missed(gap),
        Missed { messages: [12, 15, 21, 24, 30].map(|n| (n, n)).to_vec(), cut: false }
    );
}
