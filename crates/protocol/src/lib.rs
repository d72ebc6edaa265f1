//! What both ends of Grandstand agree on: commands and events, their three encodings, ids, codes and limits.
//!
//! A frame is bytes or text on the socket; a [`Request`] is what a client asks; a [`Downlink`] is what the
//! server says. Only the codec sees the generated protobuf types. There is no I/O here.
#![deny(missing_docs)]

mod base64_text;
mod code;
mod codec;
mod command;
mod convert;
mod event;
mod fields;
mod id;
mod json;
pub mod limits;
mod message;
mod moderation;
mod subprotocol;
mod wire;

pub use code::{Code, Fault};
pub use codec::{DecodeError, Encoded, Format, peer_suffix};
pub use command::{
    Bound, Command, ConversationQuery, Direction, HistoryRequest, Open, PatchRequest, Request, Send,
    Signature, StartConversation,
};
pub use event::{Change, Downlink, Event, HistoryItem, Patch, Push, Token};
pub use fields::Fields;
pub use id::{AppId, ClientId, InvalidClientId, MessageId, RoomId};
pub use message::{Body, Level, Mentions};
pub use moderation::{Answer, Ask, Failure, MemberInfo, Moderate, Moderated, Notice, Outcome, Restriction};
pub use subprotocol::{Subprotocol, UnknownSubprotocol, Version};
