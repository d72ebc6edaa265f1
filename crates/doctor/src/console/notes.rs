//! Settings that no key stands for, and what to do instead.

use super::{
    answers::{Answers, WordList},
    questions::{QUESTIONS, Words, words},
};

/// What to do beside the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The setting, as LeanCloud's console calls it.
    pub setting: Words,
    /// What to do.
    pub instead: Words,
}

impl Answers {
    /// What these settings need that a configuration cannot say.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let about_words = match self.words {
            WordList::BuiltIn => Some(words(
                "LeanCloud 的内置词库无法导出，本服务器也不自带词库：请准备自己的词表，启动后用 grandstand words load 文件 上传，否则不过滤",
                "LeanCloud's own list cannot be had, and this server brings none: get a list of your own and upload it to the \
                 running server with `grandstand words load FILE`, or nothing is filtered",
            )),
            WordList::Own => Some(words(
                "词表不在配置文件里：启动后用 grandstand words load 文件 上传（一行一词，格式相同），否则不过滤",
                "the list does not stand in the configuration: upload it to the running server with \
                 `grandstand words load FILE` (one word in a line, as before), or nothing is filtered",
            )),
            WordList::None => None,
        };
        let pages_of_here = words(
            "本机调试的网页（http://localhost:端口）在 LeanCloud 总是放行，这里需要写进 allowed_origins",
            "pages of http://localhost:PORT were always let through by LeanCloud; here allowed_origins has to name them",
        );
        let rooms_only = words(
            "这里只有聊天室，没有单聊，无需设置",
            "there are rooms only, and no one-to-one chats: nothing to do",
        );
        let no_push = words(
            "聊天室没有离线推送（LeanCloud 也没有）；其他对话的推送请使用别的推送服务",
            "rooms have no offline push, nor had they on LeanCloud; for other conversations use another push service",
        );
        let no_system = words(
            "没有服务号；聊天室的消息可用 [apps.webhook] 回调给后端",
            "there are no system conversations; [apps.webhook] tells your back end what happens in rooms",
        );
        [
            ("words", about_words),
            ("allowed_origins", (!self.allowed_origins.is_empty()).then_some(pages_of_here)),
            ("one_to_one_filter", self.one_to_one_filter.then_some(rooms_only)),
            ("offline_push", self.offline_push.then_some(no_push)),
            ("system_callback", self.system_callback.then_some(no_system)),
        ]
        .into_iter()
        .filter_map(|(name, instead)| Some(Note { setting: setting(name)?, instead: instead? }))
        .collect()
    }
}

fn setting(name: &str) -> Option<Words> {
    QUESTIONS.iter().find(|question| question.name == name).map(|question| question.setting)
}
