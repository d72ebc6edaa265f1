//! One figure of a report: its value, its unit, and which way is better.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a value is meant and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Text,
    Count,
    PerSecond,
    Milliseconds,
    Microseconds,
    Bytes,
    /// CPU time in a time: 1 is one core.
    Cores,
    /// 1 is all.
    Share,
    /// 1 is as much as what it is compared with.
    Ratio,
}

/// What two runs' figures say about each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// A setting: runs that differ in it cannot be compared.
    Same,
    Higher,
    Lower,
    /// Neither is better.
    Neither,
}

/// What a saved figure means; its value stands beside it under the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meaning {
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) goal: Goal,
}

#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    pub(crate) meaning: Meaning,
}

impl Unit {
    /// The value for people.
    pub(crate) fn show(self, value: &Value) -> String {
        let Some(number) = value.as_f64() else {
            return value.as_str().map_or_else(|| "–".to_owned(), str::to_owned);
        };
        match self {
            Self::Text => value.to_string(),
            Self::Count => grouped(number),
            Self::PerSecond => format!("{}/s", grouped(number)),
            Self::Milliseconds => format!("{number:.2} ms"),
            Self::Microseconds => format!("{number:.3} µs"),
            Self::Bytes => bytes(number),
            Self::Cores => format!("{:.0} % of a core", number * 100.0),
            Self::Share => share(number),
            Self::Ratio => format!("{number:.2} ×"),
        }
    }
}

/// Three digits after the point are enough for every unit but shares, of which 99.9999 % must not become 100 %.
pub(crate) fn rounded(value: f64, unit: Unit) -> Value {
    let scale = if unit == Unit::Share { 1e9 } else { 1e3 };
    json!((value * scale).round() / scale)
}

/// "100 %" is said only of all: what comes near it gets more digits.
fn share(number: f64) -> String {
    let percent = number * 100.0;
    let says_all = |digits: &usize| format!("{percent:.digits$}").starts_with("100");
    let digits = if number < 1.0 { (2..7).find(|digits| !says_all(digits)).unwrap_or(7) } else { 2 };
    format!("{percent:.digits$} %")
}

fn bytes(number: f64) -> String {
    match number.abs() {
        small if small < 10_240.0 => format!("{number:.0} B"),
        middle if middle < 10_485_760.0 => format!("{:.1} KiB", number / 1024.0),
        large if large < 10_737_418_240.0 => format!("{:.1} MiB", number / 1_048_576.0),
        _ => format!("{:.1} GiB", number / 1_073_741_824.0),
    }
}

/// 1234567.4 as 1,234,567.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut grouped = String::from(if number <= -0.5 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: Unit, value: impl Into<Value>, expected: &str) {
        assert_eq!(unit.show(&value.into()), expected);
    }

    #[test]
    fn units_are_shown() {
        check(Unit::Text, "ext4", "ext4");
        check(Unit::Count, 1_234_567, "1,234,567");
        check(Unit::Count, -1234, "-1,234");
        check(Unit::Count, 999, "999");
        check(Unit::PerSecond, 24_691.2, "24,691/s");
        check(Unit::Milliseconds, 12.346, "12.35 ms");
        check(Unit::Microseconds, 1.1624, "1.162 µs");
        check(Unit::Cores, 0.8, "80 % of a core");
        check(Unit::Ratio, 1.2, "1.20 ×");
        check(Unit::Count, Value::Null, "–");
    }

    #[test]
    fn sizes_choose_their_unit() {
        check(Unit::Bytes, 0, "0 B");
        check(Unit::Bytes, 4321, "4321 B");
        check(Unit::Bytes, -5, "-5 B");
        check(Unit::Bytes, 20_480, "20.0 KiB");
        check(Unit::Bytes, -20_971_520, "-20.0 MiB");
        check(Unit::Bytes, 25_769_803_776_u64, "24.0 GiB");
    }

    #[test]
    fn all_is_said_only_of_all() {
        check(Unit::Share, 1.0, "100.00 %");
        check(Unit::Share, 0.999_9, "99.99 %");
        check(Unit::Share, 0.999_999, "99.9999 %");
        check(Unit::Share, 0.5, "50.00 %");
        check(Unit::Share, 0.0, "0.00 %");
        assert_eq!(rounded(0.999_999, Unit::Share), json!(0.999_999));
        assert_eq!(rounded(12.345_67, Unit::Milliseconds), json!(12.346));
    }
}
