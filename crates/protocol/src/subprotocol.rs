//! WebSocket subprotocols: which frames a client speaks, and which vintage of the protocol.

use crate::Format;

/// Behaviour version behind the subprotocol's last digit. Chat rooms treat all alike; it is kept for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Offline messages would be pushed after open.
    V1,
    /// Deprecated; treated as 3.
    V2,
    /// Unread counts would be pushed after open.
    V3,
}

/// What a client chose when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subprotocol {
    /// The frames it speaks.
    pub format: Format,
    /// Its behaviour version.
    pub version: Version,
    /// The first protobuf generation (`lc.protobuf.N`, `lc.protobase64.N`): knows no patch, goaway or silence
    /// pushes, so none are sent to it.
    pub first_generation: bool,
}

/// Not a name that this server speaks; the upgrade is refused with HTTP 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown subprotocol {0:?}; offer lc.protobuf2.3, lc.proto2base64.3 or lc.json.3")]
pub struct UnknownSubprotocol(pub String);

impl Subprotocol {
    /// Reads a name such as `lc.protobuf2.3`.
    ///
    /// # Errors
    /// [`UnknownSubprotocol`] for any other name, `lc.msgpack.*` among them.
    pub fn from_name(name: &str) -> Result<Self, UnknownSubprotocol> {
        let unknown = || UnknownSubprotocol(name.chars().take(64).collect());
        let (family, version) = name.rsplit_once('.').ok_or_else(unknown)?;
        let (format, first_generation) = match family {
            "lc.protobuf2" => (Format::Binary, false),
            "lc.protobuf" => (Format::Binary, true),
            "lc.proto2base64" => (Format::Base64, false),
            "lc.protobase64" => (Format::Base64, true),
            "lc.json" => (Format::Json, false),
            _ => return Err(unknown()),
        };
        let version = match version {
            "1" => Version::V1,
            "2" => Version::V2,
            "3" => Version::V3,
            _ => return Err(unknown()),
        };
        Ok(Self { format, version, first_generation })
    }

    /// For clients that name no subprotocol: the first frame decides between JSON text and binary.
    #[must_use]
    pub fn unnamed(format: Format) -> Self {
        Self { format, version: Version::V1, first_generation: false }
    }
}
