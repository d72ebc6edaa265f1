//! `grandstand export`: everything that an app has in its rooms, into a folder.

mod progress;
mod words;

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use grandstand_migrate::export::{self, Exported, List, Options, Pace, Progress, Thoroughness};
use reqwest::Url;
use serde_json::json;
use tokio::sync::watch;

use super::{
    Trouble,
    client::{http, server},
    connection::Connection,
    output::{Output, remark},
    text,
};

pub(super) const HELP: &str = "\
Works with LeanCloud and with Grandstand. It may be interrupted at any time: the same command goes on where it was.
At the end every file is read back, and some rooms are read again; report.json says what could not be had, and why.
可以从 LeanCloud 导出，也可以从 Grandstand 导出。随时可以中断，再次执行同一条命令即从中断处继续。
结束时会校验所有文件，并抽查部分聊天室；report.json 列出没能取到的内容和原因。

  grandstand export --from https://YOUR_DOMAIN --app-id ID --key-file FILE --out archive
  grandstand export --from https://YOUR_DOMAIN --app-id ID --key-file FILE --out later --since 2026-11-23T08:00:00Z

The master key comes from --key-file, else from GRANDSTAND_MASTER_KEY; never from the command line, which others see.
Whoever gives the App Key instead, another app's key, or another app's address, is refused (401) before anything is written.
Master Key 来自 --key-file 或环境变量 GRANDSTAND_MASTER_KEY。误用 App Key、其他应用的密钥或地址时，服务器会拒绝（401），此时不会写入任何内容。

Exit codes / 退出码: 0 complete 完整, 1 failed, or something is missing 失败或有缺失, 2 wrong use 用法错误.";

/// An answer may be a thousand messages, from the other end of the world.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(in crate::program) struct Export {
    /// Whom to export from, as --url · 源服务器地址，同 --url
    #[arg(long, value_name = "URL", conflicts_with = "url")]
    from: Option<String>,
    /// Folder for the archive: a new one, or one whose export goes on · 存放归档的目录（新目录，或继续之前的导出）
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this room; may be repeated · 只导出这个聊天室，可重复
    #[arg(long = "room", value_name = "ID")]
    rooms: Vec<String>,
    /// Messages from this time on, as 2026-11-23T08:00:00Z · 从这个时间（含）起的消息
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,
    /// Messages before this time · 早于这个时间的消息
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
    /// Requests a minute, 300 by default; less by itself when the server refuses · 每分钟请求数
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=60_000), hide_default_value = true)]
    rate: u32,
    /// How messages are read: in one stream of the app (the default), or room by room · 按整个应用读取，或逐个聊天室读取
    #[arg(long, value_name = "app|room", hide_possible_values = true)]
    by: Option<By>,
    /// What to leave out: silences, blocks, roles, switches (each costs a request a room), bans, words · 不导出的名单
    #[arg(long, value_name = "LISTS", value_delimiter = ',', hide_possible_values = true)]
    without: Vec<Left>,
    /// What is checked at the end: files; some rooms again, too (the default); all rooms again · 结束时校验的范围
    #[arg(
        long,
        value_name = "files|some|all",
        hide_possible_values = true,
        default_value = "some",
        hide_default_value = true
    )]
    check: Check,
    /// How often what was read is made safe, 30s by default: an interruption costs so much · 落盘间隔
    #[arg(long, value_name = "TIME", value_parser = interval)]
    seal_every: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    App,
    Room,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Left {
    Silences,
    Blocks,
    Roles,
    Switches,
    Bans,
    Words,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Check {
    Files,
    Some,
    All,
}

fn moment(text: &str) -> Result<i64, String> {
    text::time(text).map(|time| time.0)
}

/// Shorter ones than elsewhere make sense here.
fn interval(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "a duration is written 30s, 10m · 时长写作 30s、10m".to_owned())
}

