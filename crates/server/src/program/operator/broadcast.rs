//! `grandstand broadcast`: one message to all rooms, or to those that match.

use clap::Args;
use serde_json::json;

use super::{
    Desk, Trouble,
    call::Call,
    confirm::Confirm,
    list::count,
    message::{Level, content},
    output::remark,
    rooms::ROOMS,
    text::shown,
};

/// The code of a condition on rooms that cannot be used, or of rooms that are too many to be counted.
const BAD_QUERY: i64 = 4310;

#[derive(Debug, Args)]
pub(in crate::program) struct Broadcast {
    /// What to say; - reads standard input · 文本；- 表示标准输入
    text: String,
    /// In whose name; it need not exist · 以谁的名义
    #[arg(long, value_name = "CLIENT")]
    from: String,
    /// Only to the rooms that match, as in `rooms list`: '{"attr.sport":"football"}' · 只发给符合条件的聊天室，写法同 rooms list
    #[arg(long = "where", value_name = "JSON")]
    filter: Option<String>,
    /// HIGH is never left out where there is too much (high) · 优先级，默认 high
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
    /// Only for those who are there now: it is not stored · 暂态消息，只发给在场的人，不存储
    #[arg(long)]
    transient: bool,
    /// Send the text as it is, not as a text message of the SDKs · 原样发送，不包装为文本消息
    #[arg(long)]
    raw: bool,
    /// Names this broadcast: asked for again within half an hour, it goes on, and no room gets it twice (drawn by chance)
    /// · 广播的编号：半小时内用同一编号重试，不会重复发送；不写则随机生成
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    confirm: Confirm,
}

pub(super) async fn run(wanted: Broadcast, desk: &mut Desk) -> Result<(), Trouble> {
    let message = content(wanted.text, wanted.raw)?;
    if wanted.confirm.is_needed() {
        let rooms = rooms(wanted.filter.as_deref(), desk).await?;
        wanted.confirm.ask(&format!("Send this to {rooms}?"))?;
    }
    let id = wanted.id.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
    let mut body =
        json!({ "from_client": wanted.from, "message": message, "transient": wanted.transient, "id": id });
    if let Some(filter) = wanted.filter {
        body["where"] = filter.into();
    }
    if let Some(level) = wanted.level {
        body["priority"] = level.name().into();
    }
    let call = Call::post(&format!("{ROOMS}/broadcast"), &[]).json(body);
    let mut reached = 0;
    // The server answers after some seconds, and says how far it has come when it is asked again.
    let answer = loop {
        let asked = desk.client.ask(call.clone()).await;
        let answer = asked.map_err(|cause| so_far(reached, &id, cause))?;
        reached = answer["rooms"].as_u64().and_then(|rooms| usize::try_from(rooms).ok()).unwrap_or(0);
        if answer["more"] != true {
            break answer;
        }
        remark(&format!("{} have it so far. 已发到 {reached} 个聊天室。", count(reached, "room")));
    };
    desk.output.answer(&answer, || format!("sent to {}", count(reached, "room")))?;
    match answer["failed"].as_u64() {
        None | Some(0) => Ok(()),
        Some(failed) => Err(Trouble::Missed { rooms: failed }),
    }
}

/// Which rooms, for whoever is asked.
async fn rooms(filter: Option<&str>, desk: &Desk) -> Result<String, Trouble> {
    let call = Call::get(ROOMS, &[]).query("limit", 0).query("count", 1).maybe("where", filter);
    let found = match desk.client.ask(call).await {
        // Rooms that are too many to be counted can be sent to; a wrong condition is refused there, too.
        Err(Trouble::Refused(refused)) if refused.code == BAD_QUERY => None,
        found => found?["count"].as_u64().and_then(|rooms| usize::try_from(rooms).ok()),
    };
    Ok(match (found, filter) {
        (Some(rooms), None) => format!("all rooms, {rooms} of them"),
        (Some(rooms), Some(_)) => format!("the rooms that match, {rooms} of them"),
        (None, None) => "all rooms".to_owned(),
        (None, Some(_)) => "the rooms that match".to_owned(),
    })
}

/// How to go on after a failure. What was refused at once has not begun.
fn so_far(reached: usize, id: &str, cause: Trouble) -> Trouble {
    if reached == 0 && matches!(&cause, Trouble::Refused(refused) if refused.status < 500) {
        return cause;
    }
    let done = format!(
        "{} had it. The same command with --id {} goes on, and no room gets it twice",
        count(reached, "room"),
        shown(id)
    );
    Trouble::Halfway { done, cause: Box::new(cause) }
}
