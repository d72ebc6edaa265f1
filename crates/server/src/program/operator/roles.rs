//! `grandstand roles`: who owns a room, and who moderates it.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Desk, Trouble, call::Call, output::Table, rooms::ROOM, text::shown};

const INFOS: &str = "/1.2/rtm/chatrooms/{}/member-infos";

/// Rows of a page.
const PAGE: u64 = 100;

#[derive(Debug, Args)]
pub(in crate::program) struct Roles {
    #[command(subcommand)]
    command: RolesCommand,
}

#[derive(Debug, Subcommand)]
enum RolesCommand {
    /// Who has a role in a room, and its creator; anybody else is a member · 查看聊天室里的角色
    List {
        /// Room id · 聊天室 ID
        room: String,
    },
    /// Give a client a role; the room is told · 设置角色，聊天室里的人会收到通知
    Set {
        /// Room id · 聊天室 ID
        room: String,
        /// Client id; it need not be there · clientId，不必在场
        client: String,
        /// What it may do from now on · 角色：owner 所有者，manager 管理员，member 普通成员
        #[arg(ignore_case = true)]
        role: Role,
    },
    /// Take a role back: the creator is an owner again, anybody else a member · 取消角色：创建者恢复为所有者，其他人恢复为普通成员
    Remove {
        /// Room id · 聊天室 ID
        room: String,
        /// Client id · clientId
        client: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Owner,
    Manager,
    Member,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Manager => "Manager",
            Self::Member => "Member",
        }
    }
}

pub(super) async fn run(roles: Roles, desk: &mut Desk) -> Result<(), Trouble> {
    match roles.command {
        RolesCommand::List { room } => list(&room, desk).await,
        RolesCommand::Set { room, client, role } => set(&room, &client, role, desk).await,
        RolesCommand::Remove { room, client } => remove(&room, &client, desk).await,
    }
}

async fn list(room: &str, desk: &mut Desk) -> Result<(), Trouble> {
    let rows = rows(room, desk).await?;
    if desk.output.is_json() {
        return rows.iter().try_for_each(|row| desk.output.object(row));
    }
    let found = desk.client.ask(Call::get(ROOM, &[room])).await?;
    let creator = found["c"].as_str().filter(|creator| !creator.is_empty());
    // Whoever made the room owns it without a row.
    let unlisted = creator.filter(|creator| rows.iter().all(|row| row["clientId"] != **creator));
    if rows.is_empty() && unlisted.is_none() {
        return desk.output.line("nobody has a role: only the back end moderates this room");
    }
    let mut table = Table::new(["CLIENT", "ROLE", ""]);
    let made_it =
        |client: &str| if creator == Some(client) { "made the room".to_owned() } else { String::new() };
    if let Some(creator) = unlisted {
        table.row([creator.to_owned(), Role::Owner.name().to_owned(), made_it(creator)]);
    }
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        table.row([text("clientId").to_owned(), text("role").to_owned(), made_it(text("clientId"))]);
    }
    desk.output.table(&table)
}

/// All rows of a room.
async fn rows(room: &str, desk: &Desk) -> Result<Vec<Value>, Trouble> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let call = Call::get(INFOS, &[room]).query("limit", PAGE).query("skip", all.len());
        let answer = desk.client.ask(call).await?;
        let page = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
        all.extend_from_slice(page);
        if (page.len() as u64) < PAGE {
            return Ok(all);
        }
    }
}

async fn set(room: &str, client: &str, role: Role, desk: &mut Desk) -> Result<(), Trouble> {
    let body = json!({ "clientId": client, "role": role.name() });
    let set = desk.client.ask(Call::post(INFOS, &[room]).json(body)).await?;
    let now = format!("{} is {} in {} now", shown(client), with_article(role), shown(room));
    desk.output.answer(&set, || now)
}

fn with_article(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Manager => "a manager",
        Role::Member => "a member",
    }
}

async fn remove(room: &str, client: &str, desk: &mut Desk) -> Result<(), Trouble> {
    let rows = rows(room, desk).await?;
    let row = rows.iter().find(|row| row["clientId"] == client);
    let Some(row) = row.and_then(|row| row["objectId"].as_str()) else {
        return Err(Trouble::NoRole { room: room.to_owned(), client: client.to_owned() });
    };
    let removed = desk.client.ask(Call::delete(&format!("{INFOS}/{{}}"), &[room, row])).await?;
    desk.output.answer(&removed, || format!("took back the role of {} in {}", shown(client), shown(room)))
}
