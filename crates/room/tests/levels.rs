//! Level rules: which one applies, and what a sender's pattern means.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use grandstand_protocol::Level;
use grandstand_room::{
    client_pattern::{ClientPattern, PatternError},
    levels::{LevelRule, Origin, Via, ruled},
};

/// A rule with no condition yet.
fn rule(level: Level) -> LevelRule {
    LevelRule { lctype: None, sender: None, via: None, level, overrides: false }
}

fn gifts() -> LevelRule {
    LevelRule { lctype: Some(7), ..rule(Level::High) }
}

fn admins() -> LevelRule {
    LevelRule { sender: Some("admin-*".parse().unwrap()), overrides: true, ..rule(Level::High) }
}

fn back_end() -> LevelRule {
    LevelRule { via: Some(Via::Rest), ..rule(Level::High) }
}

fn chatter() -> LevelRule {
    LevelRule { sender: Some("*".parse().unwrap()), ..rule(Level::Low) }
}

const TEXT: Origin<'_> = Origin { lctype: Some(-1), sender: "guest", via: Via::Client, carried: None };
const GIFT: Origin<'_> = Origin { lctype: Some(7), ..TEXT };

#[test]
fn the_first_rule_that_applies_gives_the_level() {
    let rules = [gifts(), admins(), back_end(), chatter()];
    let by_admin = Origin { sender: "admin-7", ..TEXT };
    let low = Some(Level::Low);
    for (message, expected) in [
        (GIFT, Some((Level::High, 0))),
        (Origin { sender: "admin-7", ..GIFT }, Some((Level::High, 0))),
        (by_admin, Some((Level::High, 1))),
        (Origin { via: Via::Rest, ..TEXT }, Some((Level::High, 2))),
        (TEXT, Some((Level::Low, 3))),
        (Origin { lctype: None, ..TEXT }, Some((Level::Low, 3))),
        // Of those that carry a level, only the rule that overrides says anything.
        (Origin { carried: low, ..by_admin }, Some((Level::High, 1))),
        (Origin { carried: low, sender: "admin-7", ..GIFT }, Some((Level::High, 1))),
        (Origin { carried: low, ..GIFT }, None),
        (Origin { carried: Some(Level::High), ..TEXT }, None),
    ] {
        assert_eq!(ruled(&rules, &message), expected, "{message:?}");
    }
    assert_eq!(ruled(&[], &GIFT), None);
}

#[test]
fn every_condition_of_a_rule_must_hold() {
    let rules = [LevelRule { lctype: Some(7), via: Some(Via::Client), ..admins() }];
    let all = Origin { sender: "admin-7", ..GIFT };
    assert_eq!(ruled(&rules, &all), Some((Level::High, 0)));
    for one_missing in [
        Origin { lctype: Some(-1), ..all },
        Origin { lctype: None, ..all },
        Origin { sender: "guest", ..all },
        Origin { via: Via::Rest, ..all },
    ] {
        assert_eq!(ruled(&rules, &one_missing), None, "{one_missing:?}");
    }
}

#[test]
fn a_star_at_the_end_stands_for_the_rest_of_a_client_id() {
    for (pattern, sender, matches) in [
        ("admin-*", "admin-1", true),
        ("admin-*", "admin-", true),
        ("admin-*", "admin", false),
        ("admin-*", "my-admin-1", false),
        ("admin", "admin", true),
        ("admin", "admin-1", false),
        ("*", "anybody", true),
        ("客服*", "客服7", true),
    ] {
        let parsed: ClientPattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        let rules = [LevelRule { sender: Some(parsed), ..rule(Level::High) }];
        assert_eq!(ruled(&rules, &Origin { sender, ..TEXT }).is_some(), matches, "{pattern} on {sender}");
    }
}

#[test]
fn other_patterns_are_refused() {
    for (pattern, error) in [
        ("", PatternError::Empty),
        ("*-admin", PatternError::StarInside),
        ("a*b*", PatternError::StarInside),
        ("**", PatternError::StarInside),
    ] {
        assert_eq!(pattern.parse::<ClientPattern>(), Err(error), "{pattern:?}");
    }
}
