//! A frame field by field, for recordings: what [`Request`](crate::Request) and [`Downlink`](crate::Downlink) leave
//! out is kept.

use prost::Message;
use serde_json::{Map, Value};

use crate::{
    Command, DecodeError, Encoded, Format,
    codec::{json_text, read_protobuf, write_protobuf},
    convert,
    json::{self, Frame},
    wire::GenericCommand,
};

/// What a frame of either direction says, in the same form for all formats.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    /// Envelope and payload in one object, named as in the JSON format; verbs are written with underscores, bytes as
    /// Base64, embedded JSON as objects and arrays. Empty for the JSON heartbeat.
    pub object: Map<String, Value>,
    /// Bytes of fields that the schema does not have; they are not in the object.
    pub unknown: usize,
}

impl Fields {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no command.
    pub fn read(format: Format, payload: &[u8]) -> Result<Self, DecodeError> {
        if format == Format::Json {
            return read_json(payload);
        }
        let command = read_protobuf(format, payload)?;
        if command.cmd.is_none() {
            return Err(DecodeError::NoCommand);
        }
        let length = match format {
            Format::Base64 => payload.iter().filter(|byte| **byte != b'=').count() * 3 / 4,
            Format::Binary | Format::Json => payload.len(),
        };
        let unknown = length.saturating_sub(command.encoded_len());
        Ok(Self { object: object_of(command), unknown })
    }

    /// Writes a client's frame.
    ///
    /// # Errors
    /// [`DecodeError`] when the fields are no command, or one that this format cannot write.
    pub fn write(&self, format: Format) -> Result<Encoded, DecodeError> {
        let text = Value::Object(self.object.clone()).to_string();
        if format == Format::Json {
            let written = dashed(&self.object);
            return Ok(json_text(Value::Object(written).to_string().into()));
        }
        match json::read(text.as_bytes())? {
            Frame::Command(command) => Ok(write_protobuf(format, &command)),
            Frame::Heartbeat => Err(DecodeError::NoCommand),
            Frame::Unknown(request) => match request.command {
                Command::Unsupported { family, verb } => {
                    Err(DecodeError::UnknownEvent { family, verb: verb.unwrap_or_default() })
                }
                _ => Err(DecodeError::NoCommand),
            },
        }
    }
}

fn read_json(payload: &[u8]) -> Result<Fields, DecodeError> {
    let read = json::read(payload)?;
    let raw: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| DecodeError::JsonSyntax)?;
    let object = match read {
        Frame::Command(command) => object_of(*command),
        Frame::Unknown(_) => {
            let known = ["cmd", "op", "appId", "peerId", "i", "service", "serverTs"];
            raw.iter().filter(|(key, _)| known.contains(&key.as_str())).map(owned).collect()
        }
        Frame::Heartbeat => Map::new(),
    };
    let is_missing = |key: &str, value: &Value| {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        !empty && !object.contains_key(key) && !["bin", "msg"].contains(&key)
    };
    let missing = raw.iter().filter(|(key, value)| is_missing(key, value));
    let unknown = missing.map(|(key, value)| key.len() + value.to_string().len()).sum();
    Ok(Fields { object, unknown })
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn object_of(mut command: GenericCommand) -> Map<String, Value> {
    // A Java client writes binary bodies where others write text.
    for patch in command.patch_message.iter_mut().flat_map(|message| &mut message.patches) {
        if let Some(data) = patch.data.take_if(|data| str::from_utf8(data).is_err()) {
            patch.binary_msg = Some(data);
        }
    }
    let mut object = json::flatten(&command);
    // Numbers that the schema has no name for must not turn into its first name.
    let (family, verb) = convert::names(command.cmd.unwrap_or_default(), command.op);
    object.insert("cmd".to_owned(), family.into());
    if let Some(verb) = verb {
        object.insert("op".to_owned(), verb.into());
    }
    object
}

/// The JSON format writes verbs with hyphens.
fn dashed(object: &Map<String, Value>) -> Map<String, Value> {
    let mut object = object.clone();
    if let Some(Value::String(verb)) = object.get_mut("op") {
        *verb = verb.replace('_', "-");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str) {
        let object: Map<String, Value> = serde_json::from_str(object).unwrap();
        let fields = Fields { object, unknown: 0 };
        for format in [Format::Binary, Format::Base64, Format::Json] {
            let frame = fields.write(format).unwrap();
            assert_eq!(Fields::read(format, &frame.payload).unwrap(), fields, "{format:?}");
        }
    }

    #[test]
    fn fields_are_the_same_in_every_format() {
        check(
            r#"{"cmd":"session","op":"open","appId":"a","peerId":"c","i":-7,"ua":"js","configBitmap":187}"#,
        );
        check(r#"{"cmd":"conv","op":"members_shutuped","cid":"r","initBy":"o","m":["a","b"]}"#);
        check(
            r#"{"cmd":"conv","op":"start","i":0,"transient":true,"attr":{"name":"n","attr":{"k":[1,{}]}}}"#,
        );
        check(r#"{"cmd":"direct","i":3,"level":1,"cid":"r","binaryMsg":"AAH/","mentionPids":["x"]}"#);
        check(r#"{"cmd":"logs","i":4,"logs":[{"from":"a","data":"t","timestamp":9,"msgId":"m"}]}"#);
        check(r#"{"cmd":"patch","op":"modify","patches":[{"cid":"r","mid":"m","data":"t"}]}"#);
        check(r#"{"cmd":"error","i":5,"code":4401,"reason":"INVALID_MESSAGING_TARGET"}"#);
    }

    #[test]
    fn what_the_schema_lacks_is_counted_and_named_by_its_number() {
        // cmd = 99; field 99, four bytes, which nobody knows.
        let fields = Fields::read(Format::Binary, b"\x08\x63\x9a\x06\x04abcd").unwrap();
        assert_eq!(fields.object["cmd"], "99");
        assert_eq!(fields.unknown, 7);
        let fields = Fields::read(Format::Json, br#"{"cmd":"echo","i":1,"future":true,"m":[]}"#).unwrap();
        assert_eq!((fields.object.len(), fields.unknown), (2, 10));
    }

    #[test]
    fn binary_edits_of_java_are_bytes() {
        let frame = b"\x08\x12\x10\x96\x01\x92\x07\x06\x0a\x04\x2a\x02\xff\xfe";
        let fields = Fields::read(Format::Binary, frame).unwrap();
        assert_eq!(fields.object["patches"][0]["binaryMsg"], "//4=");
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        assert_eq!(Fields::read(Format::Binary, b"\xff"), Err(DecodeError::Protobuf));
        assert_eq!(Fields::read(Format::Binary, b""), Err(DecodeError::NoCommand));
        assert_eq!(Fields::read(Format::Base64, b"?"), Err(DecodeError::Base64));
        assert_eq!(Fields::read(Format::Json, b"[]"), Err(DecodeError::JsonSyntax));
    }
}
