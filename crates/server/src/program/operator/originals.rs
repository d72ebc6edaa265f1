//! `grandstand message originals`: what a message was before it was filtered, edited or recalled.

use clap::Args;
use grandstand_room::clock::Millis;
use serde_json::Value;

use super::{Desk, Trouble, call::Call, list::pages, output::Table, rooms::ROOM};

#[derive(Debug, Args)]
pub(super) struct Originals {
    /// Room id · 聊天室 ID
    room: String,
    /// Message id · 消息 ID
    message: String,
}

pub(super) async fn run(Originals { room, message }: Originals, desk: &mut Desk) -> Result<(), Trouble> {
    let call = Call::get(&format!("{ROOM}/messages/{{}}/originals"), &[&room, &message]);
    let mut rows: Vec<Value> = Vec::new();
    let collect = |answer: &Value| {
        rows.extend(answer["results"].as_array().into_iter().flatten().cloned());
        true
    };
    pages(desk, &call, collect).await?;
    if desk.output.is_json() {
        return rows.iter().try_for_each(|row| desk.output.object(row));
    }
    if rows.is_empty() {
        return desk.output.line("it was never changed, or its originals are not kept any more");
    }
    let mut table = Table::new(["BEFORE IT WAS", "AT", "OF", "FROM", "SENT", "TEXT"]);
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let sent = row["timestamp"].as_i64().map_or_else(String::new, |time| Millis(time).to_iso());
        table.row([text("cause"), text("at"), text("from"), text("from-ip"), sent, text("data")]);
    }
    desk.output.table(&table)
}
