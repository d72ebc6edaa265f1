//! The upstream from written to used.

use std::time::Duration;

use super::hooks::{self, MANY};
use crate::{config::written::Upstream, upstream::UpstreamSettings};

/// No client waits longer, and a place is not taken for longer.
const LONGEST: Duration = Duration::from_secs(600);

/// Smaller bodies than this would be a mistake in the unit.
const SMALLEST: usize = 1024;

/// The upstream of an app, if it has one. Mistakes join the `problems`.
pub(super) fn into_settings(
    written: Option<Upstream>,
    named: &str,
    problems: &mut Vec<String>,
) -> Option<UpstreamSettings> {
    let Upstream { origin, connect_timeout, timeout, request, answer, concurrency } = written?;
    let mut refuse = |problem: String| problems.push(format!("{named}: {problem}"));
    for (key, value) in [("connect_timeout", connect_timeout.0), ("timeout", timeout.0)] {
        if value < Duration::from_millis(10) || value > LONGEST {
            refuse(format!("upstream.{key} must be between 10ms and 10m"));
        }
    }
    for (key, value) in [("request", request.0), ("answer", answer.0)] {
        if value < SMALLEST {
            refuse(format!("upstream.{key} is {value} bytes; it must be at least {SMALLEST}"));
        }
    }
    if concurrency == 0 || concurrency > MANY {
        refuse(format!("upstream.concurrency is {concurrency}; it must be between 1 and {MANY}"));
    }
    let Some(origin) = origin else {
        refuse("upstream has no origin: nothing would be passed on".to_owned());
        return None;
    };
    let origin = hooks::address("upstream.origin", &origin).map_err(&mut refuse).ok()?;
    if origin.path() != "/" {
        refuse(format!("upstream.origin: {:?} must be scheme and host only", origin.as_str()));
        return None;
    }
    Some(UpstreamSettings {
        origin,
        connect_timeout: connect_timeout.0,
        timeout: timeout.0,
        request: request.0,
        answer: answer.0,
        concurrency,
    })
}
