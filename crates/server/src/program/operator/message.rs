//! `grandstand message`: send, recall, trace, originals.

use std::io::{self, Read};

use clap::{Args, Subcommand, ValueEnum};
use grandstand_room::clock::Millis;
use serde_json::{Value, json};

use super::{
    Desk, Trouble,
    call::Call,
    originals::{self, Originals},
    rooms::ROOM,
    text::shown,
    trace::{self, Trace},
};

#[derive(Debug, Args)]
pub(in crate::program) struct Message {
    #[command(subcommand)]
    command: MessageCommand,
}

#[derive(Debug, Subcommand)]
enum MessageCommand {
    /// Send a message in a client's name · 以某个 clientId 的名义发消息
    Send(Send),
    /// Why did this viewer not get that message? · 某条消息为什么没收到
    Trace(Trace),
    /// What it was before it was filtered, edited or recalled; looking is noted · 查看原文（会记入审计日志）
    Originals(Originals),
    /// Take a message back: whoever has it sees it go · 撤回消息
    Recall {
        /// Room id · 聊天室 ID
        room: String,
        /// Message id · 消息 ID
        message: String,
    },
}

#[derive(Debug, Args)]
struct Send {
    /// Room id · 聊天室 ID
    room: String,
    /// What to say; - reads standard input · 文本；- 表示标准输入
    text: String,
    /// In whose name; it need not exist · 以谁的名义
    #[arg(long, value_name = "CLIENT")]
    from: String,
    /// HIGH is never left out where there is too much (normal) · 优先级
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
    /// Only for those who are there now: it is not stored · 暂态消息，不存储
    #[arg(long)]
    transient: bool,
    /// Send the text as it is, not as a text message of the SDKs · 原样发送，不包装为文本消息
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Level {
    High,
    Normal,
    Low,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

pub(super) async fn run(message: Message, desk: &mut Desk) -> Result<(), Trouble> {
    match message.command {
        MessageCommand::Send(wanted) => send(wanted, desk).await,
        MessageCommand::Trace(wanted) => trace::run(wanted, desk).await,
        MessageCommand::Originals(wanted) => originals::run(wanted, desk).await,
        MessageCommand::Recall { room, message } => recall(&room, &message, desk).await,
    }
}

async fn send(wanted: Send, desk: &mut Desk) -> Result<(), Trouble> {
    let message = content(wanted.text, wanted.raw)?;
    let mut body = json!({ "from_client": wanted.from, "message": message, "transient": wanted.transient });
    if let Some(level) = wanted.level {
        body["priority"] = level.name().into();
    }
    let call = Call::post(&format!("{ROOM}/messages"), &[&wanted.room]).json(body);
    let sent = desk.client.ask(call).await?;
    desk.output.answer(&sent, || {
        let id = sent["msg-id"].as_str().unwrap_or_default();
        let at = sent["timestamp"].as_i64().map_or_else(String::new, |time| Millis(time).to_iso());
        format!("sent {} at {at}", shown(id))
    })
}

/// What a message says: what SDKs know as a text message, unless it is to be sent as it is.
pub(super) fn content(text: String, raw: bool) -> Result<String, Trouble> {
    let text = if text == "-" { standard_input()? } else { text };
    // As of a pipe whose other end failed: the rooms should not hear of that.
    if text.is_empty() {
        return Err(Trouble::usage("there is nothing to say: the text is empty", "消息是空的，没有发送。"));
    }
    Ok(if raw { text } else { json!({ "_lctype": -1, "_lctext": text }).to_string() })
}

fn standard_input() -> Result<String, Trouble> {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|cause| Trouble::File { path: "-".into(), cause })?;
    // The line end is the shell's.
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

async fn recall(room: &str, message: &str, desk: &mut Desk) -> Result<(), Trouble> {
    let call = Call::put(&format!("{ROOM}/messages/{{}}/recall"), &[room, message]);
    let recalled = desk.client.ask(call.json(json!({}))).await?;
    desk.output.answer(&recalled, || format!("recalled {}", shown(message)))
}

/// What became of messages for members, in one line: what there is none of is left out.
pub(super) fn sum(sum: &Value) -> String {
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let outcomes = [
        (number(&sum["written"]), "written"),
        (number(&sum["recalled"]), "recalled before they came"),
        (number(&sum["thinned"]), "left out by a busy server"),
        (number(&sum["dropped"]["behind"]) + number(&sum["dropped"]["late"]), "left out for slow members"),
        (number(&sum["dropped"]["overrun"]), "overrun"),
        (number(&sum["left"]), "left before"),
        (number(&sum["pending"]), "pending"),
        (number(&sum["withheld"]["room_limit"]), "withheld by room_limits"),
        (number(&sum["withheld"]["app_limit"]), "withheld by max_deliveries_per_second"),
    ];
    let told: Vec<String> = outcomes
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!("{} to deliver: {}", number(&sum["eligible"]), told.join(", "))
}
