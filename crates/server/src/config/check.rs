//! From the configuration as written to the one as used: checks of values and of what does not fit together.

mod apps;

use std::time::Duration;

use grandstand_room::rates::RateLimits;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{apps::App, fanout::Broadcast};

use super::{Config, ConfigError, Fanout, Flags, Limits, Retention, Tls, written};

/// Files that the server needs beside its connections: store, listeners, log, a few sockets on their way out.
const FILES_BESIDE_CONNECTIONS: usize = 256;

/// As the smallest message counts that waits for a slow client.
const SMALLEST_FRAME: usize = Broadcast::AROUND_BODY;

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
    let written_apps = written.apps.into_iter().enumerate();
    let mut apps: Vec<App> =
        written_apps.map(|(index, app)| apps::into_app(app, index, &mut problems)).collect();
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
        fanout: Fanout { pace: written.fanout.pace.0, lag: written.fanout.lag.0 },
        client_limits,
        retention: retention(&written.retention),
        apps,
    };
    check_server(&config, &mut problems);
    check_limits(&config.limits, file_limit, &mut problems);
    check_fanout(config.fanout, &mut problems);
    check_retention(&config, &mut problems);
    apps::check(&config.apps, &mut problems);
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
        handshakes_per_second: written.handshakes_per_second,
        handshakes_per_second_per_address: written.handshakes_per_second_per_address,
        opens_at_once: written.opens_at_once,
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
        backlog_age: written.backlog_age.0,
        room_attributes: written.room_attributes.0,
        will_grace: written.will_grace.0,
        wills_per_session: written.wills_per_session,
        resume: written.resume.0,
        replay: written.replay,
        drain: written.drain.0,
    }
}

fn retention(written: &written::Retention) -> Retention {
    Retention {
        messages: written.messages.0,
        rooms: written.rooms.0,
        audit: written.audit.0,
        audit_entries: written.audit_entries,
        originals: written.originals.0,
        addresses: written.addresses.0,
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
        ("handshakes_per_second", limits.handshakes_per_second as usize),
        ("handshakes_per_second_per_address", limits.handshakes_per_second_per_address as usize),
        ("opens_at_once", limits.opens_at_once),
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
    if limits.replay == 0 {
        problems
            .push("limits.replay is 0; to deliver nothing again, high_replay = false in each app".to_owned());
    } else if (limits.replay as usize) < limits.high_backlog / SMALLEST_FRAME {
        problems.push(format!(
            "limits.replay = {} is less than the {} small HIGH messages that may wait in limits.high_backlog ({}): who \
             is closed because they do not fit would not get all of them; raise the first or lower the second",
            limits.replay,
            limits.high_backlog / SMALLEST_FRAME,
            limits.high_backlog
        ));
    }
    if limits.backlog_age < Duration::from_millis(1) {
        problems
            .push("limits.backlog_age is 0: whoever is behind for a moment would lose messages".to_owned());
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

fn check_fanout(fanout: Fanout, problems: &mut Vec<String>) {
    if fanout.lag < Duration::from_millis(1) {
        problems.push("fanout.lag is 0: every write comes later, and only HIGH would be shown".to_owned());
    } else if fanout.lag < fanout.pace * 2 {
        problems.push(format!(
            "fanout.lag ({:?}) is less than twice fanout.pace ({:?}): writes that wait for company would count as late",
            fanout.lag, fanout.pace
        ));
    }
}

fn check_retention(config: &Config, problems: &mut Vec<String>) {
    let Retention { messages, rooms, audit, audit_entries, .. } = config.retention;
    for (key, value) in [("messages", messages), ("rooms", rooms)] {
        if value < config.limits.resume {
            problems.push(format!(
                "retention.{key} is shorter than limits.resume: who returns would find nothing left"
            ));
        }
    }
    if audit < Duration::from_millis(1) || audit_entries == 0 {
        problems.push("retention.audit and retention.audit_entries have to be more than 0".to_owned());
    }
}
