//! What the server reads in a message body, and the times in rows.

use bytes::Bytes;
use grandstand_protocol::Body;
use grandstand_room::{
    clock::Millis,
    content::{RECALLED, lctype, recall_stub},
};

#[test]
fn type_of_a_body() {
    for (text, expected) in [
        (r#"{"_lctype":-1,"_lctext":"hi"}"#, Some(-1)),
        (r#"{"_lcattrs":{"_lctype":5},"_lctype":2}"#, Some(2)),
        (r#"{"_lctext":"hi"}"#, None),
        (r#"{"_lctype":"-1"}"#, None),
        (r#"{"_lctype":1.5}"#, None),
        (r#"{"_lctype":99999999999}"#, None),
        (r#"{"_lctype":null}"#, None),
        (r#"{"_lctype":-1"#, None),
        (r#"{"_lctype":-1} more"#, None),
        (r#"[{"_lctype":-1}]"#, None),
        (" {\"_lctype\":-1}", None),
        ("hello", None),
        ("", None),
    ] {
        assert_eq!(lctype(&Body::Text(text.to_owned())), expected, "{text}");
    }
    assert_eq!(lctype(&Body::Binary(Bytes::from_static(br#"{"_lctype":-1}"#))), None);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
    assert_eq!(lctype(&Body::Text(deep)), None);
}

#[test]
fn the_stub_of_a_recalled_message() {
    assert_eq!(recall_stub(), Body::Text(r#"{"_lctype":-127}"#.to_owned()));
    assert_eq!(lctype(&recall_stub()), Some(RECALLED));
}

#[test]
fn times_as_text() {
    for (ms, iso) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_767_225_600_070, "2026-01-01T00:00:00.070Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Millis(ms).to_iso(), iso);
        assert_eq!(Millis::from_iso(iso), Some(Millis(ms)), "{iso}");
    }
    assert_eq!(Millis::from_iso("2026-01-01T08:00:00+08:00"), Some(Millis(1_767_225_600_000)));
    assert_eq!(Millis::from_iso("2025-12-31T23:59:59.9999999Z"), Some(Millis(1_767_225_599_999)));
    for text in ["", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "now"] {
        assert_eq!(Millis::from_iso(text), None, "{text}");
    }
}

#[test]
fn a_clock_that_jumps_back_lets_nothing_expire() {
    assert_eq!(Millis(5).since(Millis(9)), 0);
    assert_eq!(Millis(9).since(Millis(5)), 4);
    assert_eq!(Millis(i64::MIN).since(Millis(i64::MAX)), 0);
    assert_eq!(Millis(i64::MAX).plus(1), Millis(i64::MAX));
}
