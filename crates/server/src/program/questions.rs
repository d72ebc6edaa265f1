//! `grandstand config questions`: settings of LeanCloud's console in, a configuration out.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use grandstand_doctor::console::{Answers, Unanswered, ask};
use toml::{Table, Value};

use super::{
    failure::Failure,
    operator::{Trouble, shown},
    say,
};
use crate::config::{Config, ConfigError};

pub(super) const HELP: &str = "\
Questions and remarks go to standard error, the configuration to standard output; it is checked like `config check` does
before it is printed. An empty answer is what stands in brackets: what a LeanCloud app has that nobody changed. Keys are
never asked for, only where they are: env:NAME, or file:PATH. The file does not hold them; it says how to hand them over.
提问和说明输出到标准错误，配置文件输出到标准输出，输出前会像 config check 一样检查。直接回车即采用方括号中的值（LeanCloud 的默认设置）。
不会询问密钥本身，只询问存放位置：env:变量名 或 file:文件路径；配置文件里没有密钥，只说明如何传入。

Examples / 示例:
  grandstand config questions > grandstand.toml
  grandstand config questions --answers answers.toml > grandstand.toml
      Where answers.toml has lines such as: app_id = \"…\"  signature_login = true  history_days = 365
      The names are those of docs/configuration.md; what is absent has its default. 名称见 docs/configuration.zh-CN.md。";

#[derive(Debug, Args)]
pub(super) struct Questions {
    /// Take the answers from this file (TOML: name = value) · 从文件读取答案
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

/// Nothing is printed unless all of it can be used.
pub(super) fn run(questions: &Questions) -> Result<(), Failure> {
    let answers = match &questions.answers {
        Some(file) => read(file)?,
        None => {
            let input = io::stdin();
            // Whoever pipes answers in is not there to be asked again.
            let again = input.is_terminal();
            ask(&mut input.lock(), &mut io::stderr(), again)?
        }
    };
    let text = answers.to_toml();
    check(&answers, &text)?;
    remark(&answers);
    say(text.trim_end())
}

/// What a server would read: the file, and keys from the environment. Any do for this.
fn check(answers: &Answers, text: &str) -> Result<(), ConfigError> {
    let variables = answers.keys().into_iter().zip(1..);
    let environment: Vec<_> =
        variables.map(|((variable, _), number)| (variable.to_owned(), format!("key-{number}"))).collect();
    Config::from_toml_with(text, &environment).map(drop)
}

fn remark(answers: &Answers) {
    let notes = answers.notes();
    if notes.is_empty() {
        return;
    }
    let mut out = io::stderr().lock();
    // The file says the same.
    let _ = writeln!(out, "\n配置文件之外还需处理 · What no key can do:");
    for note in notes {
        let _ = writeln!(out, "- {} · {}", note.setting.zh, note.setting.en);
        let _ = writeln!(out, "  {}\n  {}", note.instead.zh, note.instead.en);
    }
}

fn read(file: &Path) -> Result<Answers, Failure> {
    let unread = |cause| Failure::from(Trouble::File { path: file.to_owned(), cause });
    let text = fs::read_to_string(file).map_err(unread)?;
    let wrong = |problem: &str| wrong_use(format!("{}: {problem}", file.display()));
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.message()))?;
    let named: Result<BTreeMap<_, _>, Failure> = table
        .into_iter()
        .map(|(name, value)| match plain(&value) {
            Some(text) => Ok((name, text)),
            None => Err(wrong(&format!(
                "{}: a text, a number, true, false or a list of texts is needed",
                shown(&name)
            ))),
        })
        .collect();
    Answers::from_named(&named?).map_err(|error| wrong(&error.to_string()))
}

/// A value as it would be typed.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(on) => Some(on.to_string()),
        Value::Array(items) => {
            items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        _ => None,
    }
}

fn wrong_use(english: String) -> Failure {
    Failure::Said { english, chinese: "答案有误，未生成配置文件。", wrong_use: true }
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::Wrong(_) => wrong_use(error.to_string()),
            Unanswered::Ended(_) => Self::Said {
                english: format!("{error}; nothing was printed"),
                chinese: "答案不完整，未生成配置文件。",
                wrong_use: true,
            },
            Unanswered::Unreadable(_) => Self::Said {
                english: error.to_string(),
                chinese: "读不到答案，未生成配置文件。",
                wrong_use: false,
            },
        }
    }
}
