//! From the configuration as written to the one as used: checks of values and of what does not fit together.

use std::{collections::HashSet, time::Duration};

use grandstand_room::{rates::RateLimits, switches::Switches};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::apps::{App, Secret};

use super::{Config, ConfigError, Flags, Limits, Retention, Tls, written};

/// Files that the server needs beside its connections: store, listeners, log, a few sockets on their way out.
const FILES_BESIDE_CONNECTIONS: usize = 256;

pub(super) fn into_config(
    written: written::Written,
    flags: &Flags,
    file_limit: usize,
) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let server = written.server;
    let public_url = server.public_url.as_deref().and_then(|text| {
        text.parse().map_err(|problem| problems.push(format!("server.public_url: {problem}"))).ok()
    });
    let client_limits = client_limits(&written.client_limits, flags.client_limits, &mut problems);
    let mut apps: Vec<App> = written.apps.into_iter().map(app).collect();
    apps.extend(flags.apps.iter().cloned());

    let config = Config {
        bind: flags.bind.unwrap_or(server.bind),
        admin_bind: flags.admin_bind.unwrap_or(server.admin_bind),
        data: flags.data.clone().unwrap_or(server.data),
        public_url,
        trusted_proxies: server.trusted_proxies,
        proxy_protocol: server.proxy_protocol,
        log: flags.log.clone().unwrap_or(server.log),
        tls: written.tls.map(|tls| Tls { certificate: tls.certificate, private_key: tls.private_key }),
        limits: limits(&written.limits, file_limit),
        client_limits,
        retention: Retention { messages: written.retention.messages.0, rooms: written.retention.rooms.0 },
        apps,
    };
    check_server(&config, &mut problems);
    check_limits(&config.limits, file_limit, &mut problems);
    check_retention(&config, &mut problems);
    check_apps(&config.apps, &mut problems);
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Refused(problems)) }
}

fn limits(written: &written::Limits, file_limit: usize) -> Limits {
    Limits {
        connections: written
            .connections
            .unwrap_or_else(|| file_limit.saturating_sub(FILES_BESIDE_CONNECTIONS)),
        sockets_per_address: written.sockets_per_address,
        sessionless_sockets_per_address: written.sessionless_sockets_per_address,
        sessionless_sockets: written.sessionless_sockets.unwrap_or(file_limit / 4),
        upgrade_timeout: written.upgrade_timeout.0,
        tls_timeout: written.tls_timeout.0,
        request_head: written.request_head.0,
        request_headers: written.request_headers,
        first_command_timeout: written.first_command_timeout.0,
        read_timeout: written.read_timeout.0,
        message_timeout: written.message_timeout.0,
        frame: written.frame.0,
        fragments: written.fragments,
        message: written.message.0,
        high_backlog: written.high_backlog.0,
        backlog: written.backlog.0,
        room_attributes: written.room_attributes.0,
        will_grace: written.will_grace.0,
        wills_per_session: written.wills_per_session,
        resume: written.resume.0,
        drain: written.drain.0,
    }
}

fn client_limits(
    written: &written::ClientLimits,
    flag: Option<bool>,
    problems: &mut Vec<String>,
) -> Option<RateLimits> {
    for (key, value) in [("send", written.send), ("history", written.history), ("other", written.other)] {
        if value == 0 {
            problems.push(format!(
                "client_limits.{key} is 0: nobody could do it; to lift all limits, enabled = false"
            ));
        }
    }
    flag.unwrap_or(written.enabled).then_some(RateLimits {
        send: written.send,
        history: written.history,
        other: written.other,
    })
}

fn app(written: written::App) -> App {
    App {
        id: written.id.into(),
        key: Secret::new(written.key),
        master_key: Secret::new(written.master_key),
        name: written.name,
        demo: written.demo,
        switches: Switches {
            send: written.send,
            history: written.history,
            rejoin: written.rejoin,
            one_room_per: written.one_room_per,
            count: written.count,
            room_update: written.room_update,
            own_sessions: written.own_sessions,
            edit: written.edit,
            recall: written.recall,
            client_limits: written.client_limits,
        },
        allowed_origins: written
            .allowed_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect(),
    }
}

