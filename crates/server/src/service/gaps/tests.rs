//! Spans against a room kept in full.

use grandstand_protocol::ClientId;
use grandstand_room::session::SessionId;

use super::*;

const MEMBER: SessionId = SessionId(1);
const OTHER: SessionId = SessionId(2);

fn own(sessions: [SessionId; 2]) -> Own {
    Own { sessions, client: ClientId::new("member").unwrap(), all_sessions: false }
}

/// A room where every third message is HIGH, and every ninth is the member's own.
fn room(last: u64) -> Vec<High<u64>> {
    let sender = |number| Some(if number % 9 == 0 { MEMBER } else { OTHER });
    let from = |number| if number % 6 == 0 { "even" } else { "odd" }.to_owned();
    (1..=last)
        .filter(|number| number % 3 == 0)
        .map(|number| High {
            number,
            sender: sender(number),
            from: from(number),
            audience: None,
            bytes: 150,
            message: number,
        })
        .collect()
}

fn messages(messages: usize) -> Most {
    Most { messages, bytes: usize::MAX }
}

/// What the store answers.
fn read(room: &[High<u64>], after: u64, last: u64, most: Most) -> Span<u64> {
    let within = |high: &&High<u64>| high.number > after && high.number <= last;
    let found: Vec<_> = room.iter().filter(within).cloned().collect();
    let limit = most.messages.min(most.bytes.div_ceil(150));
    let surplus = found.len().saturating_sub(limit);
    let cut = found.len() >= limit;
    let found = found.into_iter().skip(surplus).collect();
    Span { after, last, cut, page: Arc::new(Page::new(found, &Arc::default())) }
}

/// What the member is owed.
fn owed(room: &[High<u64>], gap: Gap<'_>) -> Vec<u64> {
    let due = |high: &&High<u64>| high.number > gap.after && high.number <= gap.last;
    let mut due: Vec<u64> =
        room.iter().filter(due).filter(|high| high.sender != Some(MEMBER)).map(|high| high.number).collect();
    due.drain(..due.len().saturating_sub(gap.limit));
    due
}

fn numbers(mut missed: Missed<u64>) -> Vec<u64> {
    std::iter::from_fn(|| missed.next().map(|(number, _)| number)).collect()
}

