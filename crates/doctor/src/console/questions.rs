//! The questions, in their order: a setting of LeanCloud's console each.

use super::{
    answers::{Answers, WrongAnswer},
    forms::{self, Form},
};
use crate::Text;

/// The same in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// Both languages of one name or sentence.
pub(super) const fn words(zh: &'static str, en: &'static str) -> Words {
    Words { en, zh }
}

/// One setting.
pub struct Question {
    /// Its name in a file of answers.
    pub name: &'static str,
    /// What LeanCloud's console calls it.
    pub setting: Words,
    /// What it decides.
    pub about: Words,
    /// What an empty answer means, which is what an untouched LeanCloud app has; `None`: an answer is needed.
    pub default: Option<&'static str>,
    pub(super) form: Form,
    put: fn(&mut Answers, &str) -> Result<(), Text>,
    applies: fn(&Answers) -> bool,
}

impl Question {
    /// What an answer looks like.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.form.hint()
    }

    /// Whether it is worth asking after what was answered before.
    #[must_use]
    pub fn applies(&self, answers: &Answers) -> bool {
        (self.applies)(answers)
    }

    /// Takes an answer; an empty one is the default.
    ///
    /// # Errors
    /// [`WrongAnswer`]; then nothing has changed.
    pub fn answer(&self, answers: &mut Answers, answer: &str) -> Result<(), WrongAnswer> {
        let answer = answer.trim();
        let answer = if answer.is_empty() { self.default.unwrap_or_default() } else { answer };
        (self.put)(answers, answer).map_err(|why| WrongAnswer { name: self.name.to_owned(), why })
    }
}

fn always(_: &Answers) -> bool {
    true
}

fn with_engine(answers: &Answers) -> bool {
    answers.engine.is_some()
}

/// A row: name, setting, what it decides, default, form, where the answer goes.
macro_rules! question {
    ($name:ident, $setting:expr, $about:expr, $default:expr, $form:ident, $read:path) => {
        question!($name, $setting, $about, $default, $form, $read, always)
    };
    ($name:ident, $setting:expr, $about:expr, $default:expr, $form:ident, $read:path, $applies:path) => {
        Question {
            name: stringify!($name),
            setting: $setting,
            about: $about,
            default: $default,
            form: Form::$form,
            put: |answers, answer| {
                answers.$name = $read(answer)?;
                Ok(())
            },
            applies: $applies,
        }
    };
}

