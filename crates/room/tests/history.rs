//! History pages: what a request means, and which messages the reference model selects.

use grandstand_protocol::{Bound, Direction, HistoryRequest, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    history::{Edge, HistoryQuery, Place, select},
};
use proptest::prelude::*;

fn request() -> HistoryRequest {
    HistoryRequest {
        room: RoomId::from("r"),
        limit: None,
        start: Bound::default(),
        end: Bound::default(),
        direction: Direction::Old,
        lctype: None,
    }
}

/// "" = none; "5" = a time; "c" = a message; "5c" = both; with `=` in front the bound belongs to the interval.
fn bound(text: &str) -> Bound {
    let (included, text) = text.strip_prefix('=').map_or((false, text), |text| (true, text));
    let (time, id) = text.split_at(text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len()));
    Bound { timestamp: time.parse().ok(), message: (!id.is_empty()).then(|| MessageId::from(id)), included }
}

/// Messages a to g; b, c and d share a millisecond; g was imported late, and so has a negative number.
fn room() -> Vec<Place> {
    let places =
        [("a", 10, 1), ("b", 20, 2), ("c", 20, 3), ("d", 20, 4), ("e", 30, 5), ("f", 40, 6), ("g", 25, -1)];
    places
        .map(|(id, timestamp, number)| Place {
            timestamp: Millis(timestamp),
            number,
            id: MessageId::from(id),
            lctype: (id >= "d").then_some(-1),
        })
        .to_vec()
}

fn ids(query: &HistoryQuery) -> String {
    select(&room(), query).iter().map(|place| place.id.as_str()).collect()
}

/// A request selects these messages.
fn check(direction: Direction, start: &str, end: &str, limit: i32, expected: &str) {
    let request =
        HistoryRequest { start: bound(start), end: bound(end), direction, limit: Some(limit), ..request() };
    assert_eq!(
        ids(&HistoryQuery::from_request(&request)),
        expected,
        "{direction:?} {start:?} {end:?} {limit}"
    );
}

#[test]
fn pages() {
    use Direction::{New, Old};
    check(Old, "", "", 100, "abcdgef");
    check(Old, "", "", 2, "ef");
    check(Old, "64092211200000", "", 2, "ef");
    check(Old, "30", "", 2, "dg");
    check(Old, "=30", "", 2, "ge");
    check(Old, "20", "", 9, "a");
    check(Old, "=20", "", 9, "abcd");
    check(Old, "20c", "", 9, "ab");
    check(Old, "=20c", "", 2, "bc");
    check(Old, "e", "", 9, "abcdg");
    check(Old, "40", "20", 9, "ge");
    check(Old, "40", "20c", 9, "dge");
    check(Old, "=40", "=20", 9, "bcdgef");
    check(Old, "40", "20", 1, "e");
    check(Old, "20", "40", 9, "");
    check(New, "", "", 2, "ab");
    check(New, "20c", "", 2, "dg");
    check(New, "20", "", 2, "ge");
    check(New, "=20", "40", 9, "bcdge");
    check(New, "20c", "=40f", 9, "dgef");
    check(New, "40", "", 9, "");
    check(New, "g", "", 9, "ef");
    // The id decides over the time; an unknown id is ignored.
    check(Old, "10e", "", 9, "abcdg");
    check(Old, "30unknown", "", 9, "abcdg");
    check(Old, "unknown", "", 1, "f");
    // 0 is a limit, too.
    check(Old, "", "", 0, "");
    check(New, "", "", 0, "");
}

#[test]
fn limits() {
    for (asked, limit) in
        [(None, 20), (Some(-1), 20), (Some(0), 0), (Some(1), 1), (Some(100), 100), (Some(1000), 100)]
    {
        assert_eq!(
            HistoryQuery::from_request(&HistoryRequest { limit: asked, ..request() }).limit,
            limit,
            "{asked:?}"
        );
    }
}

#[test]
fn ends_swap_with_the_direction() {
    let edge = |time, message: Option<&str>, included| {
        Some(Edge { timestamp: time, message: message.map(MessageId::from), included })
    };
    let asked = |direction| {
        let request = HistoryRequest { start: bound("=9x"), end: bound("5"), direction, ..request() };
        let query = HistoryQuery::from_request(&request);
        (query.older, query.newer)
    };
    let (start, end) = (edge(Some(Millis(9)), Some("x"), true), edge(Some(Millis(5)), None, false));
    assert_eq!(asked(Direction::Old), (end.clone(), start.clone()));
    assert_eq!(asked(Direction::New), (start, end));
    // Java always says whether a bound is included, also where there is none; 0 and "" mean none.
    let nothing = Bound { timestamp: Some(0), message: Some(MessageId::from("")), included: true };
    let query = HistoryQuery::from_request(&HistoryRequest { start: nothing, ..request() });
    assert_eq!((query.older, query.newer), (None, None));
}

#[test]
fn types() {
    let typed =
        |lctype| ids(&HistoryQuery::from_request(&HistoryRequest { lctype, limit: Some(3), ..request() }));
    assert_eq!(typed(Some(-1)), "gef");
    assert_eq!(typed(Some(7)), "");
    assert_eq!(typed(Some(0)), "gef");
}

fn a_bound() -> impl Strategy<Value = Bound> {
    let message = proptest::option::of("[a-h]").prop_map(|id| id.map(MessageId::from));
    (proptest::option::of(5_i64..45), message, any::<bool>())
        .prop_map(|(timestamp, message, included)| Bound { timestamp, message, included })
}

proptest! {
    #[test]
    fn a_page_is_one_end_of_the_whole(start in a_bound(), end in a_bound(), old: bool, limit in 0_i32..9) {
        let direction = if old { Direction::Old } else { Direction::New };
        let asked = |limit| {
            ids(&HistoryQuery::from_request(&HistoryRequest {
                start: start.clone(),
                end: end.clone(),
                direction,
                limit: Some(limit),
                ..request()
            }))
        };
        let (page, whole) = (asked(limit), asked(100));
        prop_assert_eq!(page.len(), whole.len().min(limit as usize));
        let is_its_end = if old { whole.ends_with(&page) } else { whole.starts_with(&page) };
        prop_assert!(is_its_end);
        prop_assert!("abcdgef".contains(&whole));
    }

    #[test]
    fn paging_backwards_reads_everything_once(size in 1_i32..4) {
        let mut seen = String::new();
        let mut start = Bound::default();
        loop {
            let page = ids(&HistoryQuery::from_request(&HistoryRequest { start, limit: Some(size), ..request() }));
            let Some(first) = page.get(..1) else { break };
            start = Bound { message: Some(MessageId::from(first)), ..Bound::default() };
            seen.insert_str(0, &page);
        }
        prop_assert_eq!(seen, "abcdgef");
    }
}
