//! Texts of strangers on a terminal: what could command it is shown, not sent. And durations as people write them.

use std::time::Duration;

use grandstand_room::clock::Millis;

/// A text with everything escaped that a terminal would not show as it is.
///
/// Ids and messages are anything that a client likes: line ends that forge a row, escape sequences that clear the
/// screen or set a title, characters that turn the direction of writing. A backslash is doubled, so that two texts never
/// look the same.
pub(in crate::program) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if is_unshown(char) => out.push_str(&format!("\\u{{{:x}}}", u32::from(char))),
            char => out.push(char),
        }
    }
    out
}

/// A text, cut after so many columns, as it takes them once it is [`shown`].
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(&shown(text)) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    for char in text.chars() {
        out.push(char);
        if width(&shown(&out)) >= columns {
            out.pop();
            break;
        }
    }
    out.push('…');
    out
}

/// Columns on a terminal.
pub(super) fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Whether a character commands a terminal, or hides, or turns what stands around it. The joiners of emoji do none of
/// that.
pub(super) fn is_unshown(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A duration as people write it: `90s`, `10m`, `2h`, `7d`, `1h 30m`.
pub(in crate::program) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = "a duration is written 30s, 10m, 2h, 7d · 时长写作 30s、10m、2h、7d";
    let duration = humantime::parse_duration(text).map_err(|_| wrong.to_owned())?;
    if duration < Duration::from_secs(1) {
        Err("at least one second · 至少一秒".to_owned())
    } else {
        Ok(duration)
    }
}

/// A time as people write it: `2026-11-23T08:00:00Z`, with the offset from UTC if need be.
pub(super) fn time(text: &str) -> Result<Millis, String> {
    Millis::from_iso(text)
        .ok_or_else(|| "a time is written 2026-11-23T08:00:00Z · 时间写作 2026-11-23T08:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_shown() {
        for (text, expected) in [
            ("plain 房间 é 👩‍👩‍👧", "plain 房间 é 👩‍👩‍👧"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\u{7}\u{0}", "\\u{1b}[2J\\u{7}\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}txt.exe\u{2066}\u{2028}\u{feff}", "\\u{202e}txt.exe\\u{2066}\\u{2028}\\u{feff}"),
            ("a\\nb", "a\\\\nb"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_by_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("房间房间", 8), "房间房间");
        assert_eq!(cut("房间房间房", 8), "房间房…");
        assert_eq!(cut("a\nb\nc\n", 6), "a\nb…", "what is shown takes more columns than it has characters");
        for columns in 1..12 {
            assert!(width(&shown(&cut("a房b\u{1b}间c房d间e", columns))) <= columns);
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604_800), ("1h 30m", 5400)] {
            assert_eq!(duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "10", "m", "-1s", "0s", "10ms", "forever"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
