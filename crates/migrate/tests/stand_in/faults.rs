//! What goes wrong on the way to the stand-in for LeanCloud, by a seed.

use rand::{RngExt, rngs::SmallRng};
use serde_json::Value;

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Of a thousand answers, so many are spoilt on the way.
    pub(crate) answers: u32,
    /// Of a thousand pages, so many are not what was asked for.
    pub(crate) pages: u32,
    /// Requests in `QUOTA_WINDOW`, at most.
    pub(crate) quota: Option<u32>,
}

/// Spoils an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnTheWay {
    TooMany { says_when: bool },
    Broken,
    ProxyPage,
    Reset,
    CutOff,
    Silence,
    Nonsense,
    Html,
}

impl Faults {
    pub(crate) fn on_the_way(self, rng: &mut SmallRng) -> Option<OnTheWay> {
        use OnTheWay::{Broken, CutOff, Html, Nonsense, ProxyPage, Reset, Silence, TooMany};
        if rng.random_range(0..1000) >= self.answers {
            return None;
        }
        let all = [
            TooMany { says_when: false },
            TooMany { says_when: true },
            Broken,
            ProxyPage,
            Reset,
            CutOff,
            Silence,
            Nonsense,
            Html,
        ];
        Some(all[rng.random_range(0..all.len())])
    }

    /// Spoils a page of history; what kind of fault that was.
    pub(crate) fn spoil(
        self,
        rng: &mut SmallRng,
        page: &mut Vec<Value>,
        before: &[Value],
    ) -> Option<&'static str> {
        if rng.random_range(0..1000) >= self.pages {
            return None;
        }
        match rng.random_range(0..7) {
            // Some of the page before come again.
            0 => {
                let again = before.len().min(rng.random_range(1..20));
                page.splice(0..0, before[before.len() - again..].iter().cloned());
                Some("border")
            }
            1 if !page.is_empty() => {
                let at = rng.random_range(0..page.len());
                page.insert(at, page[at].clone());
                Some("twice")
            }
            2 if !page.is_empty() => {
                page.drain(..rng.random_range(1..=page.len()));
                Some("hole")
            }
            3 => {
                page.truncate(rng.random_range(0..=1));
                Some("short")
            }
            4 if page.len() > 2 => {
                page.reverse();
                Some("reversed")
            }
            5 if !page.is_empty() => {
                let key = ["msg-id", "timestamp", "data"][rng.random_range(0..3)];
                let at = rng.random_range(0..page.len());
                page[at].as_object_mut().and_then(|item| item.shift_remove(key));
                Some("lacking")
            }
            6 => {
                page.clear();
                Some("empty")
            }
            _ => None,
        }
    }
}
