//! The JSON text format: the protobuf model, flattened (protocol appendix C.6).

mod embedded;
pub(crate) mod lenient;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    Command, DecodeError, Request,
    wire::{CommandType, GenericCommand, OpType},
};

/// One JSON frame, as far as it can be understood without knowing who sent it.
pub(crate) enum Frame {
    /// An object without `cmd`: the heartbeat of old clients.
    Heartbeat,
    /// A family or verb that no version of the protocol has.
    Unknown(Request),
    /// A command of the protobuf model.
    Command(Box<GenericCommand>),
}

/// The keys that stand beside those of the payload.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Envelope {
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::integer")]
    i: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::integer")]
    service: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::integer")]
    server_ts: Option<i64>,
    /// The priority of a message.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::integer")]
    level: Option<i32>,
}

/// Reads a frame of either direction.
pub(crate) fn read(payload: &[u8]) -> Result<Frame, DecodeError> {
    let mut frame: Value = serde_json::from_slice(payload).map_err(|_| DecodeError::JsonSyntax)?;
    let Some(keys) = frame.as_object_mut() else { return Err(DecodeError::JsonSyntax) };
    if keys.get("cmd").is_none_or(Value::is_null) {
        return Ok(Frame::Heartbeat);
    }
    name_binary_body(keys);
    let envelope: Envelope = typed(&frame)?;
    let family = envelope.cmd.as_deref().unwrap_or_default();
    let op = envelope.op.as_ref().map(|op| op.replace('-', "_"));
    let verb = op.as_deref().and_then(OpType::from_str_name);
    let Some(cmd) = CommandType::from_str_name(family) else {
        return Ok(Frame::Unknown(unknown(&envelope, op)));
    };
    if op.is_some() && verb.is_none() && has_verbs(cmd) {
        return Ok(Frame::Unknown(unknown(&envelope, op)));
    }
    let mut command = GenericCommand {
        cmd: Some(cmd.into()),
        op: verb.map(Into::into),
        app_id: envelope.app_id,
        peer_id: envelope.peer_id,
        i: envelope.i,
        priority: envelope.level,
        service: envelope.service,
        server_ts: envelope.server_ts,
        ..GenericCommand::default()
    };
    read_payload(cmd, &frame, &mut command)?;
    Ok(Frame::Command(Box::new(command)))
}

fn read_payload(cmd: CommandType, frame: &Value, command: &mut GenericCommand) -> Result<(), DecodeError> {
    match cmd {
        CommandType::Session => command.session_message = Some(typed(frame)?),
        CommandType::Conv => command.conv_message = Some(typed(frame)?),
        CommandType::Direct => command.direct_message = Some(typed(frame)?),
        CommandType::Ack => command.ack_message = Some(typed(frame)?),
        CommandType::Logs => command.logs_message = Some(typed(frame)?),
        CommandType::Error => command.error_message = Some(typed(frame)?),
        CommandType::Patch => command.patch_message = Some(typed(frame)?),
        CommandType::Blacklist => command.blacklist_message = Some(typed(frame)?),
        // The others have no payload that anybody reads.
        _ => {}
    }
    Ok(())
}

fn typed<T: DeserializeOwned>(frame: &Value) -> Result<T, DecodeError> {
    T::deserialize(frame).map_err(|_| DecodeError::JsonType)
}

fn has_verbs(cmd: CommandType) -> bool {
    matches!(
        cmd,
        CommandType::Session
            | CommandType::Conv
            | CommandType::Patch
            | CommandType::Report
            | CommandType::Blacklist
    )
}

/// What is kept of an unknown name: it comes back in the error text, so it must stay short.
const NAME_CHARS: usize = 64;

fn unknown(envelope: &Envelope, verb: Option<String>) -> Request {
    let short = |name: &str| name.chars().take(NAME_CHARS).collect::<String>();
    Request {
        app: envelope.app_id.clone(),
        peer: envelope.peer_id.clone(),
        serial: envelope.i,
        command: Command::Unsupported {
            family: short(envelope.cmd.as_deref().unwrap_or_default()),
            verb: verb.as_deref().map(short),
        },
    }
}

