//! `grandstand members`: who is in a room.

use clap::Args;
use serde_json::{Value, json};

use super::{Desk, Trouble, call::Call, list::count, rooms::ROOM, text::shown};

/// The server names so many at most.
const MOST: u64 = 1000;

#[derive(Debug, Args)]
pub(in crate::program) struct Members {
    /// Room id · 聊天室 ID
    room: String,
    /// So many names at most, drawn by chance (100; at most 1000) · 随机列出多少人
    #[arg(long, value_name = "N", default_value_t = 100, hide_default_value = true, value_parser = clap::value_parser!(u64).range(..=MOST))]
    limit: u64,
}

pub(super) async fn run(Members { room, limit }: Members, desk: &mut Desk) -> Result<(), Trouble> {
    let named =
        desk.client.ask(Call::get(&format!("{ROOM}/members"), &[&room]).query("limit", limit)).await?;
    let mut clients: Vec<&str> =
        named["result"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    clients.sort_unstable();
    if desk.output.is_json() {
        return clients.iter().try_for_each(|client| desk.output.object(&json!({ "client_id": client })));
    }
    for client in &clients {
        desk.output.line(&shown(client))?;
    }
    let online = desk.client.ask(Call::get(&format!("{ROOM}/members/online-count"), &[&room])).await?;
    let online = online["result"].as_u64().and_then(|online| usize::try_from(online).ok()).unwrap_or(0);
    let some =
        if online > clients.len() { format!(", {} of them shown", clients.len()) } else { String::new() };
    desk.output.line(&format!("{} online{some}", count(online, "client")))
}
