//! A configuration file out of answers, with the console's names beside its keys.

use std::fmt::Write;

use super::{
    answers::{Answers, ConversationClass, KeyPlace},
    questions::QUESTIONS,
};

/// Hooks that LeanCloud's one switch is about.
const HOOKS: [&str; 6] = [
    "message_received",
    "message_update",
    "conversation_start",
    "conversation_add",
    "conversation_remove",
    "conversation_update",
];

impl Answers {
    /// The text of a `grandstand.toml` without keys; [`Answers::keys`] says which variables bring them.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut file = File(String::new());
        file.head(self);
        if let Some(url) = &self.public_url {
            file.section("[server]");
            file.key("public_url", "public_url", &quoted(url));
        }
        file.section("[retention]");
        let kept = format!("\"{}d\"", self.history_days);
        file.key("history_days", "messages", &kept);
        file.line(&format!("rooms = {kept}"));
        file.app(self);
        file.tables(self);
        file.notes(self);
        file.0
    }
}

/// What was written so far.
struct File(String);

impl File {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.line("");
        self.line(name);
    }

    /// A key under the name that the console has for it.
    fn key(&mut self, question: &str, key: &str, value: &str) {
        if let Some(question) = QUESTIONS.iter().find(|known| known.name == question) {
            self.line(&format!("# {} · {}", question.setting.zh, question.setting.en));
        }
        self.line(&format!("{key} = {value}"));
    }

    fn head(&mut self, answers: &Answers) {
        self.line("# grandstand config questions: 由 LeanCloud 控制台设置生成 · made from the settings of a LeanCloud app");
        self.line("# 未列出的项使用默认值，各项说明见 docs/configuration.zh-CN.md。");
        self.line("# What is not here has its default; docs/configuration.md explains every key.");
        self.line("#");
        self.line("# 密钥不写入本文件：启动和 config check 之前，请让环境变量带上它们：");
        self.line(
            "# Keys do not stand here. The environment brings them, to the server and to config check:",
        );
        for (variable, place) in answers.keys() {
            self.line(&format!("#   {}", brought(variable, place)));
        }
    }

    fn app(&mut self, answers: &Answers) {
        self.section("[[apps]]");
        self.key("app_id", "id", &quoted(&answers.app_id));
        if let Some(name) = &answers.name {
            self.key("name", "name", &quoted(name));
        }
        self.key("edit", "edit", &answers.edit.to_string());
        self.key("recall", "recall", &answers.recall.to_string());
        let class = match answers.conversation_class {
            ConversationClass::Read => "read",
            ConversationClass::Create => "create",
            ConversationClass::Change => "change",
        };
        self.key("conversation_class", "rooms_by_key", &quoted(class));
        self.line("# 聊天室对陌生人开放时，建议只让所有者和管理员修改其属性：");
        self.line("# For rooms open to strangers we recommend that only owners and managers change them:");
        self.line("# room_update = \"moderators\"");
        if let Some(most) = answers.max_deliveries_per_second {
            self.key("max_deliveries_per_second", "max_deliveries_per_second", &most.to_string());
        }
        if !answers.allowed_origins.is_empty() {
            let origins: Vec<_> = answers.allowed_origins.iter().map(|origin| quoted(origin)).collect();
            self.key("allowed_origins", "allowed_origins", &format!("[{}]", origins.join(", ")));
        }
    }

    fn tables(&mut self, answers: &Answers) {
        self.section("[apps.signatures]");
        for (question, key, on) in [
            ("signature_login", "login", answers.signature_login),
            ("signature_conversation", "rooms", answers.signature_conversation),
            ("signature_history", "history", answers.signature_history),
            ("signature_blacklist", "blocks", answers.signature_blacklist),
        ] {
            self.key(question, key, &on.to_string());
        }
        self.section("[apps.moderation]");
        self.key("blacklist", "block", &answers.blacklist.to_string());
        self.key("member_info", "roles", &answers.member_info.to_string());
        self.line(&format!("silence = {}", answers.member_info));
        self.section("[apps.quotas]");
        self.key("messages_per_minute", "messages_per_minute", &answers.messages_per_minute.to_string());
        if let Some(engine) = &answers.engine {
            self.section("[apps.hooks]");
            self.key("engine", "engine", &quoted(engine));
            self.section("[apps.hooks.on_failure]");
            let policy = if answers.hook_failure { "\"refuse\"" } else { "\"allow\"" };
            self.key("hook_failure", HOOKS[0], policy);
            for hook in &HOOKS[1..] {
                self.line(&format!("{hook} = {policy}"));
            }
        }
        if let Some(upstream) = &answers.upstream {
            self.section("[apps.upstream]");
            self.key("upstream", "origin", &quoted(upstream));
        }
        if let Some(accounts) = &answers.accounts {
            self.section("[apps.accounts]");
            self.key("accounts", "url", &quoted(accounts));
        }
    }

    fn notes(&mut self, answers: &Answers) {
        let notes = answers.notes();
        if notes.is_empty() {
            return;
        }
        self.line("");
        self.line("# 配置文件之外还需处理 · What no key here can do:");
        for note in notes {
            self.line(&format!("# {} · {}", note.setting.zh, note.setting.en));
            self.line(&format!("#   {}", note.instead.zh));
            self.line(&format!("#   {}", note.instead.en));
        }
    }
}

/// A shell's line that gives the variable its key.
fn brought(variable: &str, place: &KeyPlace) -> String {
    match place {
        KeyPlace::Variable(name) if name == variable => format!("export {variable}=…"),
        KeyPlace::Variable(name) => format!("export {variable}=\"${name}\""),
        KeyPlace::File(path) => format!("export {variable}=\"$(cat '{}')\"", path.replace('\'', r"'\''")),
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(named: &[(&str, &str)]) -> String {
        let named: BTreeMap<_, _> =
            named.iter().map(|(name, answer)| ((*name).to_owned(), (*answer).to_owned())).collect();
        Answers::from_named(&named).unwrap().to_toml()
    }

    #[test]
    fn keys_come_from_where_they_are_kept() {
        let text = text(&[
            ("app_id", "a"),
            ("app_key", "env:LC_KEY"),
            ("master_key", "file:/run/it's here"),
            ("engine", "https://e.example"),
        ]);
        for line in [
            "#   export GRANDSTAND_APPS__0__KEY=\"$LC_KEY\"\n",
            "#   export GRANDSTAND_APPS__0__MASTER_KEY=\"$(cat '/run/it'\\''s here')\"\n",
            "#   export GRANDSTAND_APPS__0__HOOKS__HOOK_KEY=…\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn what_no_key_stands_for_is_named() {
        let text = text(&[("app_id", "a"), ("words", "own"), ("offline_push", "yes")]);
        for words in ["grandstand words load FILE", "离线推送 · Offline push", "another push service"] {
            assert!(text.contains(words), "no {words} in {text}");
        }
        assert!(!text.contains("one-to-one"), "{text}");
    }

    #[test]
    fn a_string_stays_one_string() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
