//! `grandstand backup`: a copy of the data folder while its server runs.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;

use super::{failure::Failure, progress::Progress, stop};
use crate::backup::{self, BackupError, CopyError, Made, Stage};

pub(super) const HELP: &str = "\
The server goes on; it need not be there, either. The backup is a folder: the database, the development app's keys if
there is such an app, a manifest with the mark, and SHA-256 sums. Everything that was acknowledged before the mark is in
it. The configuration file is not, and is yours to keep. What is in the backup is as secret as the data folder.
备份时服务器照常运行，没有运行也可以备份。备份是一个目录，内有数据库、开发应用的密钥（如果有）、记录备份时刻的清单和 SHA-256
校验值；该时刻之前已确认的内容全部在内。配置文件不在其中，请自行保存。备份与数据目录同样机密。

Examples / 示例:
  grandstand backup --data /var/lib/grandstand --out /var/backups/grandstand
      Into a folder that exists already: makes grandstand-20261123T080000Z in it.
      目录已存在时，在其中新建以时间命名的备份。
  grandstand backup --data /var/lib/grandstand --out before-the-update
      Into a folder that is not there yet. 目录尚不存在时，它就是这份备份。

Exit codes / 退出码: 0 done 成功, 1 failed 失败, 2 wrong use 用法错误.  More / 详见: docs/operating.md";

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Data folder of the server · 服务器的数据目录
    #[arg(long, value_name = "DIR", default_value = "grandstand-data")]
    data: PathBuf,
    /// The backup, or a folder for backups · 备份的位置，或存放备份的目录
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The report as JSON · 以 JSON 输出结果
    #[arg(long)]
    json: bool,
}

pub(super) fn run(backup: Backup) -> Result<(), Failure> {
    let Backup { data, out, json } = backup;
    let made = stop::until_stopped(move |stopped: &AtomicBool| {
        let progress = Progress::new();
        backup::make(&data, &out, &mut |stage| follow(&progress, stage, stopped))
    })?;
    super::say(&if json { report(&made) } else { sentence(&made) })
}

/// Shows a stage, and says whether to go on.
pub(super) fn follow(progress: &Progress, stage: Stage, stopped: &AtomicBool) -> ControlFlow<()> {
    match stage {
        Stage::Counting => progress.is_at("counting · 统计", None),
        Stage::Copying { bytes, of } => progress.is_at("copying · 复制", Some((bytes, of))),
        Stage::Checking => progress.is_at("checking · 检查", None),
        Stage::Hashing { bytes, of } => progress.is_at("hashing · 校验", Some((bytes, of))),
    }
    if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn report(made: &Made) -> String {
    let Made { path, mark, facts, bytes, log_grew, has_development_app } = made;
    json!({
        "path": path, "mark": mark.to_iso(), "rooms": facts.rooms, "messages": facts.messages, "bytes": bytes,
        "log_grew": log_grew, "development_app": has_development_app,
    })
    .to_string()
}

fn sentence(made: &Made) -> String {
    let (rooms, messages) = (HumanCount(made.facts.rooms), HumanCount(made.facts.messages));
    let keys = if made.has_development_app { "; with the development app's keys" } else { "" };
    format!(
        "{}: {rooms} rooms, {messages} messages, {}{keys}. Checked. Everything acknowledged before {} is in it; the \
         configuration file is not.\n备份完成并已检查：该时刻之前已确认的内容全部在内，配置文件不在其中。",
        made.path.display(),
        HumanBytes(made.bytes),
        made.mark.to_iso(),
    )
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let wrong_use = is_wrong_use(&error);
        Self::Said { english: error.to_string(), chinese: in_chinese(&error), wrong_use }
    }
}

/// Nothing was begun, because it could not be meant.
fn is_wrong_use(error: &BackupError) -> bool {
    matches!(
        error,
        BackupError::Exists(_)
            | BackupError::NotABackup(_)
            | BackupError::NotEmpty(_)
            | BackupError::Copy(CopyError::NoDatabase(_) | CopyError::Foreign(_))
    )
}

fn in_chinese(error: &BackupError) -> &'static str {
    match error {
        BackupError::Copy(error) => match error {
            CopyError::NoDatabase(_) => "该目录中没有数据库，请检查 --data。",
            CopyError::Foreign(_) => "该数据库属于其他程序。",
            CopyError::Newer { .. } => "数据库由更新的版本写入，请安装该版本或更高版本。",
            CopyError::Write { .. } => "无法写入备份，请检查磁盘空间和权限；未留下任何文件。",
            CopyError::NoSpace { .. } => "磁盘空间不足；未留下任何文件。",
            CopyError::LogGrows { .. } => {
                "磁盘空间快要不够服务器使用，已放弃备份；请换一块磁盘存放备份，或在空闲时备份。"
            }
            CopyError::Damaged { .. } => "数据库已损坏；未留下任何文件。",
            CopyError::Stopped => "已停止；未留下任何文件。",
            CopyError::Read { .. } => "无法读取数据库，请检查路径和权限。",
        },
        BackupError::Exists(_) => "目标已存在；备份不会覆盖任何文件，请换一个名字。",
        BackupError::File { .. } => "文件读写失败，请检查路径、磁盘空间和权限。",
        BackupError::NotABackup(_) => "该目录不是备份。",
        BackupError::UnknownForm { .. } => "备份由更新的版本生成，请安装更高版本。",
        BackupError::Damaged { .. } => "备份已损坏，请换用另一份备份。",
        BackupError::NotEmpty(_) => "目标目录不为空；请换一个新目录，或先移走其中的内容。",
        BackupError::Held(_) => "数据目录正被另一个进程使用，请先停掉它，或换一个目录。",
    }
}
