//! What an answer may look like.

use http::Uri;

use super::answers::{ConversationClass, KeyPlace, WordList};
use crate::{Target, Text, finding::text};

/// Kept for longer than a lifetime is a mistake.
const LONGEST_HISTORY: u32 = 36_500;

/// The form of a question's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Id,
    Free,
    YesNo,
    Origin,
    Origins,
    Address,
    Key,
    Number,
    Days,
    ConversationClass,
    Words,
}

impl Form {
    /// What to type.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Id => "the id · 应用 ID",
            Self::Free => "text · 文字",
            Self::YesNo => "yes / no",
            Self::Origin => "https://chat.example.com",
            Self::Origins => "https://www.example.com, https://m.example.com",
            Self::Address => "a URL · 地址",
            Self::Key => "env:NAME / file:PATH",
            Self::Number => "a number · 数字",
            Self::Days => "days · 天数",
            Self::ConversationClass => "read / create / change",
            Self::Words => "built-in / own / none",
        }
    }
}

pub(super) fn id(answer: &str) -> Result<String, Text> {
    let odd = |c: char| matches!(c, ',' | ':') || c.is_whitespace() || c.is_control();
    match answer {
        "" => Err(text("it is needed", "必填")),
        _ if answer.contains(odd) => {
            Err(text("an id has no spaces, commas or colons", "ID 不能含空格、逗号或冒号"))
        }
        _ => Ok(answer.to_owned()),
    }
}

pub(super) fn free(answer: &str) -> Result<Option<String>, Text> {
    if answer.contains(char::is_control) {
        return Err(text("control characters are not taken", "不能含控制字符"));
    }
    Ok(some(answer).map(str::to_owned))
}

pub(super) fn yes_no(answer: &str) -> Result<bool, Text> {
    match answer.to_lowercase().as_str() {
        "yes" | "y" | "true" | "on" | "是" | "开" => Ok(true),
        "no" | "n" | "false" | "off" | "否" | "关" => Ok(false),
        _ => {
            Err(text(format!("{answer:?} is neither yes nor no"), format!("{answer:?} 既不是 yes 也不是 no")))
        }
    }
}

/// Scheme and host, as clients use it.
pub(super) fn origin(answer: &str) -> Result<Option<String>, Text> {
    let Some(answer) = some(answer) else { return Ok(None) };
    let wrong = || {
        text(
            format!("{answer:?} is not scheme and host, such as https://chat.example.com"),
            format!("{answer:?} 应只含协议和域名，例如 https://chat.example.com"),
        )
    };
    let plain = answer.trim_end_matches('/');
    Target::parse(plain).map(|_| Some(plain.to_owned())).map_err(|_| wrong())
}

/// Origins as browsers write them: the usual port is left out.
pub(super) fn origins(answer: &str) -> Result<Vec<String>, Text> {
    let mut origins = Vec::new();
    for one in answer.split([',', ' ', '，', '、']).filter_map(some) {
        if one.contains('*') {
            return Err(text(
                format!("{one:?} has a wildcard: name each origin"),
                format!("{one:?} 含通配符：请逐一写出"),
            ));
        }
        let Some(written) = origin(one)? else { continue };
        let lower = written.to_ascii_lowercase();
        let usual = if lower.starts_with("https:") { ":443" } else { ":80" };
        let known = lower.strip_suffix(usual).unwrap_or(&lower).to_owned();
        if !origins.contains(&known) {
            origins.push(known);
        }
    }
    Ok(origins)
}

