//! Accounts from written to used.

use std::time::Duration;

use super::hooks::address;
use crate::{accounts::AccountSettings, config::written::Accounts};

/// Where an app's accounts are, if it has any. Mistakes join the `problems`.
pub(super) fn into_settings(
    written: Accounts,
    named: &str,
    problems: &mut Vec<String>,
) -> Option<AccountSettings> {
    let mut refuse = |problem: String| problems.push(format!("{named}: {problem}"));
    let timeout = written.timeout.0;
    if timeout < Duration::from_millis(10) || timeout > Duration::from_secs(60) {
        refuse("accounts.timeout must be between 10ms and a minute".to_owned());
    }
    let url = address("accounts.url", &written.url?).map_err(refuse).ok()?;
    Some(AccountSettings { url, timeout })
}
