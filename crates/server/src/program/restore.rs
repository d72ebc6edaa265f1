//! `grandstand restore`: a data folder out of a backup.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use clap::Args;
use indicatif::HumanCount;
use serde_json::json;

use super::{backup::follow, failure::Failure, progress::Progress, stop};
use crate::backup::{self, Restored};

pub(super) const HELP: &str = "\
Hashes, database and counts are checked before anything of it is used. The folder has to be empty, or not there yet. Start
the server with it, and with your configuration file: logins stay valid, rooms and history are those of the backup's
mark.
恢复前会核对校验值、数据库和数量。目标目录必须为空或尚不存在。恢复后用它和你的配置文件启动服务器：登录凭证仍然有效，聊天室和
历史消息回到备份的时刻。

Example / 示例:
  grandstand restore /var/backups/grandstand/grandstand-20261123T080000Z --data /var/lib/grandstand

Exit codes / 退出码: 0 done 成功, 1 failed 失败, 2 wrong use 用法错误.  More / 详见: docs/operating.md";

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup · 备份
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The new data folder: empty, or not there yet · 新的数据目录，必须为空或尚不存在
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The report as JSON · 以 JSON 输出结果
    #[arg(long)]
    json: bool,
}

pub(super) fn run(restore: Restore) -> Result<(), Failure> {
    let Restore { backup, data, json } = restore;
    let place = data.clone();
    let restored = stop::until_stopped(move |stopped: &AtomicBool| {
        let progress = Progress::new();
        backup::restore(&backup, &data, &mut |stage| follow(&progress, stage, stopped))
    })?;
    let Restored { mark, facts, has_development_app } = restored;
    if json {
        let report = json!({
            "path": place, "mark": mark.to_iso(), "rooms": facts.rooms, "messages": facts.messages,
            "development_app": has_development_app,
        });
        return super::say(&report.to_string());
    }
    super::say(&format!(
        "{}: {} rooms, {} messages, as of {}. A server can be started with it.\n恢复完成，可以用该目录启动服务器。",
        place.display(),
        HumanCount(facts.rooms),
        HumanCount(facts.messages),
        mark.to_iso(),
    ))
}
