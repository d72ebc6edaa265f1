//! The operators' command line: each sub-command asks a running server over REST, with the app's master key.

mod audit;
mod ban;
mod block;
mod broadcast;
mod call;
mod client;
mod confirm;
mod connection;
mod erase;
mod export;
mod kick;
mod list;
mod members;
mod message;
mod mute;
mod originals;
mod output;
mod purge;
mod roles;
mod rooms;
mod stats;
mod switches;
mod text;
mod trace;
mod trouble;
mod words;

use std::io;

use clap::{Args, Subcommand};

use self::{client::Client, connection::Connection, output::Output};
pub(super) use self::{
    connection::read_key,
    output::json as harmless_json,
    text::{duration, shown},
    trouble::Trouble,
};

/// What an operator asks for.
#[derive(Debug, Subcommand)]
pub(super) enum Operator {
    /// List, show, make and delete rooms · 聊天室：列出、查看、创建、删除
    #[command(after_help = LOOK_UP)]
    Rooms(Asked<rooms::Rooms>),
    /// Who is in a room · 聊天室里的人
    #[command(after_help = LOOK_UP)]
    Members(Asked<members::Members>),
    /// Owners and managers of a room · 聊天室的所有者和管理员
    #[command(after_help = LOOK_UP)]
    Roles(Asked<roles::Roles>),
    /// Silence clients in a room · 在聊天室里禁言
    #[command(after_help = LOOK_UP)]
    Mute(Asked<mute::Mute>),
    /// End the silence of clients · 解除禁言
    #[command(after_help = LOOK_UP)]
    Unmute(Asked<mute::Unmute>),
    /// Who is silenced in a room · 聊天室里被禁言的人
    #[command(after_help = LOOK_UP)]
    Mutes(Asked<mute::Mutes>),
    /// Put clients out of a room and keep them out · 移出聊天室并拉黑
    #[command(after_help = LOOK_UP)]
    Block(Asked<block::Block>),
    /// Let clients into a room again · 解除聊天室黑名单
    #[command(after_help = LOOK_UP)]
    Unblock(Asked<block::Unblock>),
    /// Who is blocked from a room · 聊天室黑名单
    #[command(after_help = LOOK_UP)]
    Blocks(Asked<block::Blocks>),
    /// Keep clients or networks out of the app · 全应用封禁客户端或地址
    #[command(after_help = LOOK_UP)]
    Ban(Asked<ban::Ban>),
    /// End a ban · 解除全应用封禁
    #[command(after_help = LOOK_UP)]
    Unban(Asked<ban::Unban>),
    /// Who is banned from the app · 全应用封禁名单
    #[command(after_help = LOOK_UP)]
    Bans(Asked<ban::Bans>),
    /// Take clients out of a room, or log them out · 移出聊天室，或强制下线
    #[command(after_help = LOOK_UP)]
    Kick(Asked<kick::Kick>),
    /// Send and recall messages, and say why somebody did not get one · 发送、撤回、追踪消息
    #[command(after_help = LOOK_UP)]
    Message(Asked<message::Message>),
    /// Send one message to all rooms, or to those that match · 向所有或符合条件的聊天室广播
    #[command(after_help = LOOK_UP)]
    Broadcast(Asked<broadcast::Broadcast>),
    /// Recall everything that one client wrote · 批量撤回某人的消息
    #[command(after_help = LOOK_UP)]
    Purge(Asked<purge::Purge>),
    /// The app's list of words that nobody is to see · 敏感词表
    #[command(after_help = LOOK_UP)]
    Words(Asked<words::Words>),
    /// Who did what: the audit log · 审计日志
    #[command(after_help = LOOK_UP)]
    Audit(Asked<audit::Audit>),
    /// Erase what is kept of a client · 清除某人的留存数据
    #[command(after_help = LOOK_UP)]
    Erase(Asked<erase::Erase>),
    /// How many are online, and how many were today · 在线人数与今日登录人数
    #[command(after_help = LOOK_UP)]
    Stats(Asked<stats::Stats>),
    /// Everything that an app has in its rooms, out of LeanCloud or Grandstand, into a folder · 导出聊天室和消息
    #[command(after_help = export::HELP)]
    Export(Asked<export::Export>),
}

const LOOK_UP: &str = "\
Without --app-id and a key, the app of a server that runs without configuration is taken from its data folder.
The master key comes from --key-file, else from GRANDSTAND_MASTER_KEY; never from the command line, which others see.
未指定应用时，使用数据目录里的开发应用。Master Key 来自 --key-file 或环境变量 GRANDSTAND_MASTER_KEY。

Exit codes / 退出码: 0 done 成功, 1 failed 失败, 2 wrong use 用法错误.  More / 详见: docs/operating.md";

/// A sub-command's own arguments, and where its server is.
#[derive(Debug, Args)]
pub(super) struct Asked<T: Args> {
    #[command(flatten)]
    what: T,
    #[command(flatten)]
    connection: Connection,
}

/// The server that is asked, and where its answers go.
struct Desk {
    client: Client,
    output: Output,
}

/// Carries out what was asked.
pub(super) fn run(command: Operator) -> Result<(), Trouble> {
    match command {
        Operator::Rooms(asked) => asked.run(rooms::run),
        Operator::Members(asked) => asked.run(members::run),
        Operator::Roles(asked) => asked.run(roles::run),
        Operator::Mute(asked) => asked.run(mute::mute),
        Operator::Unmute(asked) => asked.run(mute::unmute),
        Operator::Mutes(asked) => asked.run(mute::show),
        Operator::Block(asked) => asked.run(block::block),
        Operator::Unblock(asked) => asked.run(block::unblock),
        Operator::Blocks(asked) => asked.run(block::show),
        Operator::Ban(asked) => asked.run(ban::ban),
        Operator::Unban(asked) => asked.run(ban::unban),
        Operator::Bans(asked) => asked.run(ban::show),
        Operator::Kick(asked) => asked.run(kick::run),
        Operator::Message(asked) => asked.run(message::run),
        Operator::Broadcast(asked) => asked.run(broadcast::run),
        Operator::Purge(asked) => asked.run(purge::run),
        Operator::Words(asked) => asked.run(words::run),
        Operator::Audit(asked) => asked.run(audit::run),
        Operator::Erase(asked) => asked.run(erase::run),
        Operator::Stats(asked) => asked.run(stats::run),
        Operator::Export(Asked { what, connection }) => {
            let mut output = Output::new(connection.json);
            carry_out(async {
                export::run(what, connection, &mut output).await?;
                output.finish()
            })
        }
    }
}

impl<T: Args> Asked<T> {
    fn run(self, work: impl AsyncFnOnce(T, &mut Desk) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let output = Output::new(self.connection.json);
        let mut desk = Desk { client: Client::connect(&self.connection)?, output };
        carry_out(async {
            work(self.what, &mut desk).await?;
            desk.output.finish()
        })
    }
}

fn carry_out(work: impl Future<Output = Result<(), Trouble>>) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Trouble::Runtime)?.block_on(work) {
        // Whoever reads has enough, as `head` does.
        Err(Trouble::Output(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
