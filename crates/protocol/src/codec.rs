//! Frames to commands and events to frames, in the three formats.

use bytes::Bytes;

use crate::{Downlink, Request};

/// How a connection writes commands into WebSocket messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Binary message: one protobuf command.
    Binary,
    /// Text message: the Base64 of one protobuf command.
    Base64,
    /// Text message: one JSON object, envelope and payload flattened.
    Json,
}

impl Format {
    /// Whether frames of this format are WebSocket text messages (else binary).
    #[must_use]
    pub fn is_text(self) -> bool {
        !matches!(self, Self::Binary)
    }
}

/// The frame is no command; the socket is closed with 4114.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {}

/// The payload of one WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Text or binary message.
    pub text: bool,
    /// The payload, without WebSocket header.
    pub payload: Bytes,
}

impl Request {
    /// Server side: reads a client's frame.
    pub fn decode(_format: Format, _payload: &[u8]) -> Result<Self, DecodeError> {
        unimplemented!()
    }

    /// Client side: writes a frame.
    pub fn encode(&self, _format: Format) -> Encoded {
        unimplemented!()
    }
}

impl Downlink {
    /// Server side: writes a frame.
    pub fn encode(&self, _format: Format) -> Encoded {
        unimplemented!()
    }

    /// Client side: reads a server's frame.
    pub fn decode(_format: Format, _payload: &[u8]) -> Result<Self, DecodeError> {
        unimplemented!()
    }
}

/// The bytes that, appended to a binary push encoded without `peerId`, make it one for `peer`
/// (protobuf fields may stand in any order).
pub fn peer_suffix(_peer: &str) -> Bytes {
    unimplemented!()
}
