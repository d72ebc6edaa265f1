//! `grandstand words`: the app's list of words that nobody is to see.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
};

use clap::{Args, Subcommand};

use super::{
    Desk, Trouble,
    call::Call,
    confirm::Confirm,
    list::count,
    output::{self, Table},
    text::shown,
};

const WORDS: &str = "/1.2/rtm/words";

#[derive(Debug, Args)]
pub(in crate::program) struct Words {
    #[command(subcommand)]
    command: WordsCommand,
}

#[derive(Debug, Subcommand)]
enum WordsCommand {
    /// Put a list in place of the former one · 上传词表，替换原有词表
    Load {
        /// One word in a line, UTF-8; - reads standard input · 每行一词，UTF-8；- 表示标准输入
        file: PathBuf,
    },
    /// The list, one word in a line · 查看词表
    Show,
    /// Which words were met most often · 命中最多的词
    Hits {
        /// So many at most (100; at most 1000) · 最多列出多少个
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Remove the list: nothing is filtered any more · 删除词表，不再过滤
    Clear {
        #[command(flatten)]
        confirm: Confirm,
    },
}

pub(super) async fn run(words: Words, desk: &mut Desk) -> Result<(), Trouble> {
    match words.command {
        WordsCommand::Load { file } => load(file, desk).await,
        WordsCommand::Show => show(desk).await,
        WordsCommand::Hits { limit } => hits(limit, desk).await,
        WordsCommand::Clear { confirm } => {
            confirm.ask("Remove the app's word list?")?;
            let removed = desk.client.ask(Call::delete(WORDS, &[])).await?;
            desk.output.answer(&removed, || "removed the list: nothing is filtered any more".to_owned())
        }
    }
}

async fn load(path: PathBuf, desk: &mut Desk) -> Result<(), Trouble> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(&path)
    };
    let bytes = read.map_err(|cause| Trouble::File { path, cause })?;
    let loaded = desk.client.ask(Call::put(WORDS, &[]).text(bytes)).await?;
    let number =
        |name: &str| loaded[name].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let repeated = match number("repeated") {
        0 => String::new(),
        repeated => format!(", {repeated} stood there more than once"),
    };
    let words = count(number("words"), "word");
    desk.output.answer(&loaded, || format!("{words} in force{repeated}"))
}

/// For scripts as it was uploaded: one word in a line is as easy to read as JSON.
async fn show(desk: &mut Desk) -> Result<(), Trouble> {
    let list = desk.client.ask_text(Call::get(WORDS, &[])).await?;
    if desk.output.is_json() {
        return list.lines().try_for_each(|word| desk.output.object(&serde_json::json!({ "word": word })));
    }
    list.lines().try_for_each(|word| desk.output.line(&shown(word)))
}

async fn hits(limit: Option<u32>, desk: &mut Desk) -> Result<(), Trouble> {
    let hits = desk.client.ask(Call::get(&format!("{WORDS}/hits"), &[]).maybe("limit", limit)).await?;
    let rows = hits["results"].as_array().map_or(&[][..], Vec::as_slice);
    if desk.output.is_json() {
        return rows.iter().try_for_each(|row| desk.output.object(row));
    }
    let since = hits["since"].as_str().unwrap_or_default();
    if rows.is_empty() {
        return desk.output.line(&format!("no word was met since {}", shown(since)));
    }
    let mut table = Table::new(["WORD", "COUNT"]);
    for row in rows {
        table.row([row["word"].as_str().unwrap_or_default().to_owned(), output::json(&row["count"])]);
    }
    desk.output.table(&table)?;
    let met = hits["met"].as_u64().and_then(|met| usize::try_from(met).ok()).unwrap_or(0);
    desk.output.line(&format!("{} met since {}", count(met, "word"), shown(since)))
}
