//! Values as queries see them: one type for what a room holds and what a client asks, with equality and order.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::Scalar;
use crate::clock::Millis;

/// A value of a room or of a query.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand<'a> {
    Null,
    Number(&'a Number),
    Text(&'a str),
    Object(&'a Map<String, Value>),
    Array(&'a [Value]),
    Bool(bool),
    Date(Millis),
}

impl<'a> From<&'a Value> for Operand<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::Array(items),
            Value::Object(object) => date_of(object).map_or(Self::Object(object), Self::Date),
        }
    }
}

impl<'a> From<&'a Scalar> for Operand<'a> {
    fn from(scalar: &'a Scalar) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(*value),
            Scalar::Number(number) => Self::Number(number),
            Scalar::Text(text) => Self::Text(text),
            Scalar::Date(time) => Self::Date(*time),
            Scalar::Json(value) => Self::from(value),
        }
    }
}

impl Operand<'_> {
    /// Whether both are the same value: 1 is 1.0, the order of an object's keys does not count.
    pub(super) fn equals(self, other: Operand<'_>) -> bool {
        match (self, other) {
            (Operand::Object(a), Operand::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
            }
            (Operand::Array(a), Operand::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Operand::Null, Operand::Null) => true,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// The order of two numbers, texts, booleans or dates; `None` for anything else.
    pub(super) fn compare(self, other: Operand<'_>) -> Option<Ordering> {
        match (self, other) {
            (Operand::Number(a), Operand::Number(b)) => Some(compare_numbers(a, b)),
            (Operand::Text(a), Operand::Text(b)) => Some(a.cmp(b)),
            (Operand::Bool(a), Operand::Bool(b)) => Some(a.cmp(&b)),
            (Operand::Date(a), Operand::Date(b)) => Some(a.cmp(&b)),
            _ => None,
        }
    }

    /// The order for sorting: by type, then within the type.
    pub(super) fn order(self, other: Operand<'_>) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| self.compare(other).unwrap_or(Ordering::Equal))
    }

    fn rank(self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Object(_) => 3,
            Self::Array(_) => 4,
            Self::Bool(_) => 5,
            Self::Date(_) => 6,
        }
    }
}

/// Whether two JSON values are the same value, as queries and array operators see it.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    Operand::from(a).equals(Operand::from(b))
}

/// The time in `{"__type":"Date","iso":"…"}`.
pub(super) fn date_of(object: &Map<String, Value>) -> Option<Millis> {
    if object.get("__type")?.as_str()? != "Date" {
        return None;
    }
    Millis::from_iso(object.get("iso")?.as_str()?)
}

/// Exact, also between integers and fractions, so that the order is total and agrees with a database's.
fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_with_fraction(a, fraction(b)),
        (None, Some(b)) => compare_with_fraction(b, fraction(a)).reverse(),
        (None, None) => fraction(a).total_cmp(&fraction(b)),
    }
}

/// JSON has no NaN; -0.0 becomes 0.0.
fn fraction(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default() + 0.0
}

fn compare_with_fraction(whole: i128, other: f64) -> Ordering {
    // The cast saturates, which is right here: whole numbers have at most 64 bits.
    let truncated = other.trunc();
    whole.cmp(&(truncated as i128)).then_with(|| 0.0_f64.total_cmp(&(other - truncated + 0.0)))
}
