//! Accounts from written to used.

use std::time::Duration;

use super::hooks::address;
use crate::{accounts::AccountSettings, config::written::Accounts, upstream::UpstreamSettings};

/// Where LeanCloud's storage says whose a session token is.
const WHO_AM_I: &str = "/1.1/users/me";

/// Where an app's accounts are, if it has any: at its own address, or where everything else of it is. Mistakes join the
/// `problems`.
pub(super) fn into_settings(
    written: Accounts,
    upstream: Option<&UpstreamSettings>,
    named: &str,
    problems: &mut Vec<String>,
) -> Option<AccountSettings> {
    let mut refuse = |problem: String| problems.push(format!("{named}: {problem}"));
    let timeout = written.timeout.0;
    if timeout < Duration::from_millis(10) || timeout > Duration::from_secs(60) {
        refuse("accounts.timeout must be between 10ms and a minute".to_owned());
    }
    let url = match (written.url, upstream) {
        (Some(url), _) => address("accounts.url", &url).map_err(refuse).ok()?,
        (None, upstream) => {
            let mut url = upstream?.origin.clone();
            url.set_path(WHO_AM_I);
            url
        }
    };
    Some(AccountSettings { url, timeout })
}
