//! Answers that are JSON but for some texts: half of an emoji that was cut in two, bytes that are no UTF-8, control
//! characters as they are. A parser refuses the whole page for one of them, and with it all that stands behind.

use serde_json::Value;

/// What a decoder writes for what is no Unicode.
const REPLACEMENT: &str = "\\ufffd";

/// Reads an answer with U+FFFD for what is no Unicode; `None` when that was not what is wrong with it.
pub(super) fn mend(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len());
    let (mut rest, mut in_text) = (&*text, false);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                in_text = !in_text;
                1
            }
            '\\' if in_text => {
                rest = escape(rest, &mut mended);
                continue;
            }
            '\0'..' ' if in_text => {
                mended.push_str(&format!("\\u{:04x}", u32::from(first)));
                rest = &rest[1..];
                continue;
            }
            _ => first.len_utf8(),
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    serde_json::from_str(&mended).ok()
}

/// Copies an escape from the beginning of a text, and returns what is behind it. A surrogate has to be one of a pair.
fn escape<'a>(text: &'a str, into: &mut String) -> &'a str {
    let (length, copied) = match unit(text) {
        Some(0xd800..0xdc00) => match text.get(6..).and_then(unit) {
            Some(0xdc00..0xe000) => (12, &text[..12]),
            _ => (6, REPLACEMENT),
        },
        Some(0xdc00..0xe000) => (6, REPLACEMENT),
        Some(_) => (6, &text[..6]),
        // Another escape, or none: what follows the backslash is no end of the text.
        None => {
            let length = text.chars().take(2).map(char::len_utf8).sum();
            (length, &text[..length])
        }
    };
    into.push_str(copied);
    &text[length..]
}

/// The code unit of an escape like `\u00e9`.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_unicode_is_replaced_and_nothing_else() {
        for (body, expected) in [
            (&br#"["cut \ud83d","\udfc6","\ud83d\ud83d\udfc6","\\ud83d","\"\ud83d\""]"#[..], {
                json!(["cut \u{fffd}", "\u{fffd}", "\u{fffd}\u{1f7c6}", "\\ud83d", "\"\u{fffd}\""])
            }),
            (b"[\"a\xff\xfeb\"]", json!(["a\u{fffd}\u{fffd}b"])),
            (b"[\"a\0\x01\n\tb\",\n{\"\x1f\":1}]", json!(["a\0\u{1}\n\tb", { "\u{1f}": 1 }])),
            ("[\"\\ud83d\u{65e9}\\u65e9\\n\\/\"]".as_bytes(), json!(["\u{fffd}\u{65e9}\u{65e9}\n/"])),
        ] {
            assert!(serde_json::from_slice::<Value>(body).is_err());
            assert_eq!(mend(body), Some(expected), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn what_is_cut_off_or_no_json_stays_so() {
        for body in [
            &br#"["cut \ud83d"#[..],
            br#"["cut \ud8"#,
            br#"["cut \"#,
            br#"["\ud83d"],"#,
            br#"["\x"]"#,
            br#"["\uzzzz"]"#,
            "[\"\\u\u{65e9}\u{65e9}\"]".as_bytes(),
            b"<html>\xff</html>",
            b"",
        ] {
            assert_eq!(mend(body), None, "{}", body.escape_ascii());
        }
    }
}
