//! `grandstand block`, `unblock`, `blocks`: who may not be in a room.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{
    Desk, Trouble,
    call::Call,
    list::{self, for_clients},
    mute::{named, show_clients},
    text::{duration, shown},
};

const BLOCKS: &str = "/1.2/rtm/chatrooms/{}/blacklists";

#[derive(Debug, Args)]
pub(in crate::program) struct Block {
    /// Room id · 聊天室 ID
    room: String,
    /// Client ids · clientId，可多个
    #[arg(required = true, value_name = "CLIENT")]
    clients: Vec<String>,
    /// For how long (for good) · 时长；不写则永久
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
}

#[derive(Debug, Args)]
pub(in crate::program) struct Unblock {
    /// Room id · 聊天室 ID
    room: String,
    /// Client ids · clientId，可多个
    #[arg(required = true, value_name = "CLIENT")]
    clients: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::program) struct Blocks {
    /// Room id · 聊天室 ID
    room: String,
}

pub(super) async fn block(Block { room, clients, time }: Block, desk: &mut Desk) -> Result<(), Trouble> {
    let fields = time.map_or_else(|| json!({}), |time| json!({ "ttl": time.as_secs() }));
    for_clients(desk, &Call::post(BLOCKS, &[&room]), &clients, &fields).await?;
    let how_long = time.map_or_else(String::new, |time| format!(" for {}", humantime::format_duration(time)));
    let done = || format!("blocked {} from {}{how_long}", named(&clients), shown(&room));
    desk.output.answer(&json!({}), done)
}

pub(super) async fn unblock(Unblock { room, clients }: Unblock, desk: &mut Desk) -> Result<(), Trouble> {
    for_clients(desk, &Call::delete(BLOCKS, &[&room]), &clients, &json!({})).await?;
    desk.output.answer(&json!({}), || format!("{} may join {} again", named(&clients), shown(&room)))
}

pub(super) async fn show(Blocks { room }: Blocks, desk: &mut Desk) -> Result<(), Trouble> {
    let all = list::clients(desk, BLOCKS, &room).await?;
    show_clients(&all, "nobody is blocked", desk)
}
