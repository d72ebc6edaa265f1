//! `grandstand import`: an archive, or files of LeanCloud's storage export, into the store of a server that is stopped.

use std::{
    fs::DirBuilder,
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use grandstand_protocol::AppId;
use indicatif::HumanCount;
use serde::Serialize;

use super::{cli, development_app, failure::Failure, progress::Progress};
use crate::{
    config::{Config, Flags, Sources, file_limit},
    import::{self, Import as Importing, ImportError, Phase, Report, Source, Tally, Watch},
    node::Node,
    store::{EvidenceStore, Keeps, SqliteStore, Store},
};

pub(super) const HELP: &str = "\
The server has to be stopped. Ids, times, creators and attributes are kept; what is there already stays as it is, so an
import that was interrupted is simply run again, and several sources can be imported one after the other. Rows that
cannot be taken are written to the file of --aside with the reason. Messages are kept as long as the server's retention
says, counted from the import.
导入前请先停止服务器。ID、时间、创建者和属性原样保留；已存在的数据不会改动，中断后重新执行即可，也可以分几次导入不同的来源。
无法导入的行连同原因写入 --aside 指定的文件。消息的保留期限从导入时算起。

Examples / 示例:
  grandstand import archive/ --config grandstand.toml --app-id APP --dry-run
      Look at an archive, and say what would be imported; the server may run.
      只检查归档并给出报告，不写入；此时服务器可以在运行。
  grandstand import archive/ _Conversation.0.jsonl --config grandstand.toml --app-id APP

Exit codes / 退出码: 0 done 成功, 1 failed 失败, 2 wrong use 用法错误.  More / 详见: docs/importing.md";

#[derive(Debug, Args)]
pub(super) struct Import {
    /// An archive's folder, or a file of _Conversation: JSON, JSON lines, BSON, gzipped or not · 归档目录或 _Conversation 文件
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Configuration file (TOML) of the server · 服务器的配置文件
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder, ./grandstand-data by default · 数据目录
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The app that gets it; if there is only one, that one · 导入到哪个应用
    #[arg(long, value_name = "ID", env = "GRANDSTAND_APP_ID")]
    app_id: Option<String>,
    /// Check everything, store nothing · 只检查，不写入
    #[arg(long)]
    dry_run: bool,
    /// Where rows go that cannot be taken, aside.ndjson by default; an older one is kept · 无法导入的行写入此文件
    #[arg(long, value_name = "FILE")]
    aside: Option<PathBuf>,
    /// The report as JSON · 以 JSON 输出报告
    #[arg(long)]
    json: bool,
}

pub(super) fn run(import: Import) -> Result<(), Failure> {
    let sources = Sources {
        file: import.config.clone(),
        environment: cli::environment(),
        flags: Flags { data: import.data.clone(), ..Flags::default() },
        file_limit: file_limit(),
    };
    let config = Config::load(&sources)?;
    let app = app(import.app_id.as_deref(), &config)?;
    let sources: Vec<Source> =
        import.paths.iter().map(|path| import::source(path)).collect::<Result<_, _>>()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let aside = free_name(import.aside.as_deref().unwrap_or(Path::new("aside.ndjson")));
    let began = Instant::now();
    let work = imported(&config, app, import.dry_run, aside, sources);
    let report = runtime.block_on(work)?;
    tell(&report, began.elapsed(), import.json).map_err(Failure::Output)
}

/// The app that is named, if the server has it; else the only one that there is.
fn app(named: Option<&str>, config: &Config) -> Result<AppId, Failure> {
    if let Some(id) = named.filter(|id| !id.is_empty()) {
        // A data folder alone does not tell which apps there are.
        let is_known = config.apps.is_empty() || config.apps.iter().any(|app| app.id.as_str() == id);
        return if is_known { Ok(AppId::from(id)) } else { Err(no_such_app(id)) };
    }
    match config.apps.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Ok(development_app::read(&config.data)?.ok_or_else(which_app)?.id),
        _ => Err(which_app()),
    }
}

fn no_such_app(id: &str) -> Failure {
    Failure::Said {
        english: format!("the configuration has no app {id:?}: check --app-id"),
        chinese: "配置中没有这个应用，请检查 --app-id。",
        wrong_use: true,
    }
}

fn which_app() -> Failure {
    Failure::Said {
        english: "say which app it is for: --app-id or GRANDSTAND_APP_ID".to_owned(),
        chinese: "请用 --app-id 或 GRANDSTAND_APP_ID 指定应用。",
        wrong_use: true,
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::Said {
            english: format!("{error}; what was imported before stays, and the import can be run again"),
            chinese: "导入中断：此前已导入的数据不受影响，处理好上述问题后重新执行即可。",
            wrong_use: false,
        }
    }
}

/// The name, or one with a number that no file has yet. Devices may be written to.
fn free_name(name: &Path) -> PathBuf {
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let numbered = (2..).map(|number| name.with_file_name(format!("{stem}-{number}.ndjson")));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !name.is_file()).unwrap_or_else(|| name.to_owned())
}

