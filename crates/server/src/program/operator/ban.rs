//! `grandstand ban`, `unban`, `bans`: who may not log in to the app.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Desk, Trouble,
    call::Call,
    confirm::Confirm,
    list::{halfway, pages},
    mute::named,
    output::Table,
    text::duration,
};

const BANS: &str = "/1.2/rtm/bans";

#[derive(Debug, Args)]
pub(in crate::program) struct Ban {
    #[command(flatten)]
    whom: Whom,
    /// For how long (for good) · 时长；不写则永久
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// What the clients are told, at most 200 characters · 告知客户端的原因
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Debug, Args)]
pub(in crate::program) struct Unban {
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
pub(in crate::program) struct Bans {}

/// Clients, addresses, or both.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Whom {
    /// Client ids · clientId，可多个
    #[arg(value_name = "CLIENT")]
    clients: Vec<String>,
    /// An address, or a network such as 192.0.2.0/24; may be repeated · IP 地址或网段，可重复
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
}

impl Whom {
    /// Each with the field that names it.
    fn each(&self) -> Vec<(&'static str, &String)> {
        let clients = self.clients.iter().map(|client| ("client_id", client));
        clients.chain(self.addresses.iter().map(|address| ("address", address))).collect()
    }

    fn all(&self) -> Vec<String> {
        self.clients.iter().chain(&self.addresses).cloned().collect()
    }
}

pub(super) async fn ban(Ban { whom, time, reason, confirm }: Ban, desk: &mut Desk) -> Result<(), Trouble> {
    let all = whom.all();
    let how_long = time
        .map_or_else(|| "for good".to_owned(), |time| format!("for {}", humantime::format_duration(time)));
    confirm.ask(&format!("Ban {} from the app {how_long}?", named(&all)))?;
    for (at, (field, whom)) in whom.each().into_iter().enumerate() {
        let mut body = json!({ field: whom });
        if let Some(time) = time {
            body["ttl"] = time.as_secs().into();
        }
        if let Some(reason) = &reason {
            body["reason"] = reason.as_str().into();
        }
        let made = desk.client.ask(Call::post(BANS, &[]).json(body)).await;
        let made = made.map_err(|cause| halfway(&all, at, cause))?;
        if desk.output.is_json() {
            desk.output.object(&made)?;
        }
    }
    if desk.output.is_json() {
        Ok(())
    } else {
        desk.output.line(&format!("banned {} {how_long}", named(&all)))
    }
}

pub(super) async fn unban(Unban { whom }: Unban, desk: &mut Desk) -> Result<(), Trouble> {
    let all = whom.all();
    for (at, (field, whom)) in whom.each().into_iter().enumerate() {
        let ended = desk.client.ask(Call::delete(BANS, &[]).query(field, whom)).await;
        ended.map_err(|cause| halfway(&all, at, cause))?;
    }
    desk.output.answer(&json!({}), || format!("{} may log in again", named(&all)))
}

pub(super) async fn show(_: Bans, desk: &mut Desk) -> Result<(), Trouble> {
    let mut rows: Vec<Value> = Vec::new();
    let collect = |answer: &Value| {
        rows.extend(answer["results"].as_array().into_iter().flatten().cloned());
        true
    };
    pages(desk, &Call::get(BANS, &[]), collect).await?;
    if desk.output.is_json() {
        return rows.iter().try_for_each(|row| desk.output.object(row));
    }
    if rows.is_empty() {
        return desk.output.line("nobody is banned");
    }
    let mut table = Table::new(["CLIENT OR NETWORK", "SINCE", "UNTIL", "REASON"]);
    for row in &rows {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let whom = text("client_id").or_else(|| text("address")).unwrap_or_default();
        let until = text("until").unwrap_or_else(|| "for good".to_owned());
        table.row([whom, text("createdAt").unwrap_or_default(), until, text("reason").unwrap_or_default()]);
    }
    desk.output.table(&table)
}
