//! `grandstand purge`: takes back everything that one client wrote.

use clap::Args;
use grandstand_room::clock::Millis;
use serde_json::json;

use super::{
    Desk, Trouble,
    call::Call,
    confirm::Confirm,
    list::count,
    output::remark,
    rooms::ROOM,
    text::{shown, time},
};

#[derive(Debug, Args)]
pub(in crate::program) struct Purge {
    /// Client id · clientId
    client: String,
    /// Only in this room (in all rooms of the app) · 只在这个聊天室
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// What it wrote from this time on, such as 2026-11-23T08:00:00Z · 起始时间
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Millis>,
    /// What it wrote until then · 截止时间
    #[arg(long, value_name = "TIME", value_parser = time)]
    till: Option<Millis>,
    #[command(flatten)]
    confirm: Confirm,
}

pub(super) async fn run(
    Purge { client, room, from, till, confirm }: Purge,
    desk: &mut Desk,
) -> Result<(), Trouble> {
    let place = room.as_ref().map_or_else(|| "in all rooms".to_owned(), |room| format!("in {}", shown(room)));
    confirm.ask(&format!("Recall what {} wrote {place}?", shown(&client)))?;
    let mut body = json!({});
    for (name, time) in [("from", from), ("till", till)] {
        if let Some(time) = time {
            body[name] = time.0.into();
        }
    }
    let call = match &room {
        Some(room) => {
            body["client_id"] = client.as_str().into();
            Call::post(&format!("{ROOM}/purge"), &[room])
        }
        None => Call::post("/1.2/rtm/clients/{}/purge", &[&client]),
    };
    let mut recalled = 0;
    loop {
        let asked = desk.client.ask(call.clone().json(body.clone())).await;
        let answer = asked.map_err(|cause| so_far(recalled, cause))?;
        recalled += answer["recalled"].as_u64().and_then(|some| usize::try_from(some).ok()).unwrap_or(0);
        let next = &answer["next"];
        // A server that does not get on would be asked for ever.
        if answer["more"] != true || next.is_null() || *next == body["next"] {
            break;
        }
        body["next"] = next.clone();
        remark(&format!("{} recalled so far. 已撤回 {recalled} 条。", count(recalled, "message")));
    }
    desk.output.answer(&json!({ "recalled": recalled }), || {
        format!("recalled {} of {} {place}", count(recalled, "message"), shown(&client))
    })
}

fn so_far(recalled: usize, cause: Trouble) -> Trouble {
    if recalled == 0 {
        return cause;
    }
    Trouble::Halfway { done: format!("{} were recalled", count(recalled, "message")), cause: Box::new(cause) }
}
