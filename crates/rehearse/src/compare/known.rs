//! Differences that are meant to be, and why: they are counted, and shown apart.

use serde::Serialize;

/// Why a difference is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    Ids,
    Times,
    Tokens,
    Ttl,
    Addresses,
    PeerId,
    Service,
    ServerTime,
    PatchTime,
    Wording,
    Unread,
    PushLogin,
    Race,
    Ignored,
}

impl Known {
    /// Why it is none, in English and in Chinese.
    #[must_use]
    pub fn reason(self) -> (&'static str, &'static str) {
        match self {
            Self::Ids => (
                "ids of rooms and messages are made by the server; the same id here stood for the same id there each time",
                "聊天室和消息的 ID 由服务器生成；两边的 ID 始终一一对应",
            ),
            Self::Times => ("the comparison took place at another time", "比较与录制的时间不同"),
            Self::Tokens => ("session tokens are made by the server", "会话令牌由服务器生成"),
            Self::Ttl => (
                "how long tokens and routes hold is the server's setting; SDKs obey what they are told",
                "令牌和路由的有效期由服务器设定，SDK 按收到的值执行",
            ),
            Self::Addresses => (
                "where to connect, and what the group of servers is called, is different with each server",
                "连接地址和服务器分组因服务器而异",
            ),
            Self::PeerId => (
                "a push to a room leaves peerId out where the SDK announced that it may, or has it where it did not",
                "推送给聊天室的命令可以省略 peerId（SDK 已声明支持），也可以带上",
            ),
            Self::Service => (
                "service = 2 says that it is instant messaging; Grandstand always says so, and iOS SDKs insist on it for pushes",
                "service = 2 表示即时通讯；Grandstand 总是带上，iOS SDK 也要求推送带有该字段",
            ),
            Self::ServerTime => (
                "Grandstand puts its clock (serverTs) on each reply and push",
                "Grandstand 的每个应答和推送都带 serverTs",
            ),
            Self::PatchTime => (
                "lastPatchTime in the answer to a login is optional: SDKs go on with their own",
                "登录应答里的 lastPatchTime 可有可无，缺省时 SDK 沿用自己的值",
            ),
            Self::Wording => (
                "sentences beside a code are for people; SDKs go by the code and its name",
                "错误码之外的说明文字供人阅读；SDK 只看错误码及其名称",
            ),
            Self::Unread => (
                "unread counts do not exist in chat rooms; Grandstand sends none",
                "聊天室没有未读数，Grandstand 不推送",
            ),
            Self::PushLogin => (
                "login and loggedin belong to the push service, which is no part of chat rooms",
                "login 与 loggedin 属于推送服务，与聊天室无关",
            ),
            Self::Race => (
                "whether a push comes before or after a reply was chance: the two have nothing to do with each other",
                "推送与应答孰先孰后取决于时机，两者互不相干",
            ),
            Self::Ignored => ("left out by --ignore", "由 --ignore 略去"),
        }
    }
}
