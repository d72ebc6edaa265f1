//! What holds for everybody in a room: `grandstand rooms freeze`, `mute-all`, `slow-mode`, and how it stands.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Desk, Trouble,
    call::Call,
    text::{duration, shown},
};

const SWITCHES: &str = "/1.2/rtm/chatrooms/{}/switches";

#[derive(Debug, Subcommand)]
pub(super) enum Switches {
    /// Nobody but the back end says or changes anything · 冻结：除后端外谁都不能发言或修改
    Freeze(Room),
    /// End that · 解除冻结
    Unfreeze(Room),
    /// Only some may speak: owners, managers, and who is named · 全员禁言
    MuteAll(MuteAll),
    /// End that · 解除全员禁言
    UnmuteAll(Room),
    /// So long between two messages of a client · 慢速模式
    SlowMode {
        /// Room id · 聊天室 ID
        room: String,
        /// 30s, 2m, at most 6h; or off · 间隔，或 off 关闭
        #[arg(value_name = "TIME|off", value_parser = interval)]
        every: Interval,
    },
    /// What of this is on · 查看这些开关
    #[command(name = "switches")]
    Show(Room),
}

#[derive(Debug, Args)]
pub(super) struct Room {
    /// Room id · 聊天室 ID
    room: String,
}

#[derive(Debug, Args)]
pub(super) struct MuteAll {
    /// Room id · 聊天室 ID
    room: String,
    /// For how long (until it is ended) · 时长；不写则直到解除
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Who may speak, too; may be repeated · 仍可发言的人，可重复
    #[arg(long = "allow", value_name = "CLIENT")]
    allowed: Vec<String>,
}

/// Of slow mode; none when it is off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval(Option<Duration>);

fn interval(text: &str) -> Result<Interval, String> {
    if text == "off" { Ok(Interval(None)) } else { duration(text).map(|time| Interval(Some(time))) }
}

pub(super) async fn run(switches: Switches, desk: &mut Desk) -> Result<(), Trouble> {
    let (room, change) = match switches {
        Switches::Show(Room { room }) => {
            let found = desk.client.ask(Call::get(SWITCHES, &[&room])).await?;
            return show(&found, desk);
        }
        Switches::Freeze(Room { room }) => (room, json!({ "frozen": true })),
        Switches::Unfreeze(Room { room }) => (room, json!({ "frozen": false })),
        Switches::UnmuteAll(Room { room }) => (room, json!({ "mute_all": null })),
        Switches::MuteAll(MuteAll { room, time, allowed }) => {
            let mut mute = json!({ "client_ids": allowed });
            if let Some(time) = time {
                mute["ttl"] = time.as_secs().into();
            }
            (room, json!({ "mute_all": mute }))
        }
        Switches::SlowMode { room, every: Interval(every) } => {
            let slow = every.map_or(Value::Null, |every| json!({ "seconds": every.as_secs() }));
            (room, json!({ "slow_mode": slow }))
        }
    };
    let changed = desk.client.ask(Call::put(SWITCHES, &[&room]).json(change)).await?;
    show(&changed, desk)
}

/// The switches as they are now.
fn show(switches: &Value, desk: &mut Desk) -> Result<(), Trouble> {
    if desk.output.is_json() { desk.output.object(switches) } else { desk.output.pairs(&named(switches)) }
}

/// For `rooms show`: those that are on.
pub(super) async fn on(room: &str, desk: &Desk) -> Result<Vec<(&'static str, String)>, Trouble> {
    let found = desk.client.ask(Call::get(SWITCHES, &[room])).await?;
    Ok(named(&found).into_iter().filter(|(_, state)| state != "off").collect())
}

fn named(switches: &Value) -> Vec<(&'static str, String)> {
    let frozen = if switches["frozen"] == true { "yes: only the back end speaks" } else { "off" };
    vec![
        ("frozen", frozen.to_owned()),
        ("mute all", mute(&switches["mute_all"])),
        ("slow mode", slow(&switches["slow_mode"])),
    ]
}

fn mute(mute: &Value) -> String {
    if mute.is_null() {
        return "off".to_owned();
    }
    let until =
        mute["until"].as_str().map_or_else(|| "until it is ended".to_owned(), |end| format!("until {end}"));
    format!("{until}; may speak: {}", texts(mute, &["roles", "client_ids"]))
}

fn slow(slow: &Value) -> String {
    match slow["seconds"].as_u64() {
        None => "off".to_owned(),
        Some(seconds) => {
            let every = humantime::format_duration(Duration::from_secs(seconds));
            format!("one message every {every}; not for: {}", texts(slow, &["roles"]))
        }
    }
}

/// What these lists name.
fn texts(value: &Value, lists: &[&str]) -> String {
    let all = lists.iter().flat_map(|list| value[*list].as_array().into_iter().flatten());
    let all: Vec<String> = all.filter_map(Value::as_str).map(shown).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(", ") }
}
