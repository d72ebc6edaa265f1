//! `grandstand kick`: takes clients out of a room, or logs them out.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Desk, Trouble,
    call::Call,
    list::{IDS, halfway},
    mute::named,
    rooms::ROOM,
    text::{duration, shown},
};

/// The name of REST 1.1, which takes the client id in its body: there it may be anything.
const KICK: &str = "/1.1/rtm/client/kick";

#[derive(Debug, Args)]
pub(in crate::program) struct Kick {
    /// Client ids · clientId，可多个
    #[arg(required = true, value_name = "CLIENT")]
    clients: Vec<String>,
    /// Only out of this room; they stay logged in · 只移出这个聊天室，不下线
    #[arg(long, value_name = "ROOM", conflicts_with = "reason")]
    room: Option<String>,
    /// Keep them out of the room for so long · 移出后多久不能再进
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "room")]
    block: Option<Duration>,
    /// What the clients are told, at most 20 characters · 告知客户端的原因
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn run(kick: Kick, desk: &mut Desk) -> Result<(), Trouble> {
    match &kick.room {
        Some(room) => out_of(room, &kick, desk).await,
        None => log_out(&kick, desk).await,
    }
}

async fn log_out(Kick { clients, reason, .. }: &Kick, desk: &mut Desk) -> Result<(), Trouble> {
    for (at, client) in clients.iter().enumerate() {
        let body = json!({ "client_id": client, "reason": reason });
        let kicked = desk.client.ask(Call::post(KICK, &[]).json(body)).await;
        kicked.map_err(|cause| halfway(clients, at, cause))?;
    }
    desk.output.answer(&json!({}), || format!("logged out {}", named(clients)))
}

async fn out_of(room: &str, Kick { clients, block, .. }: &Kick, desk: &mut Desk) -> Result<(), Trouble> {
    let mut removed: Vec<String> = Vec::new();
    for (at, some) in clients.chunks(IDS).enumerate() {
        let mut body = json!({ "client_ids": some });
        if let Some(block) = block {
            body["block_seconds"] = block.as_secs().into();
        }
        let answer = desk.client.ask(Call::delete(&format!("{ROOM}/members"), &[room]).json(body)).await;
        let answer = answer.map_err(|cause| halfway(clients, at * IDS, cause))?;
        let ids = answer["removed"].as_array().into_iter().flatten().filter_map(Value::as_str);
        removed.extend(ids.map(str::to_owned));
    }
    desk.output.answer(&json!({ "removed": removed }), || {
        let whom =
            if removed.is_empty() { "nobody: none of them was there".to_owned() } else { named(&removed) };
        let blocked = block.map_or_else(String::new, |time| {
            format!("; {} blocked for {}", named(clients), humantime::format_duration(time))
        });
        format!("took out of {}: {whom}{blocked}", shown(room))
    })
}