#[test]
fn a_span_that_answers_gives_what_is_owed() {
    let (room, own) = (room(200), own([MEMBER, MEMBER]));
    let mut answered = 0;
    for limit in [1, 3, 10, 100] {
        for (first, middle, last) in [(0, 60, 200), (30, 31, 100), (90, 180, 181), (100, 100, 200)] {
            let most = messages(limit * SPARE);
            let newer = read(&room, middle, last, most);
            let span = read(&room, first, middle, most).extended(newer, most).unwrap();
            for after in (0..200).step_by(7) {
                for until in (after..200).step_by(11) {
                    let gap = Gap { after, last: until, own: &own, limit };
                    if span.answers(gap, most) {
                        answered += 1;
                        assert_eq!(
                            numbers(span.missed(gap).unwrap()),
                            owed(&room, gap),
                            "{gap:?} of {span:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(answered > 500, "{answered}");
}

#[test]
fn a_read_answers_who_asked() {
    let (room, own) = (room(200), own([MEMBER, MEMBER]));
    for limit in [1, 3, 10, 100] {
        for after in (0..200).step_by(7) {
            let gap = Gap { after, last: 200, own: &own, limit };
            let span = read(&room, after, 200, messages(limit * SPARE));
            let missed = span.missed(gap).unwrap();
            let all = owed(&room, Gap { limit: 1000, ..gap }).len();
            assert!(missed.cut || all <= limit, "what is left out is told: {gap:?}");
            assert_eq!(numbers(missed), owed(&room, gap), "{gap:?}");
        }
    }
}

#[test]
fn a_small_gap_is_whole_and_not_cut() {
    let room = room(30);
    let even = Own { client: ClientId::new("even").unwrap(), all_sessions: true, ..own([MEMBER, MEMBER]) };
    let table: [(Own, &[u64]); 3] =
        [(own([MEMBER, OTHER]), &[]), (own([MEMBER, MEMBER]), &[12, 15, 21, 24, 30]), (even, &[15, 21])];
    for (own, expected) in table {
        let gap = Gap { after: 10, last: 30, own: &own, limit: 100 };
        let missed = read(&room, 10, 30, messages(200)).missed(gap).unwrap();
        assert!(!missed.cut, "{own:?}");
        assert_eq!(numbers(missed), expected, "{own:?}");
    }
}

#[test]
fn what_comes_while_members_return_goes_to_the_page_that_they_share() {
    const MOST: Most = Most { messages: 100, bytes: usize::MAX };
    let (room, own) = (room(3000), own([MEMBER, MEMBER]));
    let mut span = read(&room, 0, 30, MOST);
    let mut returned = Vec::new();
    let mut pages = 1;
    for last in (30..3000).step_by(3) {
        let before = Arc::clone(&span.page);
        span = span.extended(read(&room, last, last + 3, MOST), MOST).unwrap();
        pages += usize::from(!Arc::ptr_eq(&before, &span.page));
        assert!(span.page.len() <= MOST.messages * 2);
        let gap = Gap { after: last.saturating_sub(60), last: last + 3, own: &own, limit: MOST.messages };
        assert!(span.answers(gap, MOST), "{gap:?}");
        returned.push((gap, span.missed(gap).unwrap()));
    }
    assert_eq!(pages, 9, "a new one only where twice as many would be there");
    for (gap, missed) in returned {
        assert_eq!(numbers(missed), owed(&room, gap), "{gap:?}");
    }
}

#[test]
fn what_the_back_end_sent_in_its_name_is_not_for_a_member() {
    let by_back_end = |number, from: &str| High {
        number,
        sender: None,
        from: from.to_owned(),
        audience: None,
        bytes: 150,
        message: number,
    };
    let room = vec![by_back_end(1, "member"), by_back_end(2, "another")];
    let own = own([MEMBER, MEMBER]);
    let gap = Gap { after: 0, last: 2, own: &own, limit: 100 };
    let missed = read(&room, 0, 2, messages(200)).missed(gap).unwrap();
    assert_eq!(numbers(missed), [2]);
}

#[test]
fn what_the_hook_kept_for_others_is_not_for_a_member() {
    let named = |number, names: &[&str]| High {
        number,
        sender: Some(OTHER),
        from: "another".to_owned(),
        audience: Some(names.iter().map(|name| ClientId::new(name).unwrap()).collect()),
        bytes: 150,
        message: number,
    };
    let room = vec![named(1, &["tom"]), named(2, &["tom", "member"]), named(3, &["tom"]), named(4, &["tom"])];
    let own = own([MEMBER, MEMBER]);
    let gap = Gap { after: 0, last: 4, own: &own, limit: 1 };
    let missed = read(&room, 0, 4, messages(200)).missed(gap).unwrap();
    assert!(!missed.cut, "those of others take no place");
    assert_eq!(numbers(missed), [2]);
}

#[test]
fn a_page_ends_where_its_bytes_do_and_answers_all_who_missed_more() {
    // 30 messages of 150 bytes are a read; a member gets half of that at least.
    const MOST: Most = Most { messages: 1000, bytes: 4500 };
    let (room, own) = (room(3000), own([MEMBER, MEMBER]));
    let mut span = read(&room, 0, 600, MOST);
    for last in (600..3000).step_by(30) {
        for behind in [0, 30] {
            let gap = Gap { after: 0, last: last - behind, own: &own, limit: 500 };
            assert!(span.answers(gap, MOST), "another read would find no more: {gap:?}");
            let missed = span.missed(gap).unwrap();
            assert!(missed.cut, "what is left out is told: {gap:?}");
            let (came, owed) = (numbers(missed), owed(&room, gap));
            assert!(owed.ends_with(&came), "the newest: {came:?} of {owed:?}");
            let half = room.iter().rev().filter(|high| high.number <= gap.last).nth(14).unwrap();
            assert!(came[0] <= half.number + 3, "those of half a read: {came:?}");
        }
        span = span.extended(read(&room, last, last + 30, MOST), MOST).unwrap();
        assert!(span.page.bytes() <= MOST.bytes * 2);
    }
}
