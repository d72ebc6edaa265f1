//! What ends an export, in words that say what to do.

use std::{path::Path, time::Duration};

use grandstand_migrate::{
    archive::ArchiveError,
    export::{ExportError, Refusal, Report},
};

use crate::program::operator::{Trouble, connection::Keys, text::shown, trouble::Refused};

/// Whether the same command has a point.
pub(super) fn goes_on(error: &ExportError) -> bool {
    match error {
        ExportError::Refused(refusal) => refusal.status != 401,
        ExportError::Unreachable { .. } | ExportError::TooSlow { .. } | ExportError::Strange(_) => true,
        ExportError::Archive(error) => matches!(error, ArchiveError::Io { .. }),
        _ => false,
    }
}

pub(super) fn trouble(error: ExportError, keys: &Keys, timeout: Duration) -> Trouble {
    let english = error.to_string();
    match error {
        ExportError::Refused(refusal) => refused(refusal, keys),
        ExportError::Unreachable { server, cause } => Trouble::Unreachable { server, cause },
        ExportError::TooSlow { server } => Trouble::TooSlow { server, seconds: timeout.as_secs() },
        ExportError::SentElsewhere { server, place } => Trouble::SentElsewhere { server, place },
        ExportError::Strange(problem) => said(
            &format!("{}: is that LeanCloud's or Grandstand's URL (--from)?", shown(&problem)),
            "对方的应答不像 LeanCloud 或 Grandstand，请检查 --from。",
        ),
        ExportError::NoRoom(room) => Trouble::usage(
            format!("the app has no chat room {}: rooms are named by their objectId (--room)", shown(&room)),
            "该应用没有这个聊天室，请检查 --room。",
        ),
        ExportError::Another { .. } => Trouble::usage(
            format!("{english}: choose another folder (--out), or ask for the same again"),
            "目录里是另一次导出，请用 --out 换一个目录，或使用与之前相同的参数。",
        ),
        ExportError::Busy(_) => said(
            &format!("{english}: wait for it, or choose another folder (--out)"),
            "另一个导出正在写入该目录。",
        ),
        ExportError::Archive(ArchiveError::Occupied(folder)) => Trouble::usage(
            format!(
                "{} is not empty, and no export is in it: choose another folder (--out)",
                folder.display()
            ),
            "目录不是空的，请用 --out 换一个目录。",
        ),
        ExportError::Archive(_) => said(&english, "写入或读取归档失败，请检查磁盘空间和权限。"),
    }
}

/// The manifest is there, and says so, too.
pub(super) fn incomplete(report: &Report, out: &Path) -> Trouble {
    let first = report.missing.first().map(|finding| finding.what.clone());
    let first =
        first.or_else(|| report.refused.iter().next().map(|(what, rooms)| format!("{what} ({rooms} rooms)")));
    let english = format!(
        "the archive lacks something: {}; all of it is in {}. The same command reads every room once more",
        shown(&first.unwrap_or_default()),
        out.join("report.json").display()
    );
    said(&english, "归档有缺失，详见 report.json；再次执行同一条命令会重新读取所有聊天室。")
}

fn refused(refusal: Refusal, keys: &Keys) -> Trouble {
    let Refusal { path, status, code, words } = refusal;
    let server = format!("the server, asked for {path},");
    if matches!(status, 401 | 403) {
        return said(
            &format!(
                "{server} answered {status}: {}. It has no app {}, or the master key from {} is not that app's. It takes the \
                 app's Master Key, not its App Key, and the API address of that very app (--from)",
                shown(words.trim_end_matches('.')),
                shown(&keys.app),
                keys.source
            ),
            "服务器不认这个密钥：请检查 --app-id，确认用的是该应用的 Master Key（不是 App Key），并且 --from 是该应用自己的 API 地址。",
        );
    }
    Trouble::Refused(Box::new(Refused {
        server,
        app: keys.app.clone(),
        source: keys.source.clone(),
        status,
        code: code.unwrap_or(i64::from(status)),
        error: words,
        retry_after: None,
    }))
}

fn said(english: &str, chinese: &str) -> Trouble {
    Trouble::Said(format!("grandstand: {english}\n{chinese}"))
}
