//! Between the generated protobuf types and the domain types: four directions, one file each.
//!
//! proto2 tells an absent field from one set to 0, false or "", and so do the SDKs: writers set only what is meant.
//! Readers are lenient: empty means absent wherever an empty value would mean nothing.

mod moderation;
mod read_downlink;
mod read_request;
mod write_downlink;
mod write_request;

pub(crate) use read_downlink::read_downlink;
pub(crate) use read_request::read_request;
pub(crate) use write_downlink::write_downlink;
pub(crate) use write_request::write_request;

use bytes::Bytes;

use crate::{
    Body, Mentions,
    wire::{CommandType, JsonObjectMessage, OpType},
};

/// `service` of instant messaging; iOS SDKs drop pushes without it.
const SERVICE_IM: i32 = 2;

/// `service` of the push channel.
const SERVICE_PUSH: i32 = 0;

/// `convType` of a chat room; without it Java builds another kind of conversation.
const CONV_TYPE_ROOM: i32 = 2;

/// A proto2 flag that is only written when it is set.
fn set(flag: bool) -> Option<bool> {
    flag.then_some(true)
}

fn is_set(flag: Option<bool>) -> bool {
    flag.unwrap_or(false)
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn json_text(data: &str) -> Option<JsonObjectMessage> {
    Some(JsonObjectMessage { data: data.to_owned() })
}

fn body(text: Option<String>, binary: Option<Bytes>) -> Body {
    match binary {
        Some(bytes) => Body::Binary(bytes),
        None => Body::Text(text.unwrap_or_default()),
    }
}

/// The body's two fields, of which exactly one is set.
fn body_fields(body: &Body) -> (Option<String>, Option<Bytes>) {
    match body {
        Body::Text(text) => (Some(text.clone()), None),
        Body::Binary(bytes) => (None, Some(bytes.clone())),
    }
}

/// A patch's text field is bytes: the Java SDK writes binary bodies there.
fn patch_body(data: Option<Bytes>, binary: Option<Bytes>) -> Option<Body> {
    let data = || match String::from_utf8(data?.into()) {
        Ok(text) => Some(Body::Text(text)),
        Err(error) => Some(Body::Binary(error.into_bytes().into())),
    };
    binary.map(Body::Binary).or_else(data)
}

fn patch_body_fields(body: &Body) -> (Option<Bytes>, Option<Bytes>) {
    let (text, binary) = body_fields(body);
    (text.map(Bytes::from), binary)
}

fn mentions(all: Option<bool>, clients: Vec<String>) -> Mentions {
    Mentions { all: is_set(all), clients }
}

/// The name of a command and its verb; numbers where this version knows no name.
pub(crate) fn names(cmd: i32, op: Option<i32>) -> (String, Option<String>) {
    let family =
        CommandType::try_from(cmd).map_or_else(|_| cmd.to_string(), |cmd| cmd.as_str_name().to_owned());
    let verb =
        op.map(|op| OpType::try_from(op).map_or_else(|_| op.to_string(), |op| op.as_str_name().to_owned()));
    (family, verb)
}