fn check_server(config: &Config, problems: &mut Vec<String>) {
    if config.bind == config.admin_bind && config.bind.port() != 0 {
        problems.push(format!(
            "server.bind and server.admin_bind are both {}: they need a port each",
            config.bind
        ));
    }
    if config.proxy_protocol && config.trusted_proxies.is_empty() {
        problems.push(
            "server.proxy_protocol is on, but server.trusted_proxies is empty: nobody's header would be believed"
                .to_owned(),
        );
    }
    if !is_log_filter(&config.log) {
        problems.push(format!(
            "server.log: {:?} is neither a level (error, warn, info, debug, trace, off) nor a filter such as \
             \"info,grandstand::gateway=debug\"",
            config.log
        ));
    }
}

/// The library takes a bare word that is no level for the name of a module, and would then log nothing else.
fn is_log_filter(text: &str) -> bool {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let plain = text.split(',').all(|part| part.contains('=') || is_level(part.trim()));
    plain && EnvFilter::try_new(text).is_ok()
}

fn check_limits(limits: &Limits, file_limit: usize, problems: &mut Vec<String>) {
    let needed = limits.connections.saturating_add(FILES_BESIDE_CONNECTIONS);
    if needed > file_limit {
        problems.push(format!(
            "limits.connections = {} needs {needed} open files, but this process may open {file_limit}: raise the \
             limit (ulimit -n {needed}; systemd: LimitNOFILE={needed}) or lower the key",
            limits.connections
        ));
    }
    if limits.message > limits.frame {
        problems.push(format!(
            "limits.message ({}) is larger than limits.frame ({}): such messages could not arrive",
            limits.message, limits.frame
        ));
    }
    for (key, value) in [
        ("connections", limits.connections),
        ("sockets_per_address", limits.sockets_per_address),
        ("sessionless_sockets_per_address", limits.sessionless_sockets_per_address),
        ("sessionless_sockets", limits.sessionless_sockets),
        ("request_head", limits.request_head),
        ("request_headers", limits.request_headers),
        ("frame", limits.frame),
        ("fragments", limits.fragments),
        ("message", limits.message),
        ("room_attributes", limits.room_attributes),
    ] {
        if value == 0 {
            problems.push(format!("limits.{key} is 0: the server could serve nobody"));
        }
    }
    for (key, value) in [
        ("upgrade_timeout", limits.upgrade_timeout),
        ("tls_timeout", limits.tls_timeout),
        ("first_command_timeout", limits.first_command_timeout),
        ("read_timeout", limits.read_timeout),
        ("message_timeout", limits.message_timeout),
    ] {
        if value < Duration::from_millis(1) {
            problems.push(format!("limits.{key} is 0: the server could serve nobody"));
        }
    }
}

fn check_retention(config: &Config, problems: &mut Vec<String>) {
    let Retention { messages, rooms } = config.retention;
    for (key, value) in [("messages", messages), ("rooms", rooms)] {
        if value < config.limits.resume {
            problems.push(format!(
                "retention.{key} is shorter than limits.resume: who returns would find nothing left"
            ));
        }
    }
}

fn check_apps(apps: &[App], problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for (index, app) in apps.iter().enumerate() {
        let named = format!("app {} ({:?})", index + 1, app.id.as_str());
        for (key, value) in
            [("id", app.id.as_str()), ("key", app.key.reveal()), ("master_key", app.master_key.reveal())]
        {
            if value.is_empty() {
                problems.push(format!("{named} has no {key}"));
            } else if value.contains([',', ':']) || value.chars().any(|c| c.is_whitespace() || c.is_control())
            {
                // They travel in headers such as `X-LC-Key: KEY,master`.
                problems.push(format!("{named}: {key} must not contain spaces, commas or colons"));
            }
        }
        if app.key == app.master_key && !app.key.reveal().is_empty() {
            problems.push(format!(
                "{named}: key and master_key are the same, so every client would be an administrator"
            ));
        }
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
