//! Typed messages: the little that the server reads in a text body.

use grandstand_protocol::Body;
use serde::Deserialize;
use serde_json::Value;

/// `_lctype` of a recalled message.
pub const RECALLED: i32 = -127;

/// What stays of a recalled message: SDKs make a recalled-message object of it.
#[must_use]
pub fn recall_stub() -> Body {
    Body::Text(format!(r#"{{"_lctype":{RECALLED}}}"#))
}

/// `_lctype` of a typed message, by which history can be filtered. Only text that begins with `{` is looked at.
#[must_use]
pub fn lctype(body: &Body) -> Option<i32> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "_lctype")]
        lctype: Value,
    }
    let Body::Text(text) = body else { return None };
    if !text.starts_with('{') {
        return None;
    }
    let typed: Typed = serde_json::from_str(text).ok()?;
    i32::try_from(typed.lctype.as_i64()?).ok()
}
