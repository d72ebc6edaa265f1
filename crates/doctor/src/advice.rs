//! What to do about a code of the protocol.

use crate::{Text, finding::text, probe::Refusal};

/// In words for whoever runs the server.
pub(crate) fn about(refusal: &Refusal) -> Text {
    match refusal.code() {
        Some(4100) => text(
            "the server has no app with this id, or it was taken out: compare --app-id with [[apps]] id of the configuration",
            "服务器上没有这个应用：请核对 --app-id 与配置 [[apps]] 的 id。",
        ),
        Some(4102 | 4302) => text(
            "this app asks for signatures ([apps.signatures]): give the master key with --key-file, so that the doctor can \
             sign. If it was given, it is another one, or the clocks differ",
            "该应用要求签名（[apps.signatures]）：请用 --key-file 提供 Master Key 以便签名。如果已提供，则可能不匹配，或时钟不一致。",
        ),
        Some(4106) => text(
            "this machine's address is banned from the app: grandstand bans, grandstand unban",
            "本机地址已被该应用封禁：请用 grandstand bans、grandstand unban 查看和解除。",
        ),
        Some(4110) => text(
            "pages of this origin may not connect: add it to allowed_origins of the app",
            "该来源的网页不允许连接：请加入应用的 allowed_origins。",
        ),
        Some(4116) => text("too fast for the app's limits; wait a minute", "超过频率限制，请一分钟后重试。"),
        Some(4200 | 4300) => text(
            "the server itself failed, most often because it cannot write: look into its log, and whether the disk of \
             server.data is full or read-only. A hook that fails says so there, too",
            "服务器内部错误，最常见的原因是无法写入：请查看日志，并检查 server.data 所在磁盘是否已满或只读；Hook 失败也会记入日志。",
        ),
        Some(4305 | 4402) => text(
            "a hook of the app's back end refused it: let the hook accept the rooms of the doctor, or examine with hooks off",
            "应用后端的 Hook 拒绝了请求：请让 Hook 放行，或关闭 Hook 后再检查。",
        ),
        Some(4312) => {
            text("this client may not read history there (history)", "该客户端无权读取历史消息（history）。")
        }
        Some(4401) => text(
            "the room is not there for this server: with several servers, do they share one store?",
            "服务器上找不到该聊天室：如果有多台服务器，它们是否共用存储？",
        ),
        Some(_) => text("look into the server's log for this code", "请在服务器日志中查找该错误码。"),
        None => text(
            "the upgrade passed, but what follows does not: a proxy holds frames back or ends connections. Switch off \
             buffering and time limits for WebSockets (nginx: proxy_buffering off, proxy_read_timeout 600s)",
            "升级成功但后续数据不通：反向代理缓冲了数据或提前断开。请关闭缓冲并放宽超时（nginx：proxy_buffering off、\
             proxy_read_timeout 600s）。",
        ),
    }
}
