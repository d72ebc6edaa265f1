//! `grandstand stats`: figures of the app.

use clap::Args;

use super::{Desk, Trouble, call::Call, output};

#[derive(Debug, Args)]
pub(in crate::program) struct Stats {}

pub(super) async fn run(_: Stats, desk: &mut Desk) -> Result<(), Trouble> {
    let answer = desk.client.ask(Call::get("/1.2/rtm/stats", &[])).await?;
    let stats = &answer["result"];
    if desk.output.is_json() {
        return desk.output.object(stats);
    }
    desk.output.pairs(&[
        ("online now", output::json(&stats["online_user_count"])),
        ("logged in today (UTC)", output::json(&stats["user_count_today"])),
    ])
}