/// Exports, and says what it came to.
pub(super) async fn run(
    asked: Export,
    mut connection: Connection,
    output: &mut Output,
) -> Result<(), Trouble> {
    connection.prefer(asked.from.clone(), PATIENCE);
    let base = server(connection.url())?;
    let keys = connection.keys()?;
    let client = http(&keys, &base, connection.timeout())?;
    let url = Url::parse(&base).map_err(|error| Trouble::usage(error.to_string(), "服务器地址有误。"))?;
    let (sender, receiver) = watch::channel(Progress::default());
    let out = asked.out.clone();
    let exporting = export::export(client, url, Pace::of(asked.rate), asked.into_options(&keys.app), sender);
    let exported = progress::beside(receiver, exporting).await;
    let exported = exported.map_err(|error| {
        if out.join("state").is_dir() && words::goes_on(&error) {
            let out = out.display();
            remark(&format!(
                "grandstand: what was read so far is safe in {out}; the same command goes on from there\n已读取的内容保存在 {out}，再次执行同一条命令即可继续。"
            ));
        }
        words::trouble(error, &keys, connection.timeout())
    })?;
    let (manifest, report) = (&exported.manifest, &exported.report);
    output.answer(
        &json!({ "out": out, "complete": manifest.complete, "counts": manifest.counts, "report": report }),
        || summary(&exported, &out.display().to_string()),
    )?;
    if manifest.complete {
        return Ok(());
    }
    output.finish()?;
    Err(words::incomplete(report, &out))
}

impl Export {
    fn into_options(self, app: &str) -> Options {
        let without = |(left, list)| self.without.contains(&left).then_some(list);
        let lists = [
            (Left::Silences, List::Silences),
            (Left::Blocks, List::Blocks),
            (Left::Roles, List::Roles),
            (Left::Switches, List::Switches),
            (Left::Bans, List::Bans),
            (Left::Words, List::Words),
        ];
        let without = lists.into_iter().filter_map(without).collect();
        Options {
            app: app.to_owned(),
            since: self.since,
            until: self.until,
            by: self.by.map(|by| match by {
                By::App => export::By::App,
                By::Room => export::By::Room,
            }),
            without,
            checks: match self.check {
                Check::Files => Thoroughness::Files,
                Check::Some => Thoroughness::Sample,
                Check::All => Thoroughness::All,
            },
            seal_every: self.seal_every.unwrap_or(Duration::from_secs(30)),
            made_by: format!("grandstand {}", env!("CARGO_PKG_VERSION")),
            out: self.out,
            rooms: self.rooms,
        }
    }
}

/// For people: what is there, what was checked, and what comes next.
fn summary(exported: &Exported, out: &str) -> String {
    let (counts, report) = (exported.manifest.counts, &exported.report);
    let mut lines = Vec::new();
    if exported.was_done {
        lines.push(format!("{out} was complete already; for what came later, export into another folder."));
    }
    lines.push(format!(
        "{} rooms, {} messages, {} silences, {} blocks, {} roles in {out}. 导出{}。",
        counts.rooms,
        counts.messages,
        counts.silences,
        counts.blocks,
        counts.roles,
        if exported.manifest.complete { "完成" } else { "有缺失" }
    ));
    if counts.switches + counts.bans + counts.words > 0 {
        lines.push(format!(
            "Switches of {} rooms, {} bans and {} words, too.",
            counts.switches, counts.bans, counts.words
        ));
    }
    let others = report.other_conversations;
    if others.ordinary + others.service + others.temporary > 0 {
        lines.push(format!(
            "Not chat rooms, and left out: {} ordinary, {} service and {} temporary conversations.",
            others.ordinary, others.service, others.temporary
        ));
    }
    if report.other_messages.messages > 0 {
        lines.push(format!(
            "Left out, because they are in no chat room that is there: {} messages.",
            report.other_messages.messages
        ));
    }
    if !report.gone.is_empty() {
        lines.push(format!("Deleted while they were read: {} rooms.", report.gone.len()));
    }
    let (checks, pages) = (report.checks, report.continuity);
    lines.push(format!(
        "Checked: every file; {} of {} pages joined without a gap; {} rooms read again, which added {} messages.",
        pages.proven, pages.pages, checks.rooms, checks.added
    ));
    if report.calls.mended > 0 {
        lines.push(format!(
            "{} answers held text that is no Unicode, such as half of an emoji: U+FFFD stands in its place. 非法字符已替换为 U+FFFD。",
            report.calls.mended
        ));
    }
    lines.extend(report.not_told.iter().map(|sentence| format!("Not told: {sentence}.")));
    if let Some(since) = &report.next_since {
        lines.push(format!(
            "For what came since, use another folder and --since {since} · 增量导出请换目录并加此参数"
        ));
    }
    lines.join("\n")
}
