//! Keys as clients name them: dotted paths of bounded shape, and the names that belong to the server.

/// Most segments of a dotted key. Together with the depth of values it keeps rooms readable for every JSON parser.
const SEGMENTS: usize = 16;

/// Longest segment, in bytes.
const SEGMENT_BYTES: usize = 128;

/// Columns of a row that the server fills (protocol 4.6). Clients would take an app's value for the server's.
const RESERVED: [&str; 22] = [
    "objectId",
    "createdAt",
    "updatedAt",
    "c",
    "m",
    "mu",
    "tr",
    "sys",
    "temp",
    "unique",
    "uniqueId",
    "conv_type",
    "lm",
    "msg",
    "bin",
    "msg_mid",
    "msg_from",
    "msg_timestamp",
    "patch_timestamp",
    "mention_all",
    "mention_pids",
    "tempConvTTL",
];

/// Whether a top-level key belongs to the server.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key)
}

/// Splits a dotted key; the error says what is wrong with it.
pub(crate) fn path(key: &str) -> Result<Vec<String>, &'static str> {
    let segments: Vec<&str> = key.split('.').collect();
    if segments.len() > SEGMENTS {
        return Err("it has more than 16 parts");
    }
    segments.into_iter().map(segment).collect()
}

fn segment(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty or has an empty part"),
        // Some clients apply dotted keys by walking a JavaScript object.
        "__proto__" | "constructor" | "prototype" => Err("it names a part of every JavaScript object"),
        _ if text.len() > SEGMENT_BYTES => Err("a part of it is longer than 128 bytes"),
        _ if text.starts_with('$') => Err("a part of it starts with $"),
        _ if text.contains(|c: char| c.is_control() || c == '"' || c == '\\') => {
            Err("it has a control character, a quotation mark or a backslash")
        }
        _ => Ok(text.to_owned()),
    }
}
