//! `slow`: what members who do not read, or read slowly, cost the others, and what they get in the end.

use anyhow::{Context, Result, ensure};

use crate::{
    fan::{describe, warn},
    load::room_size,
    machine,
    measured::Measured,
    options::SlowOptions,
    order::{Findings, Reading},
    publisher::floor_frame,
    publishing::Tempo,
    report::Report,
    send_queue,
    stage::{self, Part, Stage},
    target::Target,
};

/// As small as a receive buffer can be: what the kernel holds for a member is not what is measured.
const RECEIVE_BUFFER: u32 = 4096;

/// Memory that is held for those who do not read.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Resident, of the server; if it is known.
    server: Option<u64>,
    /// Send queues of its sockets, which only this machine can see.
    queues: u64,
}

pub(crate) async fn run(target: &Target, options: &SlowOptions) -> Result<Report> {
    let traffic = &options.traffic;
    let share = options.drain_share.unwrap_or(options.stalled);
    let slow = (f64::from(traffic.members) * options.stalled).round() as u32;
    ensure!(slow > 0 && slow < traffic.members, "members of both kinds are needed");
    let tempo = Tempo::Rate(options.rate);
    let fast = Part { members: traffic.members - slow, ..Part::all(traffic) };
    let mut stage = Stage::of_server(target, traffic, &fast).await?;
    let without = stage.measure(tempo, traffic.warm_up, options.without).await?;

    let reading = match options.drain_share {
        Some(share) => Reading::Bytes(inflow(options, share)),
        None => Reading::Never,
    };
    let name = "bench-slow".to_owned();
    stage.join_slow(&Part { members: slow, name, receive_buffer: Some(RECEIVE_BUFFER), reading }).await?;
    let before = Held::now(target)?;
    let with = stage.measure(tempo, traffic.warm_up, traffic.duration).await?;
    let after = Held::now(target)?;
    let high = options.recover.then(|| expected(&with, slow, 0));
    let found = stage.finish_slow(high).await?;
    stage.close().await?;

    let mut report = Report::new("slow");
    target.describe(&mut report)?;
    describe(&mut report, traffic, 1);
    report.text("rate_per_s", "messages per second", &options.rate.to_string());
    report.setting("slow_members", "members who are slow", slow.into());
    let how = match options.drain_share {
        Some(_) => format!("read {share} of what comes"),
        None => "do not read".to_owned(),
    };
    report.text("slow_how", "they", &how);
    compare(&mut report, &without, &with);
    held(&mut report, slow, before, after);
    slow_members(&mut report, &with, &found, slow);
    warn(&mut report, &[without, with]);
    Ok(report)
}

/// What a slow member reads in a second.
fn inflow(options: &SlowOptions, share: f64) -> u64 {
    let frame = floor_frame(0, stage::look(&options.traffic)).len() as f64;
    (options.rate / f64::from(options.traffic.rooms) * frame * share).ceil() as u64
}

fn compare(report: &mut Report, without: &Measured, with: &Measured) {
    let p99 = |measured: &Measured| measured.latencies().summary().p99;
    report.milliseconds("without_p99_ms", "fast members' p99 without them", p99(without));
    report.milliseconds("with_p99_ms", "fast members' p99 with them", p99(with));
    let ratio = p99(with).as_secs_f64() / p99(without).as_secs_f64().max(1e-6);
    report.ratio("p99_ratio", "fast members' p99, of that without them", ratio);
    let delivered = with.found.delivered.iter().sum();
    report.share(
        "fast_delivered_share",
        "delivered to fast members",
        delivered,
        with.expected().iter().sum(),
    );
    for (name, measured) in [("without slow members", without), ("with slow members", with)] {
        report.distribution(name, &measured.latencies());
        report.over_time(name, &measured.found.seconds);
    }
}

impl Held {
    fn now(target: &Target) -> Result<Self> {
        let server = target.pid.map(machine::resident).transpose()?;
        let queues =
            send_queue::held(target.endpoint.address.port()).context("failed to read send queues")?;
        Ok(Self { server, queues })
    }
}

fn held(report: &mut Report, slow: u32, before: Held, after: Held) {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / f64::from(slow);
    let queues = each(before.queues, after.queues);
    report.bytes("queue_per_slow_bytes", "send queue of each slow member", queues.round() as i64);
    match before.server.zip(after.server) {
        Some((before, after)) => {
            let memory = each(before, after);
            report.bytes("server_per_slow_bytes", "server memory for each", memory.round() as i64);
            report.bytes("held_per_slow_bytes", "held for each, together", (memory + queues).round() as i64);
        }
        None => report.warn("memory of the server is unknown: name it with --server-pid"),
    }
}

/// Deliveries of a level that slow members should get.
fn expected(with: &Measured, slow: u32, level: usize) -> u64 {
    let rooms = with.members.len() as u32;
    let sizes = (0..rooms).map(|room| u64::from(room_size(slow, rooms, room)));
    let sizes: Vec<_> = sizes.collect();
    let sent = with.published.sent.iter().enumerate();
    sent.map(|(publisher, sent)| u64::from(sent[level]) * sizes[publisher % sizes.len()]).sum()
}

/// What the slow members got, of each level.
fn slow_members(report: &mut Report, with: &Measured, found: &Findings, slow: u32) {
    const LEVELS: [[&str; 2]; 3] = [
        ["slow_high_share", "HIGH that they got"],
        ["slow_normal_share", "NORMAL that they got"],
        ["slow_low_share", "LOW that they got"],
    ];
    for (level, [key, label]) in LEVELS.into_iter().enumerate() {
        let expected = expected(with, slow, level);
        if expected > 0 {
            report.share(key, label, found.received[level], expected);
        }
    }
    report.faults("slow_repeated", "came to them again", found.repeated.iter().sum());
    report.faults("slow_disordered", "came to them out of order", found.disordered.iter().sum());
    let closed: u64 = found.closed.values().map(|&count| u64::from(count)).sum();
    report.count("slow_closed", "lost their connection", closed);
    if closed > 0 {
        report.count("slow_returned", "came back", found.returned.into());
    }
    for (reason, count) in &found.closed {
        report.warn(format!("{count} slow members lost their connection: {reason}"));
    }
    // Who comes back may get again what it had not confirmed.
    if found.repeated[0] > 0 && closed == 0 {
        report.warn(format!("{} HIGH messages came to slow members again", found.repeated[0]));
    }
    if found.disordered[0] > 0 {
        report.warn(format!("{} HIGH messages came to slow members out of order", found.disordered[0]));
    }
}
