//! Figures of the whole node for Prometheus. Their labels are few and known: levels, outcomes.

use std::time::Duration;

use grandstand_protocol::Level;
use grandstand_room::account::{LevelTotals, Outcomes, Totals};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;

use super::Admin;
use crate::fanout::LEVELS;

/// In seconds: from a message that leaves at once to one that nobody waits for any more.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// How often recorded times are put into their buckets. Until then each of them takes a few bytes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Records the figures of this process from now on.
pub(crate) fn start_recording() -> PrometheusHandle {
    let times = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(times, &BUCKETS);
    let recorder = builder.expect("there are buckets").build_recorder();
    let handle = recorder.handle();
    // Another recorder can only be a test's, which then keeps its own.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    handle
}

/// Runs for the life of the node: keeps what is recorded small, also when nobody looks.
pub(crate) async fn keep_small(metrics: PrometheusHandle) {
    loop {
        sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}

/// Sets what is only known by looking.
pub(super) fn take_stock(admin: &Admin) {
    let node = &admin.node;
    let sockets = admin.admission.sockets();
    let engine = node.router.engine();
    let mut behind = 0;
    for hub in node.router.all().iter().flat_map(|app| app.hubs()) {
        engine.take_over(&mut hub.stage());
        behind += hub.alone();
    }
    for (name, value) in [
        ("grandstand_connections", sockets.all),
        ("grandstand_connections_without_session", sockets.without_session()),
        ("grandstand_connections_waiting", sockets.waiting),
        ("grandstand_sessions", node.router.session_count()),
        ("grandstand_slow_mode_speakers", node.slow_mode.speakers()),
        ("grandstand_members_behind", behind),
    ] {
        gauge!(name).set(u32::try_from(value).unwrap_or(u32::MAX));
    }
    gauge!("grandstand_uptime_seconds").set(admin.started.elapsed().as_secs_f64());
    let keep = engine.keep(engine.now());
    for level in [Level::Normal, Level::Low] {
        gauge!("grandstand_thinning_kept", "level" => level.name()).set(keep.share(level));
    }
    tell_deliveries(&engine.deliveries());
}

fn tell_deliveries(deliveries: &Totals) {
    for level in LEVELS {
        let totals = deliveries.level(level);
        for (outcome, members) in outcomes(totals) {
            counter!("grandstand_deliveries_total", "level" => level.name(), "outcome" => outcome)
                .absolute(u64::try_from(members).unwrap_or(0));
        }
        let pending = i32::try_from(totals.pending()).unwrap_or(i32::MAX);
        gauge!("grandstand_deliveries_pending", "level" => level.name()).set(pending);
    }
}

/// What can become of a message for a member, by name.
pub(super) fn outcomes(totals: &LevelTotals) -> [(&'static str, i64); 10] {
    let Outcomes { written, recalled, thinned, behind, late, overrun, left } = totals.outcomes;
    [
        ("written", written),
        ("recalled", recalled),
        ("thinned", thinned),
        ("behind", behind),
        ("late", late),
        ("overrun", overrun),
        ("left", left),
        ("room_limit", totals.room_limit),
        ("app_limit", totals.app_limit),
        ("replayed", totals.replayed),
    ]
}

fn describe() {
    for (name, meaning) in GAUGES {
        describe_gauge!(name, meaning);
    }
    for (name, meaning) in COUNTERS {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in TIMES {
        describe_histogram!(name, meaning);
    }
}

const GAUGES: [(&str, &str); 11] = [
    ("grandstand_connections", "Sockets of the public port."),
    ("grandstand_connections_without_session", "Those of them that have no session."),
    ("grandstand_connections_waiting", "Those of them whose turn to shake hands has not come."),
    ("grandstand_sessions", "Open sessions."),
    ("grandstand_uptime_seconds", "Since the start."),
    ("grandstand_deliveries_pending", "Messages and events times members where nothing is decided yet."),
    ("grandstand_members_behind", "Members whose sockets did not take everything."),
    ("grandstand_thinning_kept", "Share of messages that this node shows."),
    ("grandstand_hook_breaker_open", "Whether the hooks of an app are left alone."),
    ("grandstand_slow_mode_speakers", "Who spoke in slow rooms, and has to wait."),
    ("grandstand_words", "Words of an app's list; 0 when it has none."),
];

const COUNTERS: [(&str, &str); 21] = [
    ("grandstand_deliveries_total", "Messages and events times members, by what became of them."),
    ("grandstand_fanout_writes_total", "Writes to the sockets of members."),
    ("grandstand_fanout_bytes_total", "Bytes of these writes."),
    ("grandstand_level_rules_total", "Messages that got their level by a rule."),
    ("grandstand_gaps_cut_total", "Returns with more missed HIGH messages than are replayed."),
    ("grandstand_sockets_refused_total", "Sockets that were refused."),
    ("grandstand_sockets_displaced_total", "Sockets without a session that made room for others."),
    ("grandstand_logins_sent_away_total", "Logins that waited too long for their turn."),
    ("grandstand_gap_reads_total", "Times the store was asked what returning clients missed."),
    ("grandstand_store_reads_total", "Times the store was read."),
    ("grandstand_accept_failures_total", "Failures to accept, mostly for want of files."),
    ("grandstand_http_requests_total", "HTTP requests, by status."),
    ("grandstand_upstream_requests_total", "Requests for upstreams, by what came of them."),
    ("grandstand_upstream_cut_total", "Answers of upstreams that were cut short."),
    ("grandstand_refusals_total", "What clients were not let do, by the rule or limit."),
    ("grandstand_signatures_refused_total", "What was refused for want of a good signature."),
    ("grandstand_hook_calls_total", "Calls of hooks, by what came of them."),
    ("grandstand_hook_dropped_total", "Events that no hook was told of."),
    ("grandstand_messages_filtered_total", "Messages and edits that the word filter changed."),
    ("grandstand_word_hits_total", "Words that it replaced in them."),
    ("grandstand_hook_breaker_opened_total", "Times that hooks failed so often that they were left alone."),
];

const TIMES: [(&str, &str); 4] = [
    ("grandstand_fanout_lag_seconds", "How long the oldest message of a write had waited."),
    ("grandstand_upstream_seconds", "How long upstreams took until they answered."),
    ("grandstand_hook_seconds", "How long calls of hooks took."),
    ("grandstand_fanout_gather_seconds", "How long the writes of a busy room waited for company."),
];
