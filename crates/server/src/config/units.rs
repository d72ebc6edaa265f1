//! Durations and sizes as people write them: `"10s"`, `"64KiB"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// A duration such as `"500ms"`, `"10s"`, `"30m"`, `"180d"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period(pub(super) Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is no duration; write \"500ms\", \"10s\", \"30m\" or \"180d\""
            ))
        })
    }
}

/// A size such as `"64KiB"`, or a number of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) usize);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a size, written as \"64KiB\" or as a number of bytes")]
        enum Written {
            Bytes(usize),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text
                .parse::<bytesize::ByteSize>()
                .ok()
                .and_then(|size| usize::try_from(size.as_u64()).ok())
                .map(Self)
                .ok_or_else(|| {
                    D::Error::custom(format!("{text:?} is no size; write \"64KiB\", \"1MiB\" or 65536"))
                }),
        }
    }
}
