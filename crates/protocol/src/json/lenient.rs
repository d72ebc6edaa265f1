//! Readers that accept what old SDKs write into JSON: `null` for absent, numbers for booleans.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};
use serde_json::Value;

/// A whole number: integers, floats without fraction, and booleans as 0 and 1.
pub(crate) fn integer<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let value = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Bool(flag) => Some(i64::from(flag)),
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        _ => None,
    };
    let fitting = value.and_then(|value| T::try_from(value).ok());
    fitting.map(Some).ok_or_else(|| D::Error::custom("not a whole number in range"))
}

/// As [`integer`], 0 when absent.
pub(crate) fn required_integer<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + Default,
{
    integer(deserializer).map(Option::unwrap_or_default)
}

/// Floats hold every whole number up to 2^53; beyond that a float is no exact number.
fn whole(float: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

/// A boolean, or a number that is not 0.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value @ (Value::Bool(_) | Value::Number(_)) => Ok(Some(is_true(&value))),
        _ => Err(D::Error::custom("not a boolean")),
    }
}

/// What counts as true.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => false,
    }
}

/// A list in which `null` stands for nothing (.NET appends it to member lists).
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let items = Option::<Vec<Option<T>>>::deserialize(deserializer)?;
    Ok(items.unwrap_or_default().into_iter().flatten().collect())
}

/// `"NEW"` and `"OLD"`, or their numbers. Unknown ones are as good as absent.
pub(crate) mod direction {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    use crate::wire::logs_command::QueryDirection;

    /// Writes the name.
    pub(crate) fn serialize<S: Serializer>(number: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error> {
        match number.and_then(|number| QueryDirection::try_from(number).ok()) {
            Some(direction) => serializer.serialize_str(direction.as_str_name()),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a name or a number.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(name) => QueryDirection::from_str_name(&name.to_ascii_uppercase()).map(Into::into),
            Value::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
            _ => None,
        })
    }
}

/// Bytes that are text in JSON.
pub(crate) mod text_bytes {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes text; what is not UTF-8 never gets here, because the codec turns it into a binary body.
    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()))
    }

    /// Reads text.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Bytes::from))
    }
}

/// Bytes as Base64 text.
pub(crate) mod base64_bytes {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::base64_text;

    /// Writes Base64.
    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64_text::write(bytes.as_deref().unwrap_or_default()))
    }

    /// Reads Base64.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        base64_text::read(text.as_bytes()).map(Some).ok_or_else(|| D::Error::custom("not Base64"))
    }
}
