//! Which operations of the table are which command. A command that is new does not compile before it is put here.

use grandstand_protocol::Command;

/// The first words of its operations in the table.
pub(crate) fn words(command: &Command) -> &'static [&'static str] {
    match command {
        // Without a session, and about nothing.
        Command::Heartbeat
        | Command::Echo
        | Command::Login { .. }
        // Never answered, or only in JSON, and never about anything.
        | Command::DeliveryAck
        | Command::PatchAck => &[],
        Command::Open(_) => &["open", "reopen"],
        Command::Refresh { .. } => &["refresh"],
        Command::Close => &["close"],
        Command::QueryOnline { .. } => &["online"],
        Command::UploadToken => &["device-token"],
        Command::Start(_) => &["create", "create-group"],
        Command::Join { .. } => &["join"],
        Command::Quit { .. } => &["quit"],
        Command::Query(_) => &["query", "query-with-last-message"],
        Command::Count { .. } => &["count"],
        Command::Members { .. } => &["members"],
        Command::IsMember { .. } => &["is-member"],
        Command::Update { .. } => &["update"],
        Command::Mute { .. } => &["mute"],
        Command::MaxRead { .. } => &["max-read"],
        Command::Moderate(_) => {
            &["silence", "unsilence", "silenced", "is-silenced", "block", "unblock", "blocked", "is-blocked"]
        }
        Command::SetRole { .. } => &["make-manager", "make-member", "make-owner"],
        Command::Send(_) => &["send", "send-transient", "leave-will"],
        Command::Modify { .. } => &["edit", "recall"],
        Command::History(_) => &["history"],
        Command::Read => &["read"],
        Command::Unsupported { .. } => &["unknown"],
    }
}
