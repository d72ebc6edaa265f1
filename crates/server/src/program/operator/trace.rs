//! `grandstand message trace`: why a viewer did not get a message.

use clap::Args;
use grandstand_room::clock::Millis;
use serde_json::Value;

use super::{
    Desk, Trouble,
    call::Call,
    message::sum,
    rooms::ROOM,
    text::{cut, shown},
};

/// Columns of a message's text.
const TEXT: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Trace {
    /// Room id · 聊天室 ID
    room: String,
    /// Message id · 消息 ID
    message: String,
    /// For whom it may have been · 哪个客户端没收到
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
}

type Pairs = Vec<(&'static str, String)>;

pub(super) async fn run(Trace { room, message, client }: Trace, desk: &mut Desk) -> Result<(), Trouble> {
    let call = Call::get(&format!("{ROOM}/messages/{{}}/trace"), &[&room, &message]);
    let found = desk.client.ask(call.maybe("client_id", client)).await?;
    if desk.output.is_json() {
        return desk.output.object(&found);
    }
    let mut pairs = vec![("message", shown(&message))];
    pairs.extend(of_message(&found));
    pairs.extend(of_account(&found));
    if !found["client"].is_null() {
        pairs.extend(of_client(&room, &found));
    }
    desk.output.pairs(&pairs)
}

/// Accepted when, from whom, and at which level.
fn of_message(found: &Value) -> Pairs {
    let message = &found["message"];
    if message.is_null() {
        let account = &found["account"];
        let level = text(account, "level").to_uppercase();
        let age = account["age_seconds"].as_f64().unwrap_or(0.0);
        let not_stored = "not in the history: it was transient, or is deleted".to_owned();
        return vec![("stored", not_stored), ("sent", format!("{age:.0} s ago")), ("level", level)];
    }
    let via = if message["by_client"] == true { "a client" } else { "the back end" };
    let address = message["from-ip"].as_str().map_or_else(String::new, |address| format!(" from {address}"));
    let accepted =
        format!("{} of {}, sent by {via}{address}", time(message, "timestamp"), text(message, "from"));
    let mut pairs = vec![("accepted", accepted), ("level", level(found))];
    if message["recalled"] == true {
        pairs.push(("recalled", time(message, "patch-timestamp")));
    } else {
        if !message["patch-timestamp"].is_null() {
            pairs.push(("edited", time(message, "patch-timestamp")));
        }
        let data = message["data"].as_str().unwrap_or_default();
        pairs.push(("text", shown(&cut(data, TEXT))));
    }
    pairs
}

fn level(found: &Value) -> String {
    let level = text(&found["message"], "level").to_uppercase();
    let rules: Vec<u64> =
        found["level_rules"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let named = rules.iter().map(u64::to_string).collect::<Vec<_>>().join(" or ");
    let source = match (rules.is_empty(), found["level_own"] == true) {
        (true, true) => "of its sender, or the default: no rule of the app gives it".to_owned(),
        (true, false) => "by rules that the app had then, and has no more".to_owned(),
        (false, true) => format!("by rule {named} of the app, unless its sender set it"),
        (false, false) => format!("by rule {named} of the app"),
    };
    format!("{level}, {source}")
}

/// What became of it for all.
fn of_account(found: &Value) -> Pairs {
    let account = &found["account"];
    if account.is_null() {
        let why = "not known any more, or nobody else was there: remembered are 10 minutes since the server's start, and \
            10,000 messages of a room";
        return vec![("members", why.to_owned())];
    }
    let mut pairs = vec![("members", sum(account))];
    match account["replayed"].as_i64() {
        None | Some(0) => {}
        Some(replayed) => pairs.push(("returned", format!("{replayed} got it when they came back"))),
    }
    pairs
}

/// What is known of the one who did not get it.
fn of_client(room: &str, found: &Value) -> Pairs {
    let client = &found["client"];
    let mut pairs = vec![("client", text(client, "client_id"))];
    if client["blocked"] == true {
        pairs.push(("blocked", "is not let into this room now".to_owned()));
    }
    let sessions = client["sessions"].as_array().map_or(&[][..], Vec::as_slice);
    for session in sessions {
        pairs.push(("online", format!("from {}, {}", text(session, "address"), place(room, session))));
        pairs.push(("so", verdict(session, found)));
        let pending = &session["pending"];
        let waits = |level: &str| pending[level].as_i64().unwrap_or(0);
        if waits("high") + waits("normal") + waits("low") > 0 {
            let waiting =
                format!("{} HIGH, {} NORMAL, {} LOW wait", waits("high"), waits("normal"), waits("low"));
            pairs.push(("behind", waiting));
        }
    }
    let dropped = client["dropped"].as_array().map_or(&[][..], Vec::as_slice);
    for session in dropped {
        let here = session["room"].as_str() == Some(room);
        let then = if here { "; HIGH messages come when it returns within 30 minutes" } else { "" };
        let place =
            session["room"].as_str().map_or("no room".to_owned(), |room| format!("room {}", shown(room)));
        pairs.push(("dropped", format!("{} out of {place}{then}", text(session, "dropped_at"))));
    }
    if sessions.is_empty() && dropped.is_empty() {
        let gone = "not online, and not expected back: it logged out, or is gone for more than 30 minutes";
        pairs.push(("offline", gone.to_owned()));
    }
    pairs
}

fn place(room: &str, session: &Value) -> String {
    let since = text(session, "since");
    match session["room"].as_str() {
        None => "in no room".to_owned(),
        Some(other) if other == room => format!("in the room since {since}"),
        Some(other) => format!("in room {} since {since}", shown(other)),
    }
}

fn verdict(session: &Value, found: &Value) -> String {
    let account = &found["account"];
    let count = |value: &Value| value.as_i64().unwrap_or(0);
    let left_out = count(&account["thinned"])
        + ["behind", "late", "overrun"].iter().map(|cause| count(&account["dropped"][*cause])).sum::<i64>();
    let withheld = count(&account["withheld"]["room_limit"]) + count(&account["withheld"]["app_limit"]);
    match session["standing"].as_str().unwrap_or_default() {
        "elsewhere" => "it is not in this room: it gets nothing of it".to_owned(),
        "own" => "it wrote this itself, and nobody gets back what it wrote".to_owned(),
        "others" => "the app's hook kept this for others (toPeers)".to_owned(),
        "before" => "it came into the room later: the message is in the history".to_owned(),
        "returned" => "it was away meanwhile and was sent this when it returned".to_owned(),
        "pending" => "it has not got it yet: its connection does not take what is sent".to_owned(),
        "passed" if left_out > 0 => {
            format!(
                "it was written to its connection, or it is one of the {left_out} for whom it was left out"
            )
        }
        "passed" => "it was written to its connection; the client has not confirmed it, or does not have to"
            .to_owned(),
        "confirmed" => "it got it: the client has confirmed what was sent behind it".to_owned(),
        "forgotten" if withheld > 0 => "it was shown to nobody, because of a limit".to_owned(),
        _ => "it was in the room; what became of the message is not remembered any more".to_owned(),
    }
}

fn text(row: &Value, name: &str) -> String {
    shown(row[name].as_str().unwrap_or_default())
}

fn time(row: &Value, name: &str) -> String {
    row[name].as_i64().map_or_else(String::new, |time| Millis(time).to_iso())
}