/// Writes a client's frame.
pub(crate) fn write_uplink(command: &GenericCommand) -> Bytes {
    to_bytes(&flatten(command))
}

/// Writes a server's frame: lists that old SDKs read without looking stand there even when empty.
pub(crate) fn write_downlink(command: &GenericCommand) -> Bytes {
    let mut keys = flatten(command);
    inline_binary_body(&mut keys);
    let must = match (command.cmd(), command.op) {
        (CommandType::Logs, _) => Some("logs"),
        (CommandType::Session, Some(op)) if op == i32::from(OpType::QueryResult) => {
            Some("onlineSessionPeerIds")
        }
        _ => None,
    };
    if let Some(list) = must {
        keys.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    }
    to_bytes(&keys)
}

/// Writes a command that has no number: its names go out as they are.
pub(crate) fn write_unknown(request: &Request, family: &str, verb: Option<&str>) -> Bytes {
    let envelope = Envelope {
        cmd: Some(family.to_owned()),
        op: verb.map(|verb| verb.replace('_', "-")),
        app_id: request.app.clone(),
        peer_id: request.peer.clone(),
        i: request.serial,
        ..Envelope::default()
    };
    to_bytes(&object(&envelope))
}

/// The heartbeat of old clients, both ways.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b"{}");

/// Envelope and payload in one object.
pub(crate) fn flatten(command: &GenericCommand) -> Map<String, Value> {
    let envelope = Envelope {
        cmd: command.cmd.map(|_| command.cmd().as_str_name().to_owned()),
        op: command.op.map(|_| command.op().as_str_name().replace('_', "-")),
        app_id: command.app_id.clone(),
        peer_id: command.peer_id.clone(),
        i: command.i,
        service: command.service,
        server_ts: command.server_ts,
        level: command.priority,
    };
    let mut keys = object(&envelope);
    keys.extend(command.session_message.iter().flat_map(object));
    keys.extend(command.conv_message.iter().flat_map(object));
    keys.extend(command.direct_message.iter().flat_map(object));
    keys.extend(command.ack_message.iter().flat_map(object));
    keys.extend(command.logs_message.iter().flat_map(object));
    keys.extend(command.error_message.iter().flat_map(object));
    keys.extend(command.report_message.iter().flat_map(object));
    keys.extend(command.patch_message.iter().flat_map(object));
    keys.extend(command.blacklist_message.iter().flat_map(object));
    keys.extend(command.loggedin_message.iter().flat_map(object));
    keys
}

fn object(part: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(part) {
        Ok(Value::Object(keys)) => keys,
        _ => unreachable!("plain structs become objects"),
    }
}

fn to_bytes(keys: &Map<String, Value>) -> Bytes {
    serde_json::to_vec(keys).expect("maps with text keys can be written").into()
}

/// Where a binary body may stand: at top level in a message, in each item of a patch.
fn bodies(keys: &mut Map<String, Value>) -> impl Iterator<Item = (&mut Map<String, Value>, &'static str)> {
    // A frame is one or the other, so this never yields the same body twice.
    let is_patch = keys.contains_key("patches");
    let (own, patches) = if is_patch { (None, keys.get_mut("patches")) } else { (Some((keys, "msg")), None) };
    let items = patches.and_then(Value::as_array_mut).into_iter().flatten();
    own.into_iter().chain(items.filter_map(Value::as_object_mut).map(|item| (item, "data")))
}

/// Downlink: old SDKs read `msg` even of binary messages, and learn from `bin` that it is Base64.
fn inline_binary_body(keys: &mut Map<String, Value>) {
    for (holder, text_key) in bodies(keys) {
        if let Some(base64) = holder.remove("binaryMsg") {
            holder.insert(text_key.to_owned(), base64);
            holder.insert("bin".to_owned(), Value::Bool(true));
        }
    }
}

/// The reverse, for frames of either direction.
fn name_binary_body(keys: &mut Map<String, Value>) {
    for (holder, text_key) in bodies(keys) {
        if holder.get("bin").is_some_and(lenient::is_true)
            && let Some(base64) = holder.remove(text_key)
        {
            holder.insert("binaryMsg".to_owned(), base64);
        }
    }
}
