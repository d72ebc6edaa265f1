//! `idle`: what a joined member costs that does nothing.

use std::{process, time::Instant};

use anyhow::Result;
use futures_util::StreamExt;
use indicatif::ProgressBar;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    machine,
    members::{self, Crowd},
    options::IdleOptions,
    report::Report,
    target::Target,
};

/// Memory at one moment.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Resident, of the server; if it is known.
    server: Option<u64>,
    /// In the kernel, for all TCP sockets.
    tcp: u64,
}

pub(crate) async fn run(target: &Target, options: &IdleOptions) -> Result<Report> {
    members::allow_files(options.members)?;
    let (mut maker, room) = members::make_room(&target.endpoint, "bench idle").await?;
    let crowd = Crowd {
        endpoint: &target.endpoint,
        room: &room,
        parallel: usize::try_from(options.parallel)?,
        per_address: options.per_address,
    };
    let before = Memory::now(target)?;
    let own = machine::cpu(process::id())?;

    let started = Instant::now();
    let mut members = join_all(&crowd, options.members).await?;
    let joining = started.elapsed();
    let load = machine::cpu(process::id())? - own;

    // The creator is in the room as well.
    let expected = options.members + 1;
    let online = members::online(&mut maker, &room).await?;
    sleep(options.settle).await;
    let after = Memory::now(target)?;
    let left = std::iter::from_fn(|| members.try_join_next()).count();
    members.shutdown().await;

    let mut report = Report::new("idle");
    target.describe(&mut report)?;
    report.setting("members", "joined members", options.members.into());
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

/// Connects, opens and joins; each member then reads on, so that pings are answered.
async fn join_all(crowd: &Crowd<'_>, members: u32) -> Result<JoinSet<()>> {
    let progress = ProgressBar::new(members.into());
    progress.set_style(crate::report::bar("joined {wide_bar} {pos}/{len}, {per_sec}"));
    let mut joined = std::pin::pin!(crowd.join(0..members));
    let mut set = JoinSet::new();
    while let Some((_, socket)) = joined.next().await {
        let mut socket = socket?;
        set.spawn(async move { while socket.next().await.is_ok() {} });
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(set)
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
}
