//! Apps from written to used: keys, switches, level rules.

mod accounts;
mod hooks;
mod limits;
mod upstream;

use std::collections::HashSet;

use grandstand_room::{budget::RoomLimits, levels::LevelRule, switches::Switches};

use crate::{
    apps::{App, Secret},
    config::written,
    quota::QuotaSettings,
};

/// The app at this place of the file. Mistakes in its rules join the `problems`.
pub(super) fn into_app(written: written::App, index: usize, problems: &mut Vec<String>) -> App {
    let named = named(index, &written.id);
    let rules = written.levels.into_iter().zip(1..);
    let hooks = hooks::into_settings(written.hooks, written.webhook, &named, problems);
    let limits = limits::into_rates(written.limits, written.client_limits, &named, problems);
    let upstream = upstream::into_settings(written.upstream, &named, problems);
    let accounts = accounts::into_settings(written.accounts, upstream.as_ref(), &named, problems);
    let levels = rules
        .filter_map(|(rule, number)| {
            let refuse = |problem| problems.push(format!("{named}: level rule {number}: {problem}"));
            level_rule(rule).map_err(refuse).ok()
        })
        .collect();
    App {
        id: written.id.into(),
        key: Secret::new(written.key),
        master_key: Secret::new(written.master_key),
        previous_master_key: written.previous_master_key.map(Secret::new),
        name: written.name,
        demo: written.demo,
        switches: Switches {
            send: written.send,
            history: written.history,
            rejoin: written.rejoin,
            one_room_per: written.one_room_per,
            count: written.count,
            room_update: written.room_update,
            rooms_by_key: written.rooms_by_key,
            own_sessions: written.own_sessions,
            edit: written.edit,
            recall: written.recall,
            client_limits: written.client_limits,
            high_replay: written.high_replay,
            max_deliveries_per_second: written.max_deliveries_per_second,
            room_limits: RoomLimits { normal: written.room_limits.normal, low: written.room_limits.low },
        },
        moderation: written.moderation.into(),
        limits,
        signatures: written.signatures.into(),
        words: written.words.into(),
        levels,
        allowed_origins: written
            .allowed_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect(),
        quotas: written.quotas.into(),
        hooks,
        upstream,
        accounts,
    }
}

fn level_rule(written: written::LevelRule) -> Result<LevelRule, String> {
    let written::LevelRule { lctype, sender, via, level, overrides } = written;
    if lctype.is_none() && sender.is_none() && via.is_none() {
        return Err(
            "it has no condition: name lctype, sender or via; sender = \"*\" means everyone".to_owned()
        );
    }
    let parse = |text: String| text.parse().map_err(|error| format!("sender {text:?}: {error}"));
    Ok(LevelRule { lctype, sender: sender.map(parse).transpose()?, via, level: level.into(), overrides })
}

fn named(index: usize, id: &str) -> String {
    format!("app {} ({id:?})", index + 1)
}

/// Checks each app, and what they must not share.
pub(super) fn check(apps: &[App], problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for (index, app) in apps.iter().enumerate() {
        let named = named(index, app.id.as_str());
        let previous = app.previous_master_key.as_ref().map(|key| ("previous_master_key", key.reveal()));
        let texts =
            [("id", app.id.as_str()), ("key", app.key.reveal()), ("master_key", app.master_key.reveal())];
        for (key, value) in texts.into_iter().chain(previous) {
            if value.is_empty() {
                problems.push(format!("{named} has no {key}"));
            } else if value.contains([',', ':']) || value.chars().any(|c| c.is_whitespace() || c.is_control())
            {
                // They travel in headers such as `X-LC-Key: KEY,master`.
                problems.push(format!("{named}: {key} must not contain spaces, commas or colons"));
            }
        }
        if app.is_master_key(app.key.reveal()) && !app.key.reveal().is_empty() {
            problems.push(format!(
                "{named}: key and master_key are the same, so every client would be an administrator"
            ));
        }
        check_rates(app, &named, problems);
        check_quotas(&app.quotas, &named, problems);
        for origin in &app.allowed_origins {
            if !origin.starts_with("http://") && !origin.starts_with("https://") {
                problems.push(format!(
                    "{named}: allowed_origins: {origin:?} is no origin such as https://chat.example.com"
                ));
            }
        }
        if !seen.insert(&app.id) {
            problems.push(format!("{named}: another app has this id"));
        }
    }
    let demos: Vec<_> = apps.iter().filter(|app| app.demo).map(|app| app.id.as_str()).collect();
    if demos.len() > 1 {
        problems.push(format!("demo is on for {}: /demo shows a room of one app", demos.join(" and ")));
    }
}

fn check_quotas(quotas: &QuotaSettings, named: &str, problems: &mut Vec<String>) {
    for (key, value) in [
        ("messages_per_minute", quotas.messages_per_minute),
        ("by_key_per_minute", quotas.by_key_per_minute),
        ("broadcasts_per_minute", quotas.broadcasts_per_minute),
        ("broadcasts_per_day", quotas.broadcasts_per_day),
    ] {
        if value == 0 {
            problems.push(format!("{named}: quotas.{key} is 0: every such call would be refused"));
        }
    }
}

fn check_rates(app: &App, named: &str, problems: &mut Vec<String>) {
    let Switches { max_deliveries_per_second, room_limits, .. } = &app.switches;
    for (key, value) in [
        ("max_deliveries_per_second", max_deliveries_per_second),
        ("room_limits.normal", &room_limits.normal),
        ("room_limits.low", &room_limits.low),
    ] {
        if *value == Some(0) {
            problems.push(format!(
                "{named}: {key} is 0: nobody would see anything; without the key there is no limit"
            ));
        }
    }
}
