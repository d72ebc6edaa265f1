//! `idle`: what a joined member costs that does nothing.

use std::{net::IpAddr, process, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, stream};
use grandstand_protocol::{Command, Event, RoomId, StartConversation};
use indicatif::ProgressBar;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    endpoint::Endpoint,
    machine,
    options::IdleOptions,
    report::Report,
    socket::{Socket, source},
    target::Target,
};

/// Files of this process beside the sockets.
const OTHER_FILES: u64 = 64;

/// Memory at one moment.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Resident, of the server; if it is known.
    server: Option<u64>,
    /// In the kernel, for all TCP sockets.
    tcp: u64,
}

pub(crate) async fn run(target: &Target, options: &IdleOptions) -> Result<Report> {
    allow_files(u64::from(options.members) + OTHER_FILES)?;
    let endpoint = &target.endpoint;
    let (mut maker, room) = room(endpoint).await?;
    let before = Memory::now(target)?;
    let own = machine::cpu(process::id())?;

    let started = Instant::now();
    let mut members = join_all(endpoint, &room, options).await?;
    let joining = started.elapsed();
    let load = machine::cpu(process::id())? - own;

    // The creator is in the room as well.
    let expected = options.members + 1;
    let online = count(&mut maker, &room).await?;
    sleep(options.settle).await;
    let after = Memory::now(target)?;
    let left = std::iter::from_fn(|| members.try_join_next()).count();
    members.shutdown().await;

    let mut report = Report::new("idle");
    target.describe(&mut report)?;
    report.count("members", "joined members", options.members.into());
    report.rate("joins_per_s", "connected, opened and joined", options.members.into(), joining);
    report.load_cpu(load, joining);
    memory(&mut report, options.members, before, after);
    if online != expected {
        report.warn(format!("the server counts {online} online instead of {expected}"));
    }
    if left > 0 {
        report.warn(format!("{left} members lost their connection"));
    }
    Ok(report)
}

/// Raises the limit of open files if it must, and says so if it cannot.
fn allow_files(needed: u64) -> Result<()> {
    let limit = rlimit::increase_nofile_limit(u64::MAX).context("failed to read the limit of open files")?;
    ensure!(
        limit >= needed,
        "{needed} open files are needed and {limit} allowed: use fewer members, or several runs"
    );
    Ok(())
}

/// A new room, with its creator in it.
async fn room(endpoint: &Endpoint) -> Result<(Socket, RoomId)> {
    let mut maker = Socket::open(endpoint, None, "bench-maker").await?;
    let attributes = Some(r#"{"name":"bench idle"}"#.to_owned());
    let start = StartConversation { transient: true, attributes, ..StartConversation::default() };
    match maker.ask(Command::Start(Box::new(start))).await? {
        Event::Started { room, .. } => Ok((maker, room)),
        other => bail!("the server answered {other:?}"),
    }
}

async fn count(socket: &mut Socket, room: &RoomId) -> Result<u32> {
    match socket.ask(Command::Count { room: room.clone() }).await? {
        Event::Count { count } => Ok(u32::try_from(count)?),
        other => bail!("the server answered {other:?}"),
    }
}

/// Connects, opens and joins; each member then reads on, so that pings are answered.
async fn join_all(endpoint: &Endpoint, room: &RoomId, options: &IdleOptions) -> Result<JoinSet<()>> {
    let progress = ProgressBar::new(options.members.into());
    progress.set_style(crate::report::bar("joined {wide_bar} {pos}/{len}, {per_sec}"));
    let parallel = usize::try_from(options.parallel)?;
    let joined = stream::iter(0..options.members).map(|number| {
        let from = source(endpoint.address, number, options.per_address);
        async move { join(endpoint, from, room, &format!("bench-member-{number}")).await }
    });
    let mut joined = std::pin::pin!(joined.buffer_unordered(parallel));
    let mut members = JoinSet::new();
    while let Some(socket) = joined.next().await {
        let mut socket = socket?;
        members.spawn(async move { while socket.next().await.is_ok() {} });
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(members)
}

async fn join(endpoint: &Endpoint, from: Option<IpAddr>, room: &RoomId, client: &str) -> Result<Socket> {
    let mut socket = Socket::open(endpoint, from, client).await?;
    let command = Command::Join { room: room.clone(), members: vec![client.to_owned()], signature: None };
    match socket.ask(command).await.with_context(|| format!("failed to join as {client}"))? {
        Event::Added { .. } => Ok(socket),
        other => bail!("the server answered {other:?}"),
    }
}

impl Memory {
    fn now(target: &Target) -> Result<Self> {
        Ok(Self { server: target.pid.map(machine::resident).transpose()?, tcp: machine::tcp_memory()? })
    }
}

fn memory(report: &mut Report, members: u32, before: Memory, after: Memory) {
    match before.server.zip(after.server) {
        Some((before, after)) => {
            report.bytes("server_before_bytes", "server, before", difference(0, before));
            report.bytes("server_after_bytes", "server, after", difference(0, after));
            let each = difference(before, after) / i64::from(members);
            report.bytes("server_per_member_bytes", "server, each member", each);
        }
        None => report.warn("memory of the server is unknown: name it with --server-pid"),
    }
    let kernel = difference(before.tcp, after.tcp);
    report.bytes("kernel_tcp_bytes", "kernel TCP buffers, both ends", kernel);
    report.bytes(
        "kernel_tcp_per_member_bytes",
        "kernel TCP buffers, each member",
        kernel / i64::from(members),
    );
}

fn difference(before: u64, after: u64) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    signed(after) - signed(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_out_among_the_members() {
        let mut report = Report::new("idle");
        let before = Memory { server: Some(10_000_000), tcp: 4096 };
        let after = Memory { server: Some(30_480_000), tcp: 0 };
        memory(&mut report, 5000, before, after);
        let json = report.json();
        assert_eq!(json["server_per_member_bytes"], 4096);
        assert_eq!(json["kernel_tcp_bytes"], -4096);
        assert_eq!(json["warnings"].as_array().unwrap().len(), 0);
    }

    #[test]
    fn an_unknown_server_is_said_to_be() {
        let mut report = Report::new("idle");
        let memory_now = Memory { server: None, tcp: 0 };
        memory(&mut report, 1, memory_now, memory_now);
        assert!(report.table().contains("--server-pid"));
        assert!(report.json().get("server_per_member_bytes").is_none());
    }

    #[test]
    fn too_many_members_are_refused_with_the_limit() {
        let error = allow_files(u64::MAX).unwrap_err().to_string();
        assert!(error.contains("open files are needed"), "{error}");
    }
}
