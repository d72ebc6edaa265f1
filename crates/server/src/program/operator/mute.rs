//! `grandstand mute`, `unmute`, `mutes`: who may not speak in a room.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Desk, Trouble,
    call::Call,
    list::{self, count, for_clients, halfway},
    output::Table,
    text::{duration, shown},
};

const FOR_GOOD: &str = "/1.2/rtm/chatrooms/{}/permanent-silenceds";
const FOR_A_TIME: &str = "/1.2/rtm/chatrooms/{}/temporary-silenceds";

#[derive(Debug, Args)]
pub(in crate::program) struct Mute {
    /// Room id · 聊天室 ID
    room: String,
    /// Client ids · clientId，可多个
    #[arg(required = true, value_name = "CLIENT")]
    clients: Vec<String>,
    /// For how long, at most 24h (for good) · 时长，最长 24h；不写则永久
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
}

#[derive(Debug, Args)]
pub(in crate::program) struct Unmute {
    /// Room id · 聊天室 ID
    room: String,
    /// Client ids · clientId，可多个
    #[arg(required = true, value_name = "CLIENT")]
    clients: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::program) struct Mutes {
    /// Room id · 聊天室 ID
    room: String,
}

pub(super) async fn mute(Mute { room, clients, time }: Mute, desk: &mut Desk) -> Result<(), Trouble> {
    match time {
        None => for_clients(desk, &Call::post(FOR_GOOD, &[&room]), &clients, &json!({})).await?,
        Some(time) => {
            for (at, client) in clients.iter().enumerate() {
                let body = json!({ "client_id": client, "ttl": time.as_secs() });
                let asked = desk.client.ask(Call::post(FOR_A_TIME, &[&room]).json(body)).await;
                asked.map_err(|cause| halfway(&clients, at, cause))?;
            }
        }
    }
    let how_long = time.map_or_else(String::new, |time| format!(" for {}", humantime::format_duration(time)));
    let done = || format!("muted {} in {}{how_long}", named(&clients), shown(&room));
    desk.output.answer(&json!({}), done)
}

/// Ends both kinds of silence: whoever wants a client to speak again does not ask which it was.
pub(super) async fn unmute(Unmute { room, clients }: Unmute, desk: &mut Desk) -> Result<(), Trouble> {
    for_clients(desk, &Call::delete(FOR_GOOD, &[&room]), &clients, &json!({})).await?;
    for (at, client) in clients.iter().enumerate() {
        let asked = desk.client.ask(Call::delete(FOR_A_TIME, &[&room]).query("client_id", client)).await;
        asked.map_err(|cause| halfway(&clients, at, cause))?;
    }
    desk.output.answer(&json!({}), || format!("{} may speak again in {}", named(&clients), shown(&room)))
}

pub(super) async fn show(Mutes { room }: Mutes, desk: &mut Desk) -> Result<(), Trouble> {
    let mut all = list::clients(desk, FOR_GOOD, &room).await?;
    all.extend(list::clients(desk, FOR_A_TIME, &room).await?);
    show_clients(&all, "nobody is muted", desk)
}

/// Clients of a list, and until when.
pub(super) fn show_clients(all: &[list::Listed], nobody: &str, desk: &mut Desk) -> Result<(), Trouble> {
    if desk.output.is_json() {
        return all.iter().try_for_each(|(client, until)| {
            let mut row = json!({ "client_id": client });
            if let Some(until) = until {
                row["until"] = Value::from(until.as_str());
            }
            desk.output.object(&row)
        });
    }
    if all.is_empty() {
        return desk.output.line(nobody);
    }
    let mut table = Table::new(["CLIENT", "UNTIL"]);
    for (client, until) in all {
        table.row([client.clone(), until.clone().unwrap_or_else(|| "for good".to_owned())]);
    }
    desk.output.table(&table)
}

/// Those who were named, if they are few.
pub(super) fn named(clients: &[String]) -> String {
    if clients.len() > 5 {
        return count(clients.len(), "client");
    }
    clients.iter().map(|client| shown(client)).collect::<Vec<_>>().join(", ")
}
