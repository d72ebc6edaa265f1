//! `[apps.limits]`: rates that let somebody do something, and patterns that can be met.

use grandstand_room::rates::AppRates;

use crate::config::written;

/// The rates of an app's clients. `enabled`: they have any.
pub(super) fn into_rates(
    written: written::AppLimits,
    enabled: bool,
    named: &str,
    problems: &mut Vec<String>,
) -> AppRates {
    let written::AppLimits { send, history, other, exempt } = written;
    for (key, value) in [("send", send), ("history", history), ("other", other)] {
        if value == Some(0) {
            problems.push(format!(
                "{named}: limits.{key} is 0: nobody could do it; to lift all limits, client_limits = false"
            ));
        }
        if value.is_some() && !enabled {
            problems.push(format!(
                "{named}: limits.{key} would do nothing, because client_limits = false lifts all limits"
            ));
        }
    }
    let mut read = |pattern: String| {
        let refuse = |problem| problems.push(format!("{named}: limits.exempt {pattern:?}: {problem}"));
        pattern.parse().map_err(refuse).ok()
    };
    let exempt = exempt.into_iter().filter_map(&mut read).collect();
    AppRates { send, history, other, exempt }
}
