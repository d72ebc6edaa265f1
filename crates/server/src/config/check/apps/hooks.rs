//! Hooks from written to used.

use std::time::Duration;

use reqwest::Url;

use crate::{
    apps::Secret,
    config::written::{self, Hooks, Webhook},
    hook::{Hook, HookSettings, OnFailure, Target},
};

/// The hooks of an app, if it has any. Mistakes join the `problems`.
pub(super) fn into_settings(
    hooks: Option<Hooks>,
    webhook: Option<Webhook>,
    named: &str,
    problems: &mut Vec<String>,
) -> Option<HookSettings> {
    let has_hooks = hooks.is_some();
    let hooks = hooks.unwrap_or_default();
    let mut refuse = |problem: String| problems.push(format!("{named}: {problem}"));
    let target = match (&hooks.engine, webhook) {
        (Some(_), Some(_)) => {
            refuse("hooks.engine and webhook are both there: hooks go to one of them".to_owned());
            return None;
        }
        (None, None) if has_hooks => {
            refuse("hooks has no engine, and there is no webhook: nobody would be asked".to_owned());
            return None;
        }
        (None, None) => return None,
        (Some(engine), None) => self::engine(engine, hooks.hook_key.as_deref()),
        (None, Some(_)) if hooks.hook_key.is_some() => {
            Err("hooks.hook_key belongs to an engine; a webhook has its secret".to_owned())
        }
        (None, Some(webhook)) => self::webhook(webhook),
    };
    check(&hooks, &mut refuse);
    let target = target.map_err(refuse).ok()?;
    Some(HookSettings {
        target,
        connect_timeout: hooks.connect_timeout.0,
        timeout: hooks.timeout.0,
        concurrency: hooks.concurrency,
        queue: hooks.queue,
        workers: hooks.workers,
        breaker_failures: hooks.breaker_failures,
        breaker_pause: hooks.breaker_pause.0,
        discovery: hooks.discovery.0,
        on_failure: on_failure(&hooks.on_failure),
    })
}

fn on_failure(written: &written::OnFailure) -> OnFailure {
    OnFailure {
        message_received: written.message_received,
        message_update: written.message_update,
        conversation_start: written.conversation_start,
        conversation_add: written.conversation_add,
        conversation_remove: written.conversation_remove,
        conversation_update: written.conversation_update,
        client_sign: written.client_sign,
    }
}

fn engine(url: &str, hook_key: Option<&str>) -> Result<Target, String> {
    let url = address("hooks.engine", url)?;
    let hook_key = hook_key.unwrap_or_default();
    if hook_key.is_empty() || !is_header(hook_key) {
        return Err("hooks.hook_key: the key is needed by which the engine knows this server, of printable \
                    ASCII without spaces"
            .to_owned());
    }
    Ok(Target::Engine { url, hook_key: Secret::new(hook_key) })
}

fn webhook(written: Webhook) -> Result<Target, String> {
    let url = address("webhook.url", &written.url)?;
    if written.secret.is_empty() {
        return Err("webhook.secret is empty: anybody could sign".to_owned());
    }
    let events = match written.events {
        None => Hook::ALL.to_vec(),
        Some(names) => names.iter().map(|name| event(name)).collect::<Result<_, _>>()?,
    };
    Ok(Target::Webhook { url, secret: Secret::new(written.secret), events })
}

fn event(name: &str) -> Result<Hook, String> {
    Hook::from_event(name).ok_or_else(|| {
        let known: Vec<_> = Hook::ALL.iter().map(|hook| hook.event()).collect();
        format!("webhook.events: {name:?} is no event; there are {}", known.join(", "))
    })
}

/// An address without what would end up in a log, or would be sent to nobody.
pub(super) fn address(key: &str, text: &str) -> Result<Url, String> {
    let wrong = |why: &str| format!("{key}: {text:?} {why}");
    let url: Url = text.parse().map_err(|_| wrong("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is no http:// or https:// URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{key} must not carry a name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with its path"));
    }
    Ok(url)
}

fn is_header(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic())
}

/// What is left of the channel's and the semaphore's own limits by far.
pub(super) const MANY: usize = 1_000_000;

fn check(hooks: &Hooks, refuse: &mut impl FnMut(String)) {
    for (key, value) in
        [("concurrency", hooks.concurrency), ("queue", hooks.queue), ("workers", hooks.workers)]
    {
        if value == 0 || value > MANY {
            refuse(format!("hooks.{key} is {value}; it must be between 1 and {MANY}"));
        }
    }
    if hooks.breaker_failures == 0 {
        refuse("hooks.breaker_failures is 0: nobody would ever be asked".to_owned());
    }
    for (key, value) in [
        ("connect_timeout", hooks.connect_timeout),
        ("timeout", hooks.timeout),
        ("breaker_pause", hooks.breaker_pause),
        ("discovery", hooks.discovery),
    ] {
        if value.0 < Duration::from_millis(10) {
            refuse(format!("hooks.{key} is shorter than 10ms"));
        }
    }
    if hooks.timeout.0 > Duration::from_secs(60) {
        refuse("hooks.timeout is longer than a minute: whoever sends would wait that long".to_owned());
    }
}