/// Every question, in the order in which they are asked.
pub const QUESTIONS: [Question; 27] = [
    question!(
        app_id,
        words("应用凭证 > AppID", "App keys > App ID"),
        words(
            "保持不变，已发布的应用才能继续使用。",
            "Keep it, so that the apps which are out there go on working."
        ),
        None,
        Id,
        forms::id
    ),
    question!(
        app_key,
        words("应用凭证 > AppKey", "App keys > App Key"),
        words("不要输入密钥，只写它存放在哪里。", "Not the key itself: where it is kept."),
        Some("env:GRANDSTAND_APPS__0__KEY"),
        Key,
        forms::key
    ),
    question!(
        master_key,
        words("应用凭证 > MasterKey", "App keys > Master Key"),
        words(
            "同上。签名服务器用它签名，请保持不变。",
            "Likewise. Your signing server signs with it: keep it."
        ),
        Some("env:GRANDSTAND_APPS__0__MASTER_KEY"),
        Key,
        forms::key
    ),
    question!(
        name,
        words("应用名称", "App name"),
        words("仅供辨认。", "For people only."),
        Some(""),
        Free,
        forms::free
    ),
    question!(
        public_url,
        words("域名绑定 > API 访问域名", "Custom domains > API domain"),
        words(
            "应用所用的服务器地址；留空则以客户端请求的地址为准。",
            "The server URL that apps have. Empty: whatever they ask."
        ),
        Some(""),
        Origin,
        forms::origin
    ),
    question!(
        allowed_origins,
        words("安全中心 > Web 安全域名", "Security > Web secure domains"),
        words(
            "允许连接的网页来源；留空表示不限。localhost 不再默认放行。",
            "Pages that may connect; empty: any. localhost is not let through by itself."
        ),
        Some(""),
        Origins,
        forms::origins
    ),
    question!(
        signature_login,
        words("登录启用签名认证", "Verify signatures for logging in"),
        words("登录须由你的服务器签名。", "Logging in needs a signature of your server."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        signature_conversation,
        words("对话操作启用签名认证", "Verify signatures for conversation operations"),
        words("创建和加入聊天室须签名。", "Making and joining rooms needs one."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        signature_history,
        words("聊天记录查询启用签名认证", "Verify signatures for message history"),
        words(
            "不用 Master Key 通过 REST 查询历史须签名。",
            "Reading history over REST without the master key needs one."
        ),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        signature_blacklist,
        words("黑名单操作启用签名认证", "Verify signatures for blacklist operations"),
        words(
            "拉黑和解除须签名；较新的控制台没有此项。",
            "Blocking clients needs one. Newer consoles do not show it."
        ),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        edit,
        words("允许通过 SDK 编辑消息", "Allow editing messages through the SDK"),
        words("未开启时客户端收到 4406。", "Off: 4406."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        recall,
        words("允许通过 SDK 撤回消息", "Allow recalling messages through the SDK"),
        words("未开启时客户端收到 4407。", "Off: 4407."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        blacklist,
        words("黑名单功能", "Blacklist"),
        words(
            "客户端能否把他人拉出聊天室并拉黑；未开启为 4544。",
            "Whether clients may block others from a room. Off: 4544."
        ),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        member_info,
        words("对话成员属性", "Member properties"),
        words(
            "角色，以及客户端禁言他人；未开启为 4325。",
            "Roles, and clients that silence others. Off: 4325."
        ),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        engine,
        words("云引擎（即时通讯 Hook 函数）", "Cloud engine with IM hooks"),
        words(
            "运行 Hook 函数的云引擎地址；没有则留空。",
            "Where its hook functions run; empty: there are none."
        ),
        Some(""),
        Address,
        forms::address
    ),
    question!(
        hook_key,
        words(
            "应用凭证 > Hook Key（LEANCLOUD_APP_HOOK_KEY）",
            "App keys > Hook key (LEANCLOUD_APP_HOOK_KEY)"
        ),
        words("不要输入密钥，只写它存放在哪里。", "Not the key itself: where it is kept."),
        Some("env:GRANDSTAND_APPS__0__HOOKS__HOOK_KEY"),
        Key,
        forms::key,
        with_engine
    ),
    question!(
        hook_failure,
        words(
            "Hook 调用失败时返回错误给客户端并放弃继续处理请求",
            "When a hook fails, refuse the request with an error"
        ),
        words("未开启时视为 Hook 没有意见。", "Off: as if the hook had no opinion."),
        Some("no"),
        YesNo,
        forms::yes_no,
        with_engine
    ),
    question!(
        upstream,
        words("同一 API 域名下的数据存储、用户等服务", "Storage, users and so on at the same API domain"),
        words(
            "聊天以外的请求转发到哪里；留空则返回 404。",
            "Where requests go that are not for chat; empty: 404."
        ),
        Some(""),
        Origin,
        forms::origin
    ),
    question!(
        accounts,
        words("用 LCUser（_User）登录即时通讯", "Logging in with LCUser (_User)"),
        words(
            "用 session token 查询用户的地址；留空则用上一项的 /1.1/users/me。",
            "Which URL knows a session token; empty: /1.1/users/me at the address before."
        ),
        Some(""),
        Address,
        forms::address
    ),
    question!(
        messages_per_minute,
        words("服务阈值 > 普通消息 API 调用频率上限", "Thresholds > Frequency limit for basic messages"),
        words(
            "后端每分钟经 REST 发送、修改、撤回的消息数。",
            "Messages that your back end sends over REST in a minute."
        ),
        Some("1800"),
        Number,
        forms::number
    ),
    question!(
        max_deliveries_per_second,
        words("应用全局消息下发速度（默认 160000）", "Deliveries of the app in a second (160000 by default)"),
        words(
            "多个应用共用服务器时才需要；留空不限。",
            "Needed only where apps share a server; empty: no limit."
        ),
        Some(""),
        Number,
        forms::number_or_none
    ),
    question!(
        history_days,
        words("消息记录保存期限", "How long history is kept"),
        words(
            "天数，聊天室同样；对服务器上所有应用生效。",
            "In days, rooms likewise. For all apps of the server."
        ),
        Some("180"),
        Days,
        forms::days
    ),
    question!(
        conversation_class,
        words("_Conversation 的 Class 权限", "Class permissions of _Conversation"),
        words(
            "持有 App Key 的人能通过 HTTP 查询、创建，还是修改和删除聊天室。",
            "What the app key may do with rooms over HTTP."
        ),
        Some("create"),
        ConversationClass,
        forms::conversation_class
    ),
    question!(
        words,
        words("敏感词过滤（自定义敏感词）", "Word filter (own word list)"),
        words("所用的词库：内置、自定义，或没有。", "Which list it has."),
        Some("built-in"),
        Words,
        forms::words
    ),
    question!(
        one_to_one_filter,
        words("对一对一单聊启用敏感词过滤", "Filter one-to-one chats"),
        words("仅用于列出后续事项。", "Asked only to say what to do instead."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        offline_push,
        words("离线推送", "Offline push"),
        words("仅用于列出后续事项。", "Asked only to say what to do instead."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
    question!(
        system_callback,
        words("服务号（系统对话）消息回调", "Callback of system conversations"),
        words("仅用于列出后续事项。", "Asked only to say what to do instead."),
        Some("no"),
        YesNo,
        forms::yes_no
    ),
];
