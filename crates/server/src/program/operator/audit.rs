//! `grandstand audit`: who did what.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use super::{
    Desk, Trouble,
    call::Call,
    list::pages,
    output::{self, Table},
    text::duration,
};

const AUDIT: &str = "/1.2/rtm/audit";

/// Columns of what an act came to.
const DETAILS: usize = 60;

#[derive(Debug, Args)]
pub(in crate::program) struct Audit {
    /// Acts of the last hours or days: 2h, 7d · 最近多久
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "from")]
    last: Option<Duration>,
    /// From this time on, such as 2026-11-01T00:00:00Z · 起始时间
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to this time · 截止时间
    #[arg(long, value_name = "TIME")]
    till: Option<String>,
    /// Who: master_key, app_key, nobody, client, client:CLIENT · 谁做的
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// What: block, kick, purge and so on · 做了什么
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// In which room · 在哪个聊天室
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Whom it was about · 对谁
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// So many at most, the newest (100) · 最多列出多少条，最新的在前
    #[arg(long, value_name = "N", default_value_t = 100, hide_default_value = true)]
    limit: usize,
}

pub(super) async fn run(asked: Audit, desk: &mut Desk) -> Result<(), Trouble> {
    let from = asked.last.map(|last| ago(last).to_string()).or(asked.from);
    let call =
        Call::get(AUDIT, &[]).maybe("from", from).maybe("till", asked.till).maybe("actor", asked.actor);
    let call = call.maybe("action", asked.action).maybe("room", asked.room).maybe("client", asked.client);
    let mut rows: Vec<Value> = Vec::new();
    let collect = |answer: &Value| {
        rows.extend(answer["results"].as_array().into_iter().flatten().cloned());
        rows.len() < asked.limit
    };
    pages(desk, &call, collect).await?;
    rows.truncate(asked.limit);
    if desk.output.is_json() {
        return rows.iter().try_for_each(|row| desk.output.object(row));
    }
    if rows.is_empty() {
        return desk.output.line("nothing of that kind was noted");
    }
    let mut table = Table::new(["AT", "ACTION", "WHO", "FROM", "ROOM", "WHOM", "DETAILS"]);
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let clients: Vec<&str> =
            row["clients"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let whom = match clients.len() {
            0..=3 => clients.join(", "),
            all => format!("{}, and {} others", clients[..2].join(", "), all - 2),
        };
        let details = super::text::cut(&details(row), DETAILS);
        table.row([
            text("at"),
            text("action"),
            who(&row["actor"]),
            text("address"),
            text("room"),
            whom,
            details,
        ]);
    }
    desk.output.table(&table)
}

fn who(actor: &Value) -> String {
    let text = |name: &str| actor[name].as_str().unwrap_or_default();
    match text("role") {
        _ if text("client_id").is_empty() => text("type").replace('_', " "),
        "" => text("client_id").to_owned(),
        role => format!("{} ({role})", text("client_id")),
    }
}

/// `until=2026-11-24T16:00:00.000Z reason="spam"`, and the message, if there is one.
fn details(row: &Value) -> String {
    let fields = row["details"].as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| {
        let value = value.as_str().map_or_else(|| output::json(value), str::to_owned);
        format!("{name}={value}")
    });
    let message = row["message"].as_str().map(|message| format!("message={message}"));
    message.into_iter().chain(fields).collect::<Vec<_>>().join(" ")
}

/// By this machine's clock.
fn ago(last: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(last).as_millis()).unwrap_or(0)
}
