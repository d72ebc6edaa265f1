//! What came out of a comparison.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{difference::Difference, known::Known};

/// Differences beyond these are counted only.
const SHOWN: usize = 1000;

/// The result: differences that nobody explains, and everything else by number.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The server that was recorded.
    pub recorded: String,
    /// The server that was asked now.
    pub compared_with: String,
    pub web_sockets: usize,
    /// Commands and calls that were made again.
    pub commands: usize,
    pub calls: usize,
    /// Replies, answers and pushes that both have.
    pub replies: usize,
    pub pushes: usize,
    pub answers: usize,
    /// Signed commands that were signed anew, with the master key.
    pub signed: usize,
    /// Signed commands that went without a signature, for want of a key.
    pub unsigned: usize,
    pub skipped: Vec<Skipped>,
    pub known: Vec<KnownCount>,
    pub differences: Vec<Difference>,
    /// Differences that are not in the list.
    pub more: usize,
}

/// What was not made again or not compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub count: usize,
    pub what: &'static str,
    pub what_zh: &'static str,
}

/// Differences that are explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownCount {
    pub known: Known,
    pub count: usize,
    pub reason: &'static str,
    pub reason_zh: &'static str,
}

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Skip {
    Unreadable,
    OtherCalls,
    Body,
    NoKey,
    OldSession,
    OldToken,
    Late,
    Unopened,
    NoAnswer,
}

impl Skip {
    fn what(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreadable => ("messages that are no commands", "不是命令的消息"),
            Self::OtherCalls => ("calls that are not about chat", "与聊天无关的调用"),
            Self::Body => ("calls whose body is not in the recording", "录制里没有正文的调用"),
            Self::NoKey => (
                "calls for which the key is missing (--key-file, --app-key-file)",
                "缺少密钥而无法重做的调用（--key-file、--app-key-file）",
            ),
            Self::OldSession => {
                ("calls with a session from before the recording", "使用录制之前的会话的调用")
            }
            Self::OldToken => (
                "logins with a token from before the recording: they were made without one",
                "使用录制之前的令牌登录：改为不带令牌登录",
            ),
            Self::Late => (
                "replies and pushes that were on their way when the app had left already",
                "应用离开时仍在途中的应答和推送",
            ),
            Self::Unopened => ("events of connections that are not open here", "未能建立的连接上的事件"),
            Self::NoAnswer => {
                ("calls and connections that had no answer then", "录制时就没有得到应答的调用和连接")
            }
        }
    }
}

/// A report that is being written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) report: Report,
    known: BTreeMap<Known, usize>,
    skipped: BTreeMap<Skip, usize>,
}

impl Draft {
    pub(super) fn known(&mut self, known: Known, count: usize) {
        *self.known.entry(known).or_default() += count;
    }

    pub(super) fn skip(&mut self, skip: Skip) {
        *self.skipped.entry(skip).or_default() += 1;
    }

    pub(super) fn differ(&mut self, difference: Difference) {
        if self.report.differences.len() < SHOWN {
            self.report.differences.push(difference);
        } else {
            self.report.more += 1;
        }
    }

    pub(super) fn finish(self) -> Report {
        let Self { mut report, known, skipped } = self;
        report.differences.sort_by_key(|difference| difference.line);
        report.known = known
            .into_iter()
            .map(|(known, count)| {
                let (reason, reason_zh) = known.reason();
                KnownCount { known, count, reason, reason_zh }
            })
            .collect();
        report.skipped = skipped
            .into_iter()
            .map(|(skip, count)| {
                let (what, what_zh) = skip.what();
                Skipped { count, what, what_zh }
            })
            .collect();
        report
    }
}