/// An `http` URL, with or without a path.
pub(super) fn address(answer: &str) -> Result<Option<String>, Text> {
    let Some(answer) = some(answer) else { return Ok(None) };
    let url: Option<Uri> = answer.parse().ok();
    let good = url.is_some_and(|url| {
        let scheme = matches!(url.scheme_str(), Some("http" | "https"));
        scheme && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    if good && !answer.contains(['?', '#']) {
        return Ok(Some(answer.to_owned()));
    }
    Err(text(
        format!(
            "{answer:?} is no URL such as https://engine.example.com, without a query, a name or a password"
        ),
        format!("{answer:?} 不是可用的地址；应形如 https://engine.example.com，不含查询参数和账号密码"),
    ))
}

/// Never repeats the answer: it may be the key itself.
pub(super) fn key(answer: &str) -> Result<KeyPlace, Text> {
    let wrong = || {
        text(
            "not the key itself: say where it is, as env:NAME (a variable's name) or file:PATH",
            "请勿输入密钥本身：写明存放位置，env:变量名 或 file:文件路径",
        )
    };
    if let Some(name) = answer.strip_prefix("env:") {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let good = starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        return if good { Ok(KeyPlace::Variable(name.to_owned())) } else { Err(wrong()) };
    }
    match answer.strip_prefix("file:") {
        Some(path) if !path.is_empty() && !path.contains(char::is_control) => {
            Ok(KeyPlace::File(path.to_owned()))
        }
        _ => Err(wrong()),
    }
}

pub(super) fn number(answer: &str) -> Result<u32, Text> {
    answer.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        text(format!("{answer:?} is no number from 1 on"), format!("{answer:?} 不是大于 0 的整数"))
    })
}

pub(super) fn number_or_none(answer: &str) -> Result<Option<u32>, Text> {
    some(answer).map(number).transpose()
}

pub(super) fn days(answer: &str) -> Result<u32, Text> {
    let days = number(answer)?;
    if days > LONGEST_HISTORY {
        return Err(text(
            format!("more than {LONGEST_HISTORY} days: \"180\" means half a year"),
            format!("超过 {LONGEST_HISTORY} 天：“180”表示半年"),
        ));
    }
    Ok(days)
}

pub(super) fn conversation_class(answer: &str) -> Result<ConversationClass, Text> {
    match answer {
        "read" => Ok(ConversationClass::Read),
        "create" => Ok(ConversationClass::Create),
        "change" => Ok(ConversationClass::Change),
        _ => Err(one_of(answer, "read, create, change")),
    }
}

pub(super) fn words(answer: &str) -> Result<WordList, Text> {
    match answer {
        "built-in" => Ok(WordList::BuiltIn),
        "own" => Ok(WordList::Own),
        "none" => Ok(WordList::None),
        _ => Err(one_of(answer, "built-in, own, none")),
    }
}

fn one_of(answer: &str, known: &str) -> Text {
    text(format!("{answer:?} is none of {known}"), format!("{answer:?} 不在可选项之内：{known}"))
}

/// Nothing, and words for nothing, are none.
fn some(answer: &str) -> Option<&str> {
    let answer = answer.trim();
    (!matches!(answer, "" | "-" | "none" | "无")).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_and_never_told() {
        assert_eq!(key("env:LC_KEY"), Ok(KeyPlace::Variable("LC_KEY".to_owned())));
        assert_eq!(key("file:/run/a key"), Ok(KeyPlace::File("/run/a key".to_owned())));
        for wrong in ["s3cret", "env:", "env:s3-cret", "env:3s3cret", "file:", "", "file:s3cret\n"] {
            let why = key(wrong).unwrap_err();
            assert!(!format!("{why:?}").contains("s3"), "{why:?}");
        }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        let written = "https://WWW.example.com:443/，http://a.example:80 https://a.example:8443, https://www.example.com";
        let expected = ["https://www.example.com", "http://a.example", "https://a.example:8443"];
        assert_eq!(origins(written).unwrap(), expected);
        assert_eq!(origins("none"), Ok(Vec::new()));
        for wrong in ["https://*.example.com", "www.example.com", "https://a.example/path"] {
            assert!(origins(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_may_have_a_path_and_nothing_behind_it() {
        for good in ["https://engine.example.com", "http://127.0.0.1:3000/base"] {
            assert_eq!(address(good), Ok(Some(good.to_owned())));
        }
        for wrong in
            ["engine.example.com", "ftp://a.example", "https://me:pw@a.example", "https://a.example/?x=1"]
        {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
