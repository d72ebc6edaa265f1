//! `grandstand export`, as a program of its own: against a stand-in for LeanCloud, and against a running server.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

#[path = "../operator/desk.rs"]
#[expect(dead_code, reason = "the operators' tests need more of it")]
mod desk;
#[path = "../../../migrate/tests/export/desk.rs"]
#[expect(dead_code, reason = "the exports within this process need more of it")]
mod everything;
#[path = "../../../migrate/tests/stand_in/faults.rs"]
mod faults;
#[path = "../../../migrate/tests/stand_in/keys.rs"]
mod keys;
mod killed;
#[path = "../../../migrate/tests/stand_in/leancloud.rs"]
#[expect(dead_code, reason = "the exports within this process need more of it")]
mod leancloud;
#[path = "../../../migrate/tests/stand_in/query.rs"]
mod query;
mod round_trip;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the program's tests need more of it")]
mod running;
#[path = "../operator/server.rs"]
mod server;
mod told;
#[path = "../../../migrate/tests/stand_in/world.rs"]
#[expect(dead_code, reason = "the exports within this process need more of it")]
mod world;

use std::process::Command;

use tempfile::TempDir;

/// The command, with what it needs in its environment; all of it goes into `archive`.
fn export(folder: &TempDir, from: &str) -> Command {
    let mut command = desk::operator(folder);
    command.env("GRANDSTAND_APP_ID", keys::APP).env("GRANDSTAND_MASTER_KEY", keys::MASTER_KEY);
    command.args(["export", "--from", from, "--out", "archive", "--rate", "60000"]);
    command
}
