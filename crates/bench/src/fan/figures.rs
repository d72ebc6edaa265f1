//! The figures of `fan` and its like: medians of rounds, sums of what went wrong.

use std::time::Duration;

use crate::{
    latency::{Latencies, Summary},
    measured::{Measured, median},
    options::TrafficOptions,
    publishing::Tempo,
    report::Report,
};

/// A share of a core at which a process of the load may have been the limit.
const CLIENT_BOUND: f64 = 0.9;

/// A share of a core that other programs may use before it must be said.
const DISTURBED: f64 = 0.1;

/// What figures are called: of the server, and of the floor beside it.
pub(crate) struct Keys {
    name: &'static str,
    rate: [&'static str; 2],
    delivered: [&'static str; 2],
    p50: [&'static str; 2],
    p99: [&'static str; 2],
    p999: [&'static str; 2],
    max: [&'static str; 2],
    last: [&'static str; 2],
    missing: [&'static str; 2],
    repeated: [&'static str; 2],
    disordered: [&'static str; 2],
    cpu: [&'static str; 2],
    share: [&'static str; 2],
    load: [&'static str; 2],
    frame: [&'static str; 2],
    read: [&'static str; 2],
}

pub(crate) const SERVER: Keys = Keys {
    name: "server",
    rate: ["deliveries_per_s", "deliveries"],
    delivered: ["delivered_share", "delivered"],
    p50: ["p50_ms", "p50"],
    p99: ["p99_ms", "p99"],
    p999: ["p999_ms", "p99.9"],
    max: ["max_ms", "max"],
    last: ["last_p99_ms", "p99 to the last member"],
    missing: ["missing", "never came"],
    repeated: ["repeated", "came again"],
    disordered: ["disordered", "came out of order"],
    cpu: ["cpu_per_delivery_us", "CPU per delivery"],
    share: ["server_cpu", "CPU of the server"],
    load: ["load_cpu", "CPU of the load"],
    frame: ["frame_bytes", "bytes of a delivery"],
    read: ["read_bytes", "bytes a read brings"],
};

pub(crate) const FLOOR: Keys = Keys {
    name: "floor",
    rate: ["floor_deliveries_per_s", "floor: deliveries"],
    delivered: ["floor_delivered_share", "floor: delivered"],
    p50: ["floor_p50_ms", "floor: p50"],
    p99: ["floor_p99_ms", "floor: p99"],
    p999: ["floor_p999_ms", "floor: p99.9"],
    max: ["floor_max_ms", "floor: max"],
    last: ["floor_last_p99_ms", "floor: p99 to the last member"],
    missing: ["floor_missing", "floor: never came"],
    repeated: ["floor_repeated", "floor: came again"],
    disordered: ["floor_disordered", "floor: came out of order"],
    cpu: ["floor_cpu_per_delivery_us", "floor: CPU per delivery"],
    share: ["floor_cpu", "floor: CPU"],
    load: ["floor_load_cpu", "floor: CPU of the load"],
    frame: ["floor_frame_bytes", "floor: bytes of a delivery"],
    read: ["floor_read_bytes", "floor: bytes a read brings"],
};

/// The keys of each level, where a mix has several.
const LEVELS: [[&str; 4]; 3] = [
    ["high_delivered_share", "HIGH delivered", "high_p99_ms", "HIGH p99"],
    ["normal_delivered_share", "NORMAL delivered", "normal_p99_ms", "NORMAL p99"],
    ["low_delivered_share", "LOW delivered", "low_p99_ms", "LOW p99"],
];

/// How the run was made.
pub(crate) fn describe(report: &mut Report, traffic: &TrafficOptions, rounds: u32) {
    report.setting("members", "members", traffic.members.into());
    report.setting("rooms", "rooms", traffic.rooms.into());
    report.setting("publishers", "publishers", traffic.publishers.into());
    report.size("size_bytes", "text of each message", traffic.size.into());
    report.text("levels", "HIGH:NORMAL:LOW", &traffic.levels.to_string());
    report.text("stored", "stored", if traffic.transient { "no" } else { "yes" });
    report.setting("rounds", "rounds", rounds.into());
}

/// When messages were sent.
pub(crate) fn describe_tempo(report: &mut Report, tempo: Tempo) {
    match tempo {
        Tempo::Rate(rate) => report.text("rate_per_s", "messages per second", &rate.to_string()),
        Tempo::InFlight(messages) => report.setting("in_flight", "messages in flight", messages.into()),
    }
}

/// Medians of the rounds.
pub(crate) fn tell(report: &mut Report, keys: &Keys, traffic: &TrafficOptions, rounds: &[Measured]) {
    let middle = |of: &dyn Fn(&Measured) -> f64| median(rounds.iter().map(of).collect()).unwrap_or_default();
    let [key, label] = keys.rate;
    report.rate(key, label, middle(&Measured::per_second).round() as u64, Duration::from_secs(1));
    let sum = |of: &dyn Fn(&Measured) -> u64| rounds.iter().map(of).sum::<u64>();
    let (delivered, expected) = (
        |measured: &Measured| measured.found.delivered.iter().sum(),
        |measured: &Measured| measured.expected().iter().sum(),
    );
    report.share(keys.delivered[0], keys.delivered[1], sum(&delivered), sum(&expected));
    let summaries: Vec<Summary> = rounds.iter().map(|round| round.latencies().summary()).collect();
    let time = |of: &dyn Fn(&Summary) -> Duration| {
        let seconds = median(summaries.iter().map(|summary| of(summary).as_secs_f64()).collect());
        Duration::from_secs_f64(seconds.unwrap_or_default())
    };
    report.milliseconds(keys.p50[0], keys.p50[1], time(&|summary| summary.p50));
    report.milliseconds(keys.p99[0], keys.p99[1], time(&|summary| summary.p99));
    report.milliseconds(keys.p999[0], keys.p999[1], time(&|summary| summary.p999));
    report.milliseconds(keys.max[0], keys.max[1], time(&|summary| summary.max));
    let last = Duration::from_secs_f64(middle(&|measured| measured.to_the_last().p99.as_secs_f64()));
    report.milliseconds(keys.last[0], keys.last[1], last);
    levels(report, keys, traffic, rounds);
    sequences(report, keys, rounds);
    if let Some(cpu) = median(rounds.iter().filter_map(Measured::cpu_per_delivery).collect()) {
        report.microseconds(keys.cpu[0], keys.cpu[1], cpu);
        let used = sum(&|measured| measured.server.unwrap_or_default().as_micros() as u64);
        let over = rounds.iter().map(|measured| measured.duration).sum();
        report.cpu(keys.share[0], keys.share[1], Duration::from_micros(used), over);
    }
    let load = sum(&|measured| measured.load().as_micros() as u64);
    let over = rounds.iter().map(|measured| measured.duration).sum();
    report.cpu(keys.load[0], keys.load[1], Duration::from_micros(load), over);
    let (bytes, reads) = (sum(&|measured| measured.found.bytes), sum(&|measured| measured.found.reads));
    let messages = sum(&|measured| measured.found.received.iter().chain(&measured.found.repeated).sum());
    report.count(keys.frame[0], keys.frame[1], bytes / messages.max(1));
    report.count(keys.read[0], keys.read[1], bytes / reads.max(1));
    draw(report, keys, rounds);
}

/// What members found by the sequences of what came.
fn sequences(report: &mut Report, keys: &Keys, rounds: &[Measured]) {
    let sum = |of: &dyn Fn(&Measured) -> [u64; 3]| rounds.iter().flat_map(of).sum::<u64>();
    report.faults(keys.missing[0], keys.missing[1], sum(&Measured::missing));
    report.faults(keys.repeated[0], keys.repeated[1], sum(&|measured| measured.found.repeated));
    report.faults(keys.disordered[0], keys.disordered[1], sum(&|measured| measured.found.disordered));
    if keys.name == SERVER.name {
        if let Some(disagreed) = disagreed(rounds) {
            report.faults("disagreed", "came in another order than to others", disagreed);
        }
        let skipped = sum(&|measured| measured.found.skipped);
        report.faults("skipped", "never came, as members see by what came later", skipped);
        if let Some(micros) = rounds.iter().filter_map(|measured| measured.found.noticed).max() {
            report.milliseconds("noticed_ms", "until that was seen, at most", Duration::from_micros(micros));
        }
    }
}

/// What came to members of a room in different orders. Unknown when something is missing: who misses a message may be
/// the first one to have the next.
fn disagreed(rounds: &[Measured]) -> Option<u64> {
    let complete = rounds.iter().all(|measured| measured.missing() == [0; 3]);
    complete.then(|| rounds.iter().flat_map(|measured| measured.found.disagreed).sum())
}

/// What became of each level, where there are several.
fn levels(report: &mut Report, keys: &Keys, traffic: &TrafficOptions, rounds: &[Measured]) {
    let several = traffic.levels.count() > 1 && keys.name == SERVER.name;
    for (level, [delivered, delivered_label, p99, p99_label]) in LEVELS.into_iter().enumerate() {
        let expected: u64 = rounds.iter().map(|round| round.expected()[level]).sum();
        if !several || expected == 0 {
            continue;
        }
        let came = rounds.iter().map(|round| round.found.delivered[level]).sum();
        report.share(delivered, delivered_label, came, expected);
        let seconds = rounds.iter().map(|round| round.found.latencies[level].summary().p99.as_secs_f64());
        let middle = median(seconds.collect()).unwrap_or_default();
        report.milliseconds(p99, p99_label, Duration::from_secs_f64(middle));
    }
}

/// The latencies of all rounds, and the last round second by second.
fn draw(report: &mut Report, keys: &Keys, rounds: &[Measured]) {
    let mut all = Latencies::new();
    rounds.iter().for_each(|round| all.add(&round.latencies()));
    report.distribution(keys.name, &all);
    if let Some(last) = rounds.last() {
        report.over_time(keys.name, &last.found.seconds);
    }
}

/// Sums of what went wrong, and whether the load was the limit.
pub(crate) fn warn(report: &mut Report, rounds: &[Measured]) {
    let sum = |of: &dyn Fn(&Measured) -> u64| rounds.iter().map(of).sum::<u64>();
    let missing = sum(&|measured| measured.missing().iter().sum());
    let repeated = sum(&|measured| measured.found.repeated.iter().sum());
    let disordered = sum(&|measured| measured.found.disordered.iter().sum());
    let disagreed = disagreed(rounds).unwrap_or_default();
    for (count, what) in [
        (missing, "deliveries are missing"),
        (repeated, "deliveries came again"),
        (disordered, "deliveries came behind later ones of their publisher and level"),
        (disagreed, "deliveries came in another order than to other members of the room"),
        (sum(&|measured| measured.found.wrong), "deliveries were not what was sent"),
        (sum(&|measured| measured.published.unanswered), "messages without an answer"),
        (sum(&|measured| measured.published.given_up), "messages in flight were given up after 5 s"),
    ] {
        if count > 0 {
            report.warn(format!("{count} {what}"));
        }
    }
    for round in rounds {
        for (fault, count) in &round.published.answers.refused {
            report.warn(format!(
                "{count} messages refused with {fault}; start the server with --client-limits off"
            ));
        }
        for (reason, count) in &round.found.closed {
            report.warn(format!("{count} members lost their connection: {reason}"));
        }
    }
    let late = rounds.iter().map(|round| round.published.latest).max().unwrap_or_default();
    if late > 100_000 {
        report.warn(format!(
            "a message was sent {} ms behind its time: the load cannot keep the rate",
            late / 1000
        ));
    }
    if rounds.iter().any(|round| round.bound() >= CLIENT_BOUND) {
        report.warn(
            "client-bound: the load used all that it could of its cores, the figures are a lower bound",
        );
    }
    let others = rounds.iter().map(|round| round.others.as_secs_f64() / round.duration.as_secs_f64());
    let most = others.fold(0.0, f64::max);
    if most >= DISTURBED {
        report.warn(format!("disturbed: other programs used {:.0} % of a core meanwhile", most * 100.0));
    }
}
