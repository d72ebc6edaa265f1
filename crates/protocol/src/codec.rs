//! Frames to commands and events to frames, in the three formats.

use bytes::Bytes;
use prost::Message;

use crate::{
    Command, Downlink, Event, Request, base64_text, convert,
    json::{self, Frame},
    wire::GenericCommand,
};

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

    /// For sockets that named no subprotocol: the format that the first message shows, if any.
    #[must_use]
    pub fn of_first_message(text: bool, payload: &[u8]) -> Option<Self> {
        match (text, payload.trim_ascii_start().first()) {
            (false, _) => Some(Self::Binary),
            (true, Some(b'{')) => Some(Self::Json),
            (true, _) => None,
        }
    }
}

/// The frame is no command; the server closes the socket with 4114.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A text message that should be Base64.
    #[error("the text is not Base64")]
    Base64,
    /// Bytes that are no protobuf message of the schema.
    #[error("the bytes are not a protobuf command")]
    Protobuf,
    /// A protobuf message without `cmd`.
    #[error("the protobuf command has no cmd")]
    NoCommand,
    /// Not a JSON object, or one nested too deeply.
    #[error("the text is not a JSON object")]
    JsonSyntax,
    /// A JSON object with a known key that holds something else than it should.
    #[error("a key of the JSON command holds a value of the wrong type")]
    JsonType,
    /// Client side only: an event that rooms do not have, from a newer server or another service. Skip it.
    #[error("unknown event {family} {verb}")]
    UnknownEvent {
        /// The family's name if known, else its number.
        family: String,
        /// The verb's name if known, else its number; empty without a verb.
        verb: String,
    },
}

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
    ///
    /// Commands that rooms do not have are no error: they become [`Command::Unsupported`].
    ///
    /// # Errors
    /// [`DecodeError`] when the frame is no command at all.
    pub fn decode(format: Format, payload: &[u8]) -> Result<Self, DecodeError> {
        match format {
            Format::Binary | Format::Base64 => convert::read_request(read_protobuf(format, payload)?),
            Format::Json => match json::read(payload)? {
                Frame::Command(command) => convert::read_request(*command),
                Frame::Unknown(request) => Ok(request),
                Frame::Heartbeat => {
                    Ok(Self { app: None, peer: None, serial: None, command: Command::Heartbeat })
                }
            },
        }
    }

    /// Client side: writes a frame. [`Command::Heartbeat`] exists in JSON only; elsewhere it is an `echo`.
    #[must_use]
    pub fn encode(&self, format: Format) -> Encoded {
        match (format, &self.command) {
            (Format::Json, Command::Heartbeat) => json_text(json::HEARTBEAT),
            (Format::Json, Command::Unsupported { family, verb }) => {
                json_text(json::write_unknown(self, family, verb.as_deref()))
            }
            (Format::Json, _) => json_text(json::write_uplink(&convert::write_request(self))),
            (Format::Binary | Format::Base64, _) => write_protobuf(format, &convert::write_request(self)),
        }
    }
}

impl Downlink {
    /// Server side: writes a frame. [`Event::Heartbeat`] exists in JSON only; elsewhere it is an `echo`.
    #[must_use]
    pub fn encode(&self, format: Format) -> Encoded {
        match (format, &self.event) {
            (Format::Json, Event::Heartbeat) => json_text(json::HEARTBEAT),
            (Format::Json, _) => json_text(json::write_downlink(&convert::write_downlink(self))),
            (Format::Binary | Format::Base64, _) => write_protobuf(format, &convert::write_downlink(self)),
        }
    }

    /// Client side: reads a server's frame.
    ///
    /// # Errors
    /// [`DecodeError`] when the frame is no command, or one that rooms do not have.
    pub fn decode(format: Format, payload: &[u8]) -> Result<Self, DecodeError> {
        match format {
            Format::Binary | Format::Base64 => convert::read_downlink(read_protobuf(format, payload)?),
            Format::Json => match json::read(payload)? {
                Frame::Command(command) => convert::read_downlink(*command),
                Frame::Unknown(request) => Err(unknown_event(request)),
                Frame::Heartbeat => {
                    Ok(Self { serial: None, peer: None, server_time: None, event: Event::Heartbeat })
                }
            },
        }
    }
}

/// The bytes that, appended to a binary push encoded without `peerId`, make it one for `peer`
/// (protobuf fields may stand in any order).
#[must_use]
pub fn peer_suffix(peer: &str) -> Bytes {
    let envelope = GenericCommand { peer_id: Some(peer.to_owned()), ..GenericCommand::default() };
    envelope.encode_to_vec().into()
}

pub(crate) fn read_protobuf(format: Format, payload: &[u8]) -> Result<GenericCommand, DecodeError> {
    let decoded = match format {
        Format::Base64 => GenericCommand::decode(base64_text::read(payload).ok_or(DecodeError::Base64)?),
        Format::Binary | Format::Json => GenericCommand::decode(payload),
    };
    // prost's own text is long and quotes field names; none of it is for the peer or the log.
    decoded.map_err(|_| DecodeError::Protobuf)
}

pub(crate) fn write_protobuf(format: Format, command: &GenericCommand) -> Encoded {
    let bytes = command.encode_to_vec();
    let payload = match format {
        Format::Base64 => base64_text::write(&bytes).into(),
        Format::Binary | Format::Json => bytes.into(),
    };
    Encoded { text: format.is_text(), payload }
}

pub(crate) fn json_text(payload: Bytes) -> Encoded {
    Encoded { text: true, payload }
}

fn unknown_event(request: Request) -> DecodeError {
    match request.command {
        Command::Unsupported { family, verb } => {
            DecodeError::UnknownEvent { family, verb: verb.unwrap_or_default() }
        }
        _ => DecodeError::NoCommand,
    }
}
