//! `grandstand rooms`: list, show, make and delete.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{
    Desk, Trouble,
    call::Call,
    confirm::Confirm,
    list::{count, halfway},
    output::{self, Table, remark},
    switches::{self, Switches},
    text::{cut, shown},
};

pub(super) const ROOMS: &str = "/1.2/rtm/chatrooms";
pub(super) const ROOM: &str = "/1.2/rtm/chatrooms/{}";

/// Rows of a page: as many as the server gives of short rows, and of whole ones what fits into an answer.
const SHORT_ROWS: u64 = 1000;
const WHOLE_ROWS: u64 = 200;

/// The server passes over so many rows at most.
const FURTHEST: u64 = 100_000;

/// Columns of a name in a list.
const NAME: usize = 40;

#[derive(Debug, Args)]
pub(in crate::program) struct Rooms {
    #[command(subcommand)]
    command: RoomsCommand,
}

#[derive(Debug, Subcommand)]
enum RoomsCommand {
    /// All rooms, the oldest first · 列出聊天室，最早的在前
    List(List),
    /// A room with its attributes, and what became of its messages on this server · 查看一个聊天室
    Show {
        /// Room id · 聊天室 ID
        room: String,
    },
    /// Make a room · 创建聊天室
    Create(Create),
    /// Delete rooms with their messages · 删除聊天室及其消息
    Delete {
        /// Room ids · 聊天室 ID
        #[arg(required = true, value_name = "ROOM")]
        rooms: Vec<String>,
        #[command(flatten)]
        confirm: Confirm,
    },
    #[command(flatten)]
    Switches(Switches),
}