async fn imported(
    config: &Config,
    app: AppId,
    dry_run: bool,
    aside: PathBuf,
    sources: Vec<Source>,
) -> Result<Report, Failure> {
    let progress = Bar(Progress::new());
    if dry_run {
        let report = Importing::new(None, app, aside, &progress).run(sources).await;
        progress.0.ends();
        return Ok(report?);
    }
    let refused = |cause| Failure::Data { path: config.data.clone(), cause };
    DirBuilder::new().recursive(true).mode(0o700).create(&config.data).map_err(refused)?;
    let store = SqliteStore::open(&config.data)?;
    let keeps = Keeps {
        originals: Node::milliseconds(config.retention.originals),
        addresses: Node::milliseconds(config.retention.addresses),
    };
    store.keep_evidence(keeps).await?;
    let report = Importing::new(Some(&store), app, aside, &progress).run(sources).await;
    progress.0.ends();
    // Also after a failure: what was taken is safe, and the log is emptied into the database.
    store.close().await?;
    Ok(report?)
}

struct Bar(Progress);

impl Watch for Bar {
    fn begins(&self, phase: Phase, total: Option<u64>) {
        let name = match phase {
            Phase::Checking => "checking 校验",
            Phase::Rooms => "rooms 聊天室",
            Phase::Messages => "messages 消息",
            Phase::Rules => "silences, blocks, roles and so on 禁言、黑名单、角色等",
        };
        self.0.begins(name, total);
    }

    fn advances(&self, rows: u64) {
        self.0.advances(rows);
    }
}

/// The report, and how long it took.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    #[serde(flatten)]
    report: &'a Report,
    seconds: f64,
    rows_per_second: u64,
}

fn tell(report: &Report, took: Duration, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let rows_per_second = (report.rows() as f64 / took.as_secs_f64().max(0.001)) as u64;
    if json {
        let told = Told { report, seconds: took.as_secs_f64(), rows_per_second };
        serde_json::to_writer(&mut out, &told)?;
        return writeln!(out);
    }
    for source in &report.sources {
        writeln!(out, "from 来源: {}", source.escape_debug())?;
    }
    for folder in &report.incomplete {
        writeln!(
            out,
            "{} is not complete: its report.json says what it lacks, and the same export command gets the rest · 归档有缺失，详见其中的 report.json；再次执行同一条导出命令可补全",
            folder.display()
        )?;
    }
    writeln!(out, "into 应用: {}", report.app.escape_debug())?;
    let kinds = [
        ("rooms 聊天室", report.rooms),
        ("messages 消息", report.messages),
        ("silences 禁言", report.silences),
        ("blocks 黑名单", report.blocks),
        ("roles 角色", report.roles),
    ];
    for (name, tally) in kinds {
        writeln!(out, "{name}: {}", sentence(&tally, report.dry_run))?;
    }
    let of_grandstand =
        [("switches 开关", report.switches), ("bans 封禁", report.bans), ("words 敏感词", report.words)];
    for (name, tally) in of_grandstand.into_iter().filter(|(_, tally)| tally.read > 0) {
        writeln!(out, "{name}: {}", sentence(&tally, report.dry_run))?;
    }
    let others = report.conversations;
    if others != Default::default() {
        writeln!(
            out,
            "no chat rooms, left out 非聊天室，未导入: {} ordinary 普通对话, {} service 系统对话, {} temporary 临时对话",
            HumanCount(others.ordinary),
            HumanCount(others.service),
            HumanCount(others.temporary)
        )?;
    }
    for (reason, count) in &report.reasons {
        writeln!(out, "set aside 已搁置 {}: {reason}", HumanCount(*count))?;
    }
    if let Some(aside) = &report.aside {
        writeln!(out, "they stand in 详见: {}", aside.display())?;
    }
    let seconds = took.as_secs_f64();
    writeln!(out, "{seconds:.1} s, {} rows a second 行/秒", HumanCount(rows_per_second))?;
    if report.dry_run {
        writeln!(out, "dry run: nothing was stored 试运行，未写入任何数据")?;
    }
    Ok(())
}

fn sentence(tally: &Tally, dry_run: bool) -> String {
    let mut parts = vec![format!("{} read 读取", HumanCount(tally.read))];
    let mut part = |count: u64, words: &str| parts.push(format!("{} {words}", HumanCount(count)));
    if dry_run {
        part(tally.ready, "ready 可导入");
    } else {
        part(tally.imported, "imported 已导入");
        part(tally.known, "known 已存在");
    }
    if tally.over > 0 {
        part(tally.over, "over 已过期");
    }
    if tally.partly > 0 {
        part(tally.partly, "without some column 缺少部分属性");
    }
    if tally.aside > 0 {
        part(tally.aside, "set aside 已搁置");
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("aside.ndjson");
        assert_eq!(free_name(&name), name);
        std::fs::write(&name, "").unwrap();
        assert_eq!(free_name(&name), folder.path().join("aside-2.ndjson"));
        assert_eq!(free_name(Path::new("/dev/null")), Path::new("/dev/null"));
    }
}
