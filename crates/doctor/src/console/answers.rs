//! What the operator answered.

use std::collections::BTreeMap;

use super::questions::QUESTIONS;
use crate::Text;

/// Where a key is kept. The key itself is nobody's business here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// An environment variable.
    Variable(String),
    /// A file that holds nothing else.
    File(String),
}

/// What LeanCloud's class permissions let clients do with `_Conversation` over HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConversationClass {
    /// Look at rooms.
    Read,
    /// And make them.
    #[default]
    Create,
    /// And change and delete them.
    Change,
}

/// Which words LeanCloud filtered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WordList {
    /// Those of the list that every app has.
    #[default]
    BuiltIn,
    /// Those of a list that was uploaded.
    Own,
    /// None.
    None,
}

/// The settings of an app, as its console has them. See [`QUESTIONS`] for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    pub app_id: String,
    pub app_key: KeyPlace,
    pub master_key: KeyPlace,
    pub name: Option<String>,
    pub public_url: Option<String>,
    pub allowed_origins: Vec<String>,
    pub signature_login: bool,
    pub signature_conversation: bool,
    pub signature_history: bool,
    pub signature_blacklist: bool,
    pub edit: bool,
    pub recall: bool,
    pub blacklist: bool,
    pub member_info: bool,
    pub engine: Option<String>,
    pub hook_key: KeyPlace,
    pub hook_failure: bool,
    pub upstream: Option<String>,
    pub accounts: Option<String>,
    pub messages_per_minute: u32,
    pub max_deliveries_per_second: Option<u32>,
    pub history_days: u32,
    pub conversation_class: ConversationClass,
    pub words: WordList,
    pub one_to_one_filter: bool,
    pub offline_push: bool,
    pub system_callback: bool,
}

/// Which answer is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {}", .why.en)]
pub struct WrongAnswer {
    /// The question's name.
    pub name: String,
    /// What is wrong, in both languages.
    pub why: Text,
}

impl Answers {
    /// Before the first question. Each of them puts its own default in place of this.
    pub(super) fn blank() -> Self {
        let nowhere = || KeyPlace::Variable(String::new());
        Self {
            app_id: String::new(),
            app_key: nowhere(),
            master_key: nowhere(),
            name: None,
            public_url: None,
            allowed_origins: Vec::new(),
            signature_login: false,
            signature_conversation: false,
            signature_history: false,
            signature_blacklist: false,
            edit: false,
            recall: false,
            blacklist: false,
            member_info: false,
            engine: None,
            hook_key: nowhere(),
            hook_failure: false,
            upstream: None,
            accounts: None,
            messages_per_minute: 0,
            max_deliveries_per_second: None,
            history_days: 0,
            conversation_class: ConversationClass::default(),
            words: WordList::default(),
            one_to_one_filter: false,
            offline_push: false,
            system_callback: false,
        }
    }

    /// From answers by the names of their questions; those that are absent get their defaults.
    ///
    /// # Errors
    /// [`WrongAnswer`], also for a name that no question has and for an answer that nothing would come of.
    pub fn from_named(named: &BTreeMap<String, String>) -> Result<Self, WrongAnswer> {
        let unknown = |name: &&String| !QUESTIONS.iter().any(|question| question.name == *name);
        if let Some(name) = named.keys().find(unknown) {
            let known: Vec<_> = QUESTIONS.iter().map(|question| question.name).collect();
            let known = known.join(", ");
            let why = Text {
                en: format!("no question has this name; there are {known}"),
                zh: format!("没有这个问题；可用的名称：{known}"),
            };
            return Err(WrongAnswer { name: name.clone(), why });
        }
        let mut answers = Self::blank();
        for question in &QUESTIONS {
            let answer = named.get(question.name);
            if !question.applies(&answers) {
                if let Some((name, _)) = named.get_key_value(question.name) {
                    let why = Text {
                        en: "it would do nothing without an answer to engine".to_owned(),
                        zh: "没有回答 engine，此项不起作用".to_owned(),
                    };
                    return Err(WrongAnswer { name: name.clone(), why });
                }
                continue;
            }
            question.answer(&mut answers, answer.map_or("", String::as_str))?;
        }
        Ok(answers)
    }

    /// The variables of the configuration that bring the keys, and where these are.
    #[must_use]
    pub fn keys(&self) -> Vec<(&'static str, &KeyPlace)> {
        let mut keys = vec![
            ("GRANDSTAND_APPS__0__KEY", &self.app_key),
            ("GRANDSTAND_APPS__0__MASTER_KEY", &self.master_key),
        ];
        if self.engine.is_some() {
            keys.push(("GRANDSTAND_APPS__0__HOOKS__HOOK_KEY", &self.hook_key));
        }
        keys
    }
}