#[derive(Debug, Args)]
struct List {
    /// Which ones, as LeanCloud's REST API has it: '{"name":"Final"}' · 查询条件
    #[arg(long = "where", value_name = "JSON")]
    filter: Option<String>,
    /// In which order: name, -lm and the like · 排序
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    order: Option<String>,
    /// So many at most · 最多列出多少个
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

#[derive(Debug, Args)]
struct Create {
    /// Its name · 名称
    name: Option<String>,
    /// Its attributes, a JSON object · 属性，JSON 对象
    #[arg(long, value_name = "JSON")]
    attr: Option<String>,
    /// The client that owns it and may moderate it · 房主的 clientId
    #[arg(long, value_name = "CLIENT")]
    creator: Option<String>,
}

pub(super) async fn run(rooms: Rooms, desk: &mut Desk) -> Result<(), Trouble> {
    match rooms.command {
        RoomsCommand::List(list) => show_list(&list, desk).await,
        RoomsCommand::Show { room } => show(&room, desk).await,
        RoomsCommand::Create(wanted) => create(wanted, desk).await,
        RoomsCommand::Switches(wanted) => switches::run(wanted, desk).await,
        RoomsCommand::Delete { rooms, confirm } => delete(&rooms, confirm, desk).await,
    }
}

async fn show_list(list: &List, desk: &mut Desk) -> Result<(), Trouble> {
    let json = desk.output.is_json();
    let most = list.limit.unwrap_or(u64::MAX);
    let mut table = Table::new(["ID", "NAME", "CREATOR", "CREATED", "LAST MESSAGE"]);
    let mut seen = 0;
    loop {
        let page = (most - seen).min(if json { WHOLE_ROWS } else { SHORT_ROWS });
        let keys = (!json).then_some("name,c,lm");
        let call = Call::get(ROOMS, &[]).query("limit", page).query("skip", seen).maybe("keys", keys);
        let call = call.maybe("where", list.filter.as_ref()).maybe("order", list.order.as_ref());
        let answer = desk.client.ask(call).await?;
        let rows = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
        for row in rows {
            if json {
                desk.output.object(row)?;
            } else {
                table.row([
                    text(row, "objectId"),
                    cut(&text(row, "name"), NAME),
                    text(row, "c"),
                    text(row, "createdAt"),
                    text(row, "lm"),
                ]);
            }
        }
        seen += rows.len() as u64;
        if (rows.len() as u64) < page || seen >= most {
            break;
        }
        if seen > FURTHEST {
            remark(&format!(
                "Only the first {seen} are shown: --where leads to others. 仅列出前 {seen} 个。"
            ));
            break;
        }
    }
    if json {
        return Ok(());
    }
    if seen == 0 { desk.output.line("no rooms") } else { desk.output.table(&table) }
}

/// A field's text; dates come as objects, too.
fn text(row: &Value, name: &str) -> String {
    match &row[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(date) if date.contains_key("iso") => text_of(date, "iso"),
        other => output::json(other),
    }
}

fn text_of(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Fields that every room has, by what people call them.
const NAMED: [(&str, &str); 6] = [
    ("objectId", "room"),
    ("name", "name"),
    ("c", "creator"),
    ("createdAt", "created"),
    ("updatedAt", "changed"),
    ("lm", "last message"),
];

/// Fields that are the same of all rooms, or empty.
const DULL: [&str; 4] = ["tr", "conv_type", "m", "attr"];

async fn show(room: &str, desk: &mut Desk) -> Result<(), Trouble> {
    let row = desk.client.ask(Call::get(ROOM, &[room])).await?;
    if desk.output.is_json() {
        return desk.output.object(&row);
    }
    let mut pairs: Vec<(&str, String)> = NAMED
        .iter()
        .map(|(field, name)| (*name, shown(&text(&row, field))))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let count = desk.client.ask(Call::get(&format!("{ROOM}/members/online-count"), &[room])).await?;
    pairs.push(("online", output::json(&count["result"])));
    pairs.extend(switches::on(room, desk).await?);
    pairs.extend(deliveries(room, desk).await?);
    let names: Vec<String> = row.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let own = names
        .iter()
        .filter(|name| !DULL.contains(&name.as_str()) && !NAMED.iter().any(|(known, _)| known == *name));
    if !row["attr"].is_null() {
        pairs.push(("attr", output::json(&row["attr"])));
    }
    let own: Vec<(String, String)> =
        own.map(|name| (shown(name), output::json(&row[name.as_str()]))).collect();
    pairs.extend(own.iter().map(|(name, value)| (name.as_str(), value.clone())));
    desk.output.pairs(&pairs)
}

/// What became of all messages of the room since somebody came into it, by level; nothing where nobody has.
async fn deliveries(room: &str, desk: &Desk) -> Result<Vec<(&'static str, String)>, Trouble> {
    let account = match desk.client.ask(Call::get(&format!("{ROOM}/account"), &[room])).await {
        Err(trouble) if trouble.is_status(404) => return Ok(Vec::new()),
        other => other?,
    };
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let mut pairs = vec![("members behind", number(&account["behind"]).to_string())];
    for (level, name) in [("high", "HIGH"), ("normal", "NORMAL"), ("low", "LOW")] {
        let sum = &account[level];
        if number(&sum["eligible"]) == 0 {
            continue;
        }
        pairs.push((name, super::message::sum(sum)));
    }
    Ok(pairs)
}

async fn create(wanted: Create, desk: &mut Desk) -> Result<(), Trouble> {
    let mut fields = Map::new();
    fields.extend(wanted.name.map(|name| ("name".to_owned(), name.into())));
    fields.extend(wanted.creator.map(|creator| ("c".to_owned(), creator.into())));
    if let Some(attr) = wanted.attr {
        let attr: Map<String, Value> = serde_json::from_str(&attr).map_err(|error| {
            let english =
                format!("--attr has to be a JSON object such as '{{\"topic\":\"football\"}}': {error}");
            Trouble::usage(english, "--attr 必须是 JSON 对象。")
        })?;
        fields.insert("attr".to_owned(), attr.into());
    }
    let created = desk.client.ask(Call::post(ROOMS, &[]).json(Value::Object(fields))).await?;
    desk.output.answer(&created, || format!("created room {}", shown(&text(&created, "objectId"))))
}

async fn delete(rooms: &[String], confirm: Confirm, desk: &mut Desk) -> Result<(), Trouble> {
    // Looked up first: who mistypes an id should hear so before anything is gone.
    let mut described = Vec::new();
    for room in rooms {
        let row = desk.client.ask(Call::get(ROOM, &[room])).await?;
        described.push(format!("{} ({})", shown(room), shown(&cut(&text(&row, "name"), NAME))));
    }
    let what = if rooms.len() > 5 { count(rooms.len(), "room") } else { described.join(", ") };
    confirm.ask(&format!("Delete {what}, with all messages?"))?;
    for (at, room) in rooms.iter().enumerate() {
        let answer = desk.client.ask(Call::delete(ROOM, &[room])).await;
        let answer = answer.map_err(|cause| halfway(rooms, at, cause))?;
        desk.output.answer(&answer, || format!("deleted room {}", shown(room)))?;
    }
    Ok(())
}
