//! What a field holds, by its name.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How two values of a field are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// Of a room, a message or a row: one stands for another.
    Id,
    /// Of a moment, as a number or as text.
    Time,
    /// How long something holds.
    Ttl,
    /// Where to connect.
    Address,
    /// A sentence for people.
    Wording,
    /// Whatever it is, it must be the same.
    Plain,
}

impl Field {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "cid" | "cids" | "mid" | "tmid" | "id" | "uid" | "msgId" | "msg_mid" | "objectId" | "roomId"
            | "srcCid" | "infoId" | "uniqueId" | "tempConvIds" | "convid" | "conv_id" | "gid" | "msgid"
            | "till_msgid" | "conv-id" | "msg-id" | "to" => Self::Id,
            "t"
            | "tt"
            | "timestamp"
            | "serverTs"
            | "clientTs"
            | "cdate"
            | "udate"
            | "createdAt"
            | "updatedAt"
            | "until"
            | "patchTimestamp"
            | "patch-timestamp"
            | "patch_timestamp"
            | "lastPatchTime"
            | "lastUnreadNotifTime"
            | "msg_timestamp"
            | "iso"
            | "ackAt"
            | "ack-at"
            | "readAt"
            | "notifTime"
            | "fromts"
            | "tots"
            | "till_timestamp"
            | "max_ts"
            | "start_ts"
            | "_t" => Self::Time,
            "stTtl" | "ttl" | "tempConvTTL" => Self::Ttl,
            "server" | "secondary" | "groupId" | "groupUrl" => Self::Address,
            "detail" | "appMsg" | "error" => Self::Wording,
            _ => Self::Plain,
        }
    }

    /// Lists whose order says nothing: names of clients.
    pub(super) fn is_set(name: &str) -> bool {
        matches!(
            name,
            "m" | "allowedPids"
                | "onlineSessionPeerIds"
                | "blockedPids"
                | "mentionPids"
                | "client_ids"
                | "result"
        )
    }
}

/// Milliseconds, of a number or of a date as text.
pub(super) fn millis(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => from_iso(text).or_else(|| text.parse().ok()),
        _ => None,
    }
}

pub(super) fn from_iso(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A time in the form of another one.
pub(super) fn in_form_of(form: &Value, millis: i64) -> Value {
    match form {
        Value::String(text) if from_iso(text).is_some() => iso(millis).into(),
        Value::String(_) => millis.to_string().into(),
        _ => millis.into(),
    }
}

fn iso(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.to_hms_milli();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_keep_their_form() {
        let date = json!("2026-11-23T08:00:00.120Z");
        let at = millis(&date).unwrap();
        assert_eq!((in_form_of(&date, at), in_form_of(&json!(5), 7)), (date, json!(7)));
        assert_eq!((millis(&json!("17")), in_form_of(&json!("17"), 18)), (Some(17), json!("18")));
        assert_eq!(millis(&json!("never")), None);
    }
}
